/**
 * A list's body to its items, one at a time: a page of 250 events parsed whole costs 20 MB more than this
 * (a list of a million must not need more memory than a list of ten).
 */

export interface ItemScanner {
  /** Calls `item` for every element of the top-level `items` array that this chunk completes; bytes valid during the call. */
  push(chunk: Uint8Array): void;
  /** What stood around the items, parsed: `{ kind, metadata, items: [] }`. Throws when the body is no whole JSON object. */
  end(): unknown;
}

export interface ItemOptions {
  /** Largest item, in bytes. A larger one is thrown away and told. */
  readonly limit: number;
  item(bytes: Uint8Array): void;
  tooLong(): void;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** Depth inside the items array: the list object is 1, its array 2. */
const ITEMS = 2;
const ENVELOPE_LIMIT = 1024 * 1024;

export function createItemScanner(options: ItemOptions): ItemScanner {
  let depth = 0;
  let inString = false;
  let escaped = false;
  let inItems = false;
  let envelope = "";
  let pieces: Uint8Array[] = [];
  let size = 0;
  let skipping = false;

  function keep(piece: Uint8Array): void {
    if (skipping || piece.length === 0) return;
    size += piece.length;
    if (size <= options.limit) {
      pieces.push(piece);
      return;
    }
    skipping = true;
    pieces = [];
    options.tooLong();
  }

  function finish(): void {
    if (!skipping) {
      const [only] = pieces;
      options.item(pieces.length === 1 && only ? only : Buffer.concat(pieces, size));
    }
    pieces = [];
    size = 0;
    skipping = false;
  }

  function around(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (envelope.length + bytes.length > ENVELOPE_LIMIT)
      throw new Error("the list holds more than 1 MiB beside its items");
    envelope += Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
  }

  return {
    push(chunk) {
      const length = chunk.length;
      // Where the item, or the text around the items, begins in this chunk.
      let from = 0;
      for (let at = 0; at < length; at++) {
        const byte = chunk[at];
        if (inString) {
          if (escaped) escaped = false;
          else if (byte === BACKSLASH) escaped = true;
          else if (byte === QUOTE) inString = false;
          continue;
        }
        if (byte === QUOTE) {
          inString = true;
        } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
          if (inItems && depth === ITEMS) from = at;
          depth++;
          if (depth === ITEMS && byte === OPEN_BRACKET && !inItems) {
            around(chunk.subarray(from, at + 1));
            from = at + 1;
            if (/"items"\s*:\s*\[$/.test(envelope)) inItems = true;
          }
        } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
          depth--;
          if (!inItems) continue;
          if (depth === ITEMS) {
            keep(chunk.subarray(from, at + 1));
            finish();
            from = at + 1;
          } else if (depth < ITEMS) {
            inItems = false;
            from = at;
          }
        }
      }
      if (!inItems) around(chunk.subarray(from));
      else if (depth > ITEMS) keep(Buffer.copyBytesFrom(chunk, from));
    },
    end() {
      if (depth !== 0 || inString || envelope.trim() === "") throw new Error("the list ended in the middle");
      return JSON.parse(Buffer.from(envelope, "latin1").toString("utf8"));
    },
  };
}
