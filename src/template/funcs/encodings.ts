/** sprig's encodings, checksums, paths and environment. */
import { checkLength } from "../budget.ts";
import { fromByteString, toByteString } from "../byte-string.ts";
import { fromBytes, toBytes } from "../bytes.ts";
import { type FuncMap, fn, P } from "../func.ts";
import { GoError } from "../value.ts";

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** As base64.StdEncoding.DecodeString, with the place of the first fault; throws GoError. */
export function decodeBase64(text: string): Uint8Array {
  const source = toByteString(text);
  const fault = (at: number): GoError => new GoError(`illegal base64 data at input byte ${at}`);
  const skipNewlines = (from: number): number => {
    let at = from;
    while (source[at] === "\n" || source[at] === "\r") at++;
    return at;
  };
  const out: number[] = [];
  let at = 0;
  for (;;) {
    let bits = 0;
    let digits = 0;
    let ended = false;
    while (digits < 4) {
      at = skipNewlines(at);
      const char = source[at];
      if (char === undefined) {
        if (digits === 0) return Uint8Array.from(out);
        throw fault(at - digits);
      }
      at++;
      const digit = BASE64.indexOf(char);
      if (digit >= 0) {
        bits = (bits << 6) | digit;
        digits++;
        continue;
      }
      if (char !== "=" || digits < 2) throw fault(at - 1);
      if (digits === 2) {
        at = skipNewlines(at);
        if (at === source.length) throw fault(source.length);
        if (source[at] !== "=") throw fault(at - 1);
        at++;
      }
      at = skipNewlines(at);
      if (at < source.length) throw fault(at);
      ended = true;
      break;
    }
    bits <<= 6 * (4 - digits);
    const bytes = [(bits >> 16) & 255, (bits >> 8) & 255, bits & 255];
    out.push(...bytes.slice(0, digits - 1));
    if (ended) return Uint8Array.from(out);
  }
}

function encodeBase32(text: string): string {
  const bytes = toBytes(text);
  checkLength(bytes.length * 2);
  let out = "";
  for (let at = 0; at < bytes.length; at += 5) {
    const group = bytes.subarray(at, at + 5);
    let bits = 0n;
    for (let index = 0; index < 5; index++) bits = (bits << 8n) | BigInt(group[index] ?? 0);
    const digits = Math.ceil((group.length * 8) / 5);
    for (let index = 0; index < 8; index++) {
      out += index < digits ? BASE32.charAt(Number((bits >> BigInt(35 - 5 * index)) & 31n)) : "=";
    }
  }
  return out;
}

/** As base32.StdEncoding.DecodeString; throws GoError. */
function decodeBase32(text: string): Uint8Array {
  const source = toByteString(text).replace(/[\r\n]/g, "");
  const fault = (at: number): GoError => new GoError(`illegal base32 data at input byte ${at}`);
  const out: number[] = [];
  let at = 0;
  let ended = false;
  while (at < source.length && !ended) {
    let bits = 0n;
    let digits = 0;
    for (; digits < 8; digits++) {
      const char = source[at];
      if (char === undefined) throw fault(source.length - digits);
      at++;
      const left = source.length - at;
      if (char === "=" && digits >= 2 && left < 8) {
        if (left + digits < 7) throw fault(source.length);
        for (let index = 0; index < 7 - digits; index++) {
          if (left > index && source[at + index] !== "=") throw fault(at + index - 1);
        }
        if (digits === 3 || digits === 6) throw fault(at - 1);
        ended = true;
        break;
      }
      const digit = BASE32.indexOf(char);
      if (digit < 0) throw fault(at - 1);
      bits = (bits << 5n) | BigInt(digit);
    }
    bits <<= BigInt(5 * (8 - digits));
    for (let index = 0; index < Math.floor((digits * 5) / 8); index++) {
      out.push(Number((bits >> BigInt(32 - 8 * index)) & 255n));
    }
  }
  return Uint8Array.from(out);
}

/** sprig prints the error as if it were the text. */
function textOrFault(decode: () => Uint8Array): string {
  try {
    return fromBytes(decode());
  } catch (error) {
    if (error instanceof GoError) return error.message;
    throw error;
  }
}

function hash(algorithm: "sha1" | "sha256" | "sha512", text: string): string {
  return new Bun.CryptoHasher(algorithm).update(toBytes(text)).digest("hex");
}

function adler32(text: string): string {
  let a = 1;
  let b = 0;
  for (const byte of toBytes(text)) {
    a = (a + byte) % 65_521;
    b = (b + a) % 65_521;
  }
  return String(b * 65_536 + a);
}

/** As path.Clean. */
function cleanPath(path: string): string {
  if (path === "") return ".";
  const rooted = path.startsWith("/");
  const kept: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") kept.push(part);
    else if (kept.length > 0 && kept.at(-1) !== "..") kept.pop();
    else if (!rooted) kept.push("..");
  }
  const joined = kept.join("/");
  if (rooted) return `/${joined}`;
  return joined === "" ? "." : joined;
}

function basePath(path: string): string {
  if (path === "") return ".";
  const trimmed = path.replace(/\/+$/, "");
  return trimmed === "" ? "/" : trimmed.slice(trimmed.lastIndexOf("/") + 1);
}

function dirPath(path: string): string {
  return cleanPath(path.slice(0, path.lastIndexOf("/") + 1));
}

function extension(path: string): string {
  const dot = path.lastIndexOf(".");
  return dot > path.lastIndexOf("/") ? path.slice(dot) : "";
}

const SPECIAL = "[*#$@!?0-9-]";
const REFERENCE = new RegExp(`\\$(?:\\{(?:(${SPECIAL})\\}|\\}|([^}]+)\\}|)|(${SPECIAL})|([A-Za-z0-9_]+))`, "g");

/** As os.Expand: `$NAME` and `${NAME}`; a broken `${` disappears. */
function expandEnv(text: string, get: (name: string) => string): string {
  return text.replace(REFERENCE, (_all, special?: string, braced?: string, letter?: string, name?: string) => {
    const key = special ?? braced ?? letter ?? name;
    return key === undefined ? "" : get(key);
  });
}

const base = fn([P.string], basePath);
const dir = fn([P.string], dirPath);
const clean = fn([P.string], cleanPath);
const ext = fn([P.string], extension);
const isAbs = fn([P.string], (path) => path.startsWith("/"));

export const encodingFuncs: FuncMap = {
  b64enc: fn([P.string], (text) => Buffer.from(toBytes(text)).toString("base64")),
  b64dec: fn([P.string], (text) => textOrFault(() => decodeBase64(text))),
  b32enc: fn([P.string], encodeBase32),
  b32dec: fn([P.string], (text) => textOrFault(() => decodeBase32(text))),
  sha1sum: fn([P.string], (text) => hash("sha1", text)),
  sha256sum: fn([P.string], (text) => hash("sha256", text)),
  sha512sum: fn([P.string], (text) => hash("sha512", text)),
  adler32sum: fn([P.string], adler32),
  base,
  dir,
  clean,
  ext,
  isAbs,
  osBase: base,
  osDir: dir,
  osClean: clean,
  osExt: ext,
  osIsAbs: isAbs,
};

/** Empty for a variable that is not set. */
export function environmentFuncs(environment: Readonly<Record<string, string | undefined>>): FuncMap {
  const get = (name: string): string => environment[name] ?? "";
  return {
    env: fn([P.string], get),
    expandenv: fn([P.string], (text) =>
      fromByteString(expandEnv(toByteString(text), (name) => toByteString(get(fromByteString(name))))),
    ),
  };
}
