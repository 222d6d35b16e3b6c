/** Go's strings where its functions count bytes: one character per byte, so that positions and cuts are Go's. */
import { fromBytes, isAscii, toBytes } from "./bytes.ts";

/** The text's bytes as characters U+0000 to U+00FF; ASCII text is returned as it is. */
export function toByteString(text: string): string {
  return isAscii(text) ? text : Buffer.from(toBytes(text)).toString("latin1");
}

/** The inverse of {@link toByteString}, for any bytes. */
export function fromByteString(bytes: string): string {
  return isAscii(bytes) ? bytes : fromBytes(Buffer.from(bytes, "latin1"));
}

/**
 * Runs string operations that are the same on characters and on bytes; on bytes only when a text holds broken UTF-8,
 * where a byte may be part of a character.
 */
export function onBytes<T>(texts: readonly string[], work: (...texts: string[]) => T, back: (result: T) => T): T {
  if (texts.every((text) => text.isWellFormed())) return work(...texts);
  return back(work(...texts.map(toByteString)));
}
