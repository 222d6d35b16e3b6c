/**
 * `metadata.managedFields` says who wrote which field: a quarter of an event's bytes, more of its objects once parsed,
 * and nobody downstream is told of it. So it goes before anything else looks.
 */

const KEY = Buffer.from('"managedFields":[');
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;

let scratch = Buffer.allocUnsafeSlow(64 * 1024);

/**
 * The same JSON without its first `managedFields`; the input itself when it has none, or spells it with blanks. A new
 * text is valid until the next call. The key cannot be part of a string: its quotes would be escaped there.
 */
export function withoutManagedFields(json: Uint8Array): Uint8Array {
  const source = Buffer.from(json.buffer, json.byteOffset, json.length);
  const key = source.indexOf(KEY);
  if (key < 0) return json;
  let end = endOfArray(json, key + KEY.length);
  if (end < 0) return json;
  let begin = key;
  if (json[end] === COMMA) end++;
  else if (json[begin - 1] === COMMA) begin--;
  const length = json.length - (end - begin);
  if (length > scratch.length) {
    if (length > 1024 * 1024) return json;
    scratch = Buffer.allocUnsafeSlow(length * 2);
  }
  source.copy(scratch, 0, 0, begin);
  source.copy(scratch, begin, end);
  return scratch.subarray(0, length);
}

/** Index behind the bracket that closes the array which `from` is in; -1 when it does not close. */
function endOfArray(json: Uint8Array, from: number): number {
  let depth = 1;
  let inString = false;
  for (let at = from; at < json.length; at++) {
    const byte = json[at];
    if (inString) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (byte === OPEN_BRACKET) depth++;
    else if (byte === CLOSE_BRACKET && --depth === 0) return at + 1;
  }
  return -1;
}
