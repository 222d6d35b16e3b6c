/**
 * Go's strings are bytes. Ours are JavaScript's, where a byte that is not valid UTF-8 is held as the lone surrogate
 * U+DC80..U+DCFF (as Python's "surrogateescape"), so that cutting a character in two loses nothing.
 */

const encoder = new TextEncoder();
const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const NOT_ASCII = /[^\x00-\x7f]/;

/** Whether one UTF-16 unit is one byte. */
export function isAscii(text: string): boolean {
  return !NOT_ASCII.test(text);
}

/** The number of bytes Go's len() gives. */
export function byteLength(text: string): number {
  if (!NOT_ASCII.test(text)) return text.length;
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) length += 1;
    else if (unit < 0x800) length += 2;
    else if (unit >= 0xd800 && unit < 0xdc00 && isLow(text.charCodeAt(i + 1))) {
      length += 4;
      i += 1;
    } else length += unit >= 0xdc80 && unit <= 0xdcff ? 1 : 3;
  }
  return length;
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

export function toBytes(text: string): Uint8Array {
  if (text.isWellFormed()) return encoder.encode(text);
  const out = new Uint8Array(text.length * 3);
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    let code = text.charCodeAt(i);
    if (code < 0x80) {
      out[at++] = code;
      continue;
    }
    if (code >= 0xdc80 && code <= 0xdcff) {
      out[at++] = code & 0xff;
      continue;
    }
    if (code >= 0xd800 && code <= 0xdfff) {
      const low = text.charCodeAt(i + 1);
      if (code < 0xdc00 && isLow(low)) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        i += 1;
      } else code = 0xfffd;
    }
    if (code < 0x800) out[at++] = 0xc0 | (code >> 6);
    else {
      if (code < 0x10000) out[at++] = 0xe0 | (code >> 12);
      else {
        out[at++] = 0xf0 | (code >> 18);
        out[at++] = 0x80 | ((code >> 12) & 0x3f);
      }
      out[at++] = 0x80 | ((code >> 6) & 0x3f);
    }
    out[at++] = 0x80 | (code & 0x3f);
  }
  return out.subarray(0, at);
}

/** The inverse of {@link toBytes} for every sequence of bytes. */
export function fromBytes(bytes: Uint8Array): string {
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return decodeLeniently(bytes);
  }
}

function decodeLeniently(bytes: Uint8Array): string {
  const units = new Uint16Array(bytes.length);
  let length = 0;
  for (let i = 0; i < bytes.length; ) {
    const size = runeSize(bytes, i);
    const first = bytes[i] ?? 0;
    if (size === 0) units[length++] = 0xdc00 | first;
    else if (size === 1) units[length++] = first;
    else {
      let code = first & (0xff >> (size + 1));
      for (let k = 1; k < size; k++) code = (code << 6) | ((bytes[i + k] ?? 0) & 0x3f);
      if (code > 0xffff) {
        units[length++] = 0xd800 + ((code - 0x10000) >> 10);
        units[length++] = 0xdc00 + ((code - 0x10000) & 0x3ff);
      } else units[length++] = code;
    }
    i += Math.max(1, size);
  }
  return Buffer.from(units.buffer, 0, 2 * length).toString("utf16le");
}

/** The length of the valid UTF-8 sequence at `i`, 0 when there is none. */
function runeSize(bytes: Uint8Array, i: number): number {
  const first = bytes[i] ?? 0;
  if (first < 0x80) return 1;
  const size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || i + size > bytes.length) return 0;
  for (let k = 1; k < size; k++) if (((bytes[i + k] ?? 0) & 0xc0) !== 0x80) return 0;
  const second = bytes[i + 1] ?? 0;
  if (first === 0xe0 && second < 0xa0) return 0;
  if (first === 0xed && second > 0x9f) return 0;
  if (first === 0xf0 && second < 0x90) return 0;
  if (first === 0xf4 && second > 0x8f) return 0;
  return size;
}

/** Go's text[from:to], by bytes; the caller has checked the bounds. */
export function sliceBytes(text: string, from: number, to: number): string {
  if (isAscii(text)) return text.slice(from, to);
  return fromBytes(toBytes(text).subarray(from, to));
}

/**
 * Joins what cutting has parted: `"\xc3" + "\xa9"` is `é` again. Needed only where a string meets the outside or is
 * compared.
 */
export function rejoin(text: string): string {
  return text.isWellFormed() ? text : fromBytes(toBytes(text));
}

/** Go's order of strings (by bytes, which is by code points): below, equal to or above zero. */
export function compareStrings(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) {
      // Surrogates (U+10000 and above) sort above U+E000..U+FFFF in UTF-8, but below in UTF-16.
      if (x >= 0xd800 && y >= 0xd800) return Buffer.compare(toBytes(a), toBytes(b));
      return x - y;
    }
  }
  return a.length - b.length;
}
