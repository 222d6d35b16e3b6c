/** X.509 certificates as sprig makes them, with Go's contents and order of extensions. */
import type { KeyObject } from "node:crypto";
import { GoError } from "../value.ts";
import * as asn1 from "./der.ts";

export interface CertificateRequest {
  readonly commonName: string;
  readonly ips: readonly string[];
  readonly dnsNames: readonly string[];
  /** Unix seconds. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly authority: boolean;
  readonly serial: bigint;
}

/** Who signs: for its own certificate the key alone. */
export interface Issuer {
  readonly key: KeyObject;
  /** The signer's name in DER. */
  readonly name: Uint8Array;
  readonly keyId: Uint8Array | undefined;
}

const COMMON_NAME = "2.5.4.3";
const SUBJECT_KEY_ID = "2.5.29.14";
const KEY_USAGE = "2.5.29.15";
const ALTERNATIVE_NAMES = "2.5.29.17";
const BASIC_CONSTRAINTS = "2.5.29.19";
const AUTHORITY_KEY_ID = "2.5.29.35";
const EXTENDED_KEY_USAGE = "2.5.29.37";
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

/** Loaded when a template makes a key or a certificate, not before. */
export function nodeCrypto(): typeof import("node:crypto") {
  return process.getBuiltinModule("node:crypto");
}

/** The subject of sprig's certificates: nothing but a common name. */
export function nameOf(commonName: string): Uint8Array {
  if (commonName === "") return asn1.sequence();
  const printable = /^[A-Za-z0-9 '()+,\-./:=?]*$/.test(commonName);
  const value = asn1.der(printable ? 0x13 : 0x0c, Buffer.from(commonName));
  return asn1.sequence(asn1.der(0x31, asn1.sequence(asn1.oid(COMMON_NAME), value)));
}

interface Signing {
  readonly digest: string | null;
  readonly algorithm: Uint8Array;
}

function signingOf(key: KeyObject): Signing {
  switch (key.asymmetricKeyType) {
    case "rsa":
      return { digest: "sha256", algorithm: asn1.sequence(asn1.oid("1.2.840.113549.1.1.11"), asn1.NULL) };
    case "ed25519":
      return { digest: null, algorithm: asn1.sequence(asn1.oid("1.3.101.112")) };
    case "ec": {
      const curve = key.asymmetricKeyDetails?.namedCurve;
      if (curve === "secp384r1" || curve === "P-384") return ecdsa("sha384", 3);
      return curve === "secp521r1" || curve === "P-521" ? ecdsa("sha512", 4) : ecdsa("sha256", 2);
    }
    default:
      throw new GoError("x509: only RSA, ECDSA and Ed25519 keys supported");
  }
}

function ecdsa(digest: string, number: number): Signing {
  return { digest, algorithm: asn1.sequence(asn1.oid(`1.2.840.10045.4.3.${number}`)) };
}

function extension(id: string, critical: boolean, value: Uint8Array): Uint8Array {
  return asn1.sequence(asn1.oid(id), ...(critical ? [asn1.TRUE] : []), asn1.octets(value));
}

/** The certificate of `subject`'s public key in DER, signed by the issuer, or by `subject` itself. */
export function makeCertificate(
  request: CertificateRequest,
  subject: KeyObject,
  issuer: Issuer | undefined,
): Uint8Array {
  const { commonName, ips, dnsNames, notBefore, notAfter, authority, serial } = request;
  const name = nameOf(commonName);
  const signer = issuer ?? { key: subject, name, keyId: undefined };
  const { digest, algorithm } = signingOf(signer.key);
  signingOf(subject);
  const publicKey = nodeCrypto().createPublicKey(subject).export({ type: "spki", format: "der" });

  // digitalSignature and keyEncipherment; an authority also keyCertSign.
  const usage = authority ? asn1.bits(Uint8Array.of(0xa4), 2) : asn1.bits(Uint8Array.of(0xa0), 5);
  const extensions = [
    extension(KEY_USAGE, true, usage),
    extension(EXTENDED_KEY_USAGE, false, asn1.sequence(asn1.oid(SERVER_AUTH), asn1.oid(CLIENT_AUTH))),
    extension(BASIC_CONSTRAINTS, true, authority ? asn1.sequence(asn1.TRUE) : asn1.sequence()),
  ];
  if (authority) extensions.push(extension(SUBJECT_KEY_ID, false, asn1.octets(keyIdOf(publicKey))));
  if (signer.keyId !== undefined && Buffer.compare(signer.name, name) !== 0) {
    extensions.push(extension(AUTHORITY_KEY_ID, false, asn1.sequence(asn1.der(0x80, signer.keyId))));
  }
  if (ips.length + dnsNames.length > 0) {
    const names = [
      ...dnsNames.map((dns) => asn1.der(0x82, Buffer.from(dns))),
      ...ips.map((ip) => asn1.der(0x87, addressBytes(ip))),
    ];
    extensions.push(extension(ALTERNATIVE_NAMES, commonName === "", asn1.sequence(...names)));
  }

  const body = asn1.sequence(
    asn1.der(0xa0, asn1.integer(2n)),
    asn1.integer(serial),
    algorithm,
    signer.name,
    asn1.sequence(asn1.dateTime(notBefore), asn1.dateTime(notAfter)),
    name,
    publicKey,
    asn1.der(0xa3, asn1.sequence(...extensions)),
  );
  const signature = nodeCrypto().sign(digest, body, signer.key);
  return asn1.sequence(body, algorithm, asn1.bits(signature));
}

/** RFC 7093, section 2, method 1: the first 160 bits of the SHA-256 of the key's bits. */
function keyIdOf(publicKey: Uint8Array): Uint8Array {
  const keyBits = asn1.readAll(asn1.readElement(publicKey, 0).body)[1]?.body.subarray(1) ?? new Uint8Array();
  return new Bun.CryptoHasher("sha256").update(keyBits).digest().subarray(0, 20);
}

/** What a certificate says of its subject: the name in DER, and its key's identifier. */
export function readCertificate(bytes: Uint8Array): {
  readonly name: Uint8Array;
  readonly keyId: Uint8Array | undefined;
} {
  const [body] = asn1.readAll(asn1.readElement(bytes, 0).body);
  if (body === undefined) throw new RangeError("x509: malformed certificate");
  const fields = asn1.readAll(body.body);
  const offset = fields[0]?.tag === 0xa0 ? 1 : 0;
  const name = fields[offset + 4];
  const extensions = fields.find((field) => field.tag === 0xa3);
  if (name === undefined) throw new RangeError("x509: malformed certificate");
  return { name: name.whole, keyId: extensions === undefined ? undefined : subjectKeyId(extensions.body) };
}

function subjectKeyId(extensions: Uint8Array): Uint8Array | undefined {
  const wanted = Buffer.from(asn1.oid(SUBJECT_KEY_ID));
  for (const one of asn1.readAll(asn1.readElement(extensions, 0).body)) {
    const parts = asn1.readAll(one.body);
    const value = parts.at(-1);
    if (parts[0] !== undefined && value !== undefined && wanted.equals(parts[0].whole)) {
      return asn1.readElement(value.body, 0).body;
    }
  }
  return undefined;
}

/** Four bytes of an IPv4 address (also `::ffff:1.2.3.4`), sixteen of an IPv6 address. */
function addressBytes(ip: string): Uint8Array {
  const mapped = /^(?:.*:ffff:)?(\d+\.\d+\.\d+\.\d+)$/i.exec(ip);
  if (mapped !== null) return Uint8Array.from((mapped[1] ?? "").split("."), Number);
  const text = ip.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_all, a, b, c, d) => {
    const group = (high: string, low: string): string => (Number(high) * 256 + Number(low)).toString(16);
    return `${group(a, b)}:${group(c, d)}`;
  });
  const [left = "", right] = text.split("::");
  const groups = (part: string): number[] =>
    part === "" ? [] : part.split(":").map((hex) => Number.parseInt(hex, 16));
  const head = groups(left);
  const tail = right === undefined ? [] : groups(right);
  const all = [...head, ...Array<number>(Math.max(8 - head.length - tail.length, 0)).fill(0), ...tail];
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 255]));
}
