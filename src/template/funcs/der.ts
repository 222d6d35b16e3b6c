/** The little of ASN.1's distinguished encoding that certificates and DSA keys need. */

export function der(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(contents);
  const length: number[] = [];
  if (body.length < 0x80) length.push(body.length);
  else {
    for (let rest = body.length; rest > 0; rest = Math.floor(rest / 256)) length.unshift(rest % 256);
    length.unshift(0x80 | length.length);
  }
  return Buffer.concat([Uint8Array.of(tag, ...length), body]);
}

export const sequence = (...items: readonly Uint8Array[]): Uint8Array => der(0x30, ...items);
export const octets = (bytes: Uint8Array): Uint8Array => der(0x04, bytes);
/** A whole number of bytes. */
export const bits = (bytes: Uint8Array, unused = 0): Uint8Array => der(0x03, Uint8Array.of(unused), bytes);
export const TRUE: Uint8Array = der(0x01, Uint8Array.of(0xff));
export const NULL: Uint8Array = der(0x05);

/** A number that is not negative. */
export function integer(value: bigint): Uint8Array {
  let hex = value.toString(16);
  if (hex.length % 2 === 1) hex = `0${hex}`;
  if (Number.parseInt(hex.charAt(0), 16) >= 8) hex = `00${hex}`;
  return der(0x02, Buffer.from(hex, "hex"));
}

/** `2.5.29.15` and the like. */
export function oid(text: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = text.split(".").map(Number);
  const bytes: number[] = [];
  for (const part of [first * 40 + second, ...rest]) {
    const digits = [part % 128];
    for (let high = Math.floor(part / 128); high > 0; high = Math.floor(high / 128)) digits.unshift(128 + (high % 128));
    bytes.push(...digits);
  }
  return der(0x06, Uint8Array.from(bytes));
}

/** UTCTime until 2049, GeneralizedTime from then on (RFC 5280, 4.1.2.5). */
export function dateTime(seconds: number): Uint8Array {
  const digits = new Date(seconds * 1000).toISOString().replace(/[-:T]|\.\d+/g, "");
  const short = digits >= "1950" && digits < "2050";
  return der(short ? 0x17 : 0x18, Buffer.from(short ? digits.slice(2) : digits));
}

/** One element of an encoding: its tag, its contents, itself, and where the next begins. */
export interface Element {
  readonly tag: number;
  readonly body: Uint8Array;
  readonly whole: Uint8Array;
  readonly next: number;
}

/** Throws a RangeError for what is no complete element. */
export function readElement(bytes: Uint8Array, at: number): Element {
  let start = at + 2;
  let length = bytes[at + 1] ?? 0;
  if (length >= 0x80) {
    const count = length & 0x7f;
    length = 0;
    for (let index = 0; index < count; index++) length = length * 256 + (bytes[start + index] ?? 0);
    start += count;
  }
  const next = start + length;
  if (next > bytes.length) throw new RangeError("asn1: syntax error: data truncated");
  return { tag: bytes[at] ?? 0, body: bytes.subarray(start, next), whole: bytes.subarray(at, next), next };
}

/** The elements inside another one. */
export function readAll(body: Uint8Array): Element[] {
  const elements: Element[] = [];
  for (let at = 0; at < body.length; ) {
    const element = readElement(body, at);
    elements.push(element);
    at = element.next;
  }
  return elements;
}

export function toPem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/** The first block of a PEM text; undefined without one. */
export function fromPem(text: string): { readonly label: string; readonly bytes: Uint8Array } | undefined {
  const match = /^-----BEGIN ([A-Z0-9 ]+)-----[ \t]*\r?\n((?:[A-Za-z0-9+/=]*[ \t]*\r?\n)*)-----END \1-----/m.exec(text);
  if (match === null) return undefined;
  return { label: match[1] ?? "", bytes: Buffer.from(match[2] ?? "", "base64") };
}
