/**
 * NATS's nkeys: Ed25519 keys in base 32, by which a client signs what the server greets it with, so that no secret
 * goes over the wire. @see https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro/nkey_auth
 */
import { createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/** The first byte of a user's public key, which makes it begin with `U`. @see https://github.com/nats-io/nkeys */
const USER = 20 << 3;
/** The upper five bits of a seed's first byte, which make it begin with `S`. */
const SEED = 18 << 3;
const SEED_BYTES = 32;
/** PKCS #8 of an Ed25519 key, before the seed. @see https://www.rfc-editor.org/rfc/rfc8410#section-7 */
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");

export interface Nkey {
  /** The public key of a user: `U…`. */
  readonly publicKey: string;
  /** As the protocol wants it, base 64 for URLs. */
  sign(nonce: string): string;
}

/** The key of a seed such as `SUA…`; undefined when it is none. */
export function nkeyOf(seed: string): Nkey | undefined {
  const bytes = fromBase32(seed.trim());
  if (bytes?.length !== 2 + SEED_BYTES + 2 || ((bytes[0] ?? 0) & 0xf8) !== SEED) return undefined;
  const body = bytes.subarray(0, -2);
  if (bytes.readUInt16LE(body.length) !== checksum(body)) return undefined;
  const key = createPrivateKey({ key: Buffer.concat([PKCS8, body.subarray(2)]), format: "der", type: "pkcs8" });
  return {
    publicKey: publicKeyOf(key),
    sign: (nonce) => sign(null, Buffer.from(nonce), key).toString("base64url"),
  };
}

/** A file as `nsc` writes them: who the user is, signed by the account, and the seed of its nkey. */
export interface Credentials {
  readonly jwt: string;
  readonly key: Nkey;
}

/** Reads the text of a credentials file; undefined when it is none. */
export function parseCredentials(text: string): Credentials | undefined {
  const [jwt, seed] = [...text.matchAll(/-{3,}BEGIN [^\n]*-{3,}\s+([\w.-]+?)\s+-{3,}END /g)].map(([, body]) => body);
  const key = seed === undefined ? undefined : nkeyOf(seed);
  return jwt === undefined || key === undefined ? undefined : { jwt, key };
}

function publicKeyOf(key: KeyObject): string {
  const { x = "" } = createPublicKey(key).export({ format: "jwk" });
  const body = Buffer.concat([Buffer.from([USER]), Buffer.from(x, "base64url")]);
  const end = Buffer.alloc(2);
  end.writeUInt16LE(checksum(body));
  return toBase32(Buffer.concat([body, end]));
}

/** CRC-16 of XMODEM. */
function checksum(bytes: Buffer): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
  }
  return crc & 0xffff;
}

function fromBase32(text: string): Buffer | undefined {
  const bytes: number[] = [];
  let bits = 0;
  let value = 0;
  for (const letter of text) {
    const digit = ALPHABET.indexOf(letter);
    if (digit === -1) return undefined;
    value = ((value << 5) | digit) & 0xffff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((value >> bits) & 0xff);
  }
  return Buffer.from(bytes);
}

function toBase32(bytes: Buffer): string {
  let text = "";
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xffff;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += ALPHABET[(value >> (bits - 5)) & 31];
  }
  return bits === 0 ? text : text + ALPHABET[(value << (5 - bits)) & 31];
}
