/** sprig's random functions. */
import { checkLength, spend } from "../budget.ts";
import { type FuncMap, fn, P } from "../func.ts";
import { int } from "../types.ts";
import { GoError } from "../value.ts";

/** Fills with bytes that nobody can foretell. */
export type RandomBytes = (count: number) => Uint8Array;

/** An even choice below `limit`, which is at least 1 and at most 2^48. */
function below(random: RandomBytes, limit: number): number {
  const space = 2 ** 48;
  const fair = space - (space % limit);
  for (;;) {
    let value = 0;
    for (const byte of random(6)) value = value * 256 + byte;
    if (value < fair) return value % limit;
  }
}

const DIGITS = "0123456789";
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ASCII = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join("");

export function randomFuncs(random: RandomBytes): FuncMap {
  const text = (alphabet: string) =>
    fn([P.int], (count) => {
      if (count <= 0) return "";
      checkLength(count);
      spend(count);
      let out = "";
      for (let index = 0; index < count; index++) out += alphabet.charAt(below(random, alphabet.length));
      return out;
    });
  return {
    randAlphaNum: text(DIGITS + LETTERS),
    randAlpha: text(LETTERS),
    randNumeric: text(DIGITS),
    randAscii: text(ASCII),
    randInt: fn([P.int, P.int], (min, max) => {
      if (max <= min) throw new GoError("invalid argument to Intn");
      return int(min + below(random, Math.min(max - min, 2 ** 48)));
    }),
    randBytes: fn([P.int], (count) => {
      if (count < 0) throw new GoError("runtime error: makeslice: len out of range");
      checkLength(Math.ceil(count / 3) * 4);
      return Buffer.from(random(count)).toString("base64");
    }),
    shuffle: fn([P.string], (value) => {
      // Broken UTF-8 becomes U+FFFD, byte by byte.
      const chars = Array.from(value, (char) => (char.isWellFormed() ? char : "\ufffd"));
      spend(chars.length);
      for (let index = chars.length - 1; index > 0; index--) {
        const other = below(random, index + 1);
        const char = chars[index] ?? "";
        chars[index] = chars[other] ?? "";
        chars[other] = char;
      }
      return chars.join("");
    }),
    uuidv4: fn([], () => {
      const bytes = Buffer.from(random(16));
      bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
      bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
      return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
    }),
  };
}
