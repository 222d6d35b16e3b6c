/** sprig's cryptography: keys, certificates, passwords, AES. */
import type { KeyObject } from "node:crypto";
import { spend } from "../budget.ts";
import { fromBytes, toBytes } from "../bytes.ts";
import { type FuncMap, fn, P, paramOf } from "../func.ts";
import { integerOf } from "../inspect.ts";
import { formatValue } from "../print.ts";
import { list, STRING, structType, UINT32 } from "../types.ts";
import { GoError, type Param, type Slice, Struct, type Type, type Value } from "../value.ts";
import { type CertificateRequest, type Issuer, makeCertificate, nodeCrypto, readCertificate } from "./certificate.ts";
import type { Clock } from "./dates.ts";
import * as asn1 from "./der.ts";
import { decodeBase64 } from "./encodings.ts";
import type { RandomBytes } from "./random.ts";

interface Certificate {
  readonly cert: string;
  readonly key: string;
}

const CERTIFICATE: Type = structType("sprig.certificate", [
  { name: "Cert", type: STRING, get: (self) => certificateOf(self).cert },
  { name: "Key", type: STRING, get: (self) => certificateOf(self).key },
]);
const CERTIFICATE_PARAM: Param<Value> = paramOf(CERTIFICATE);

/** The one border where the engine hands back what this file put into a Struct. */
function certificateOf(native: unknown): Certificate {
  return native as Certificate;
}

// --- passwords -----------------------------------------------------------------------------------------------------

/** bcrypt with Go's cost of 10; more than 72 bytes are refused, in words that sprig prints. */
function bcrypt(text: string): string {
  const bytes = toBytes(text);
  if (bytes.length > 72) {
    return "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes";
  }
  // bcrypt reads the password with a closing zero, over and over: for the empty one that is the same as one zero.
  const password = bytes.length === 0 ? Uint8Array.of(0) : bytes;
  // Go writes 2a where others write 2b, for the same hash.
  return Bun.password.hashSync(password, { algorithm: "bcrypt", cost: 10 }).replace(/^\$2[by]\$/, "$2a$");
}

const MASTER_SEED = "com.lyndir.masterpassword";

/** Patterns of the Master Password algorithm by type; each letter stands for a class of characters. */
const PASSWORD_PATTERNS: Readonly<Record<string, string>> = {
  maximum: "anoxxxxxxxxxxxxxxxxx axxxxxxxxxxxxxxxxxno",
  long: [
    "CvcvnoCvcvCvcv CvcvCvcvnoCvcv CvcvCvcvCvcvno CvccnoCvcvCvcv CvccCvcvnoCvcv CvccCvcvCvcvno CvcvnoCvccCvcv",
    "CvcvCvccnoCvcv CvcvCvccCvcvno CvcvnoCvcvCvcc CvcvCvcvnoCvcc CvcvCvcvCvccno CvccnoCvccCvcv CvccCvccnoCvcv",
    "CvccCvccCvcvno CvcvnoCvccCvcc CvcvCvccnoCvcc CvcvCvccCvccno CvccnoCvcvCvcc CvccCvcvnoCvcc CvccCvcvCvccno",
  ].join(" "),
  medium: "CvcnoCvc CvcCvcno",
  short: "Cvcn",
  basic: "aaanaaan aannaaan aaannaaa",
  pin: "nnnn",
};

const VOWELS = "AEIOU";
const CONSONANTS = "BCDFGHJKLMNPQRSTVWXYZ";
const LETTERS = VOWELS + VOWELS.toLowerCase() + CONSONANTS + CONSONANTS.toLowerCase();
const PASSWORD_CLASSES: Readonly<Record<string, string>> = {
  V: VOWELS,
  C: CONSONANTS,
  v: VOWELS.toLowerCase(),
  c: CONSONANTS.toLowerCase(),
  A: VOWELS + CONSONANTS,
  a: LETTERS,
  n: "0123456789",
  o: "@&%?,=[]_:-+*$#!'^~;()/.",
  x: `${LETTERS}0123456789!@#$%^&*()`,
};

function derivePassword(counter: number, kind: string, password: string, user: string, site: string): string {
  const patterns = Object.hasOwn(PASSWORD_PATTERNS, kind) ? PASSWORD_PATTERNS[kind]?.split(" ") : undefined;
  if (patterns === undefined) return `cannot find password template ${kind}`;
  const uint32 = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  const prefix = Buffer.from(MASTER_SEED);
  const [userBytes, siteBytes] = [toBytes(user), toBytes(site)];
  const salt = Buffer.concat([prefix, uint32(userBytes.length), userBytes]);
  const { scryptSync, createHmac } = nodeCrypto();
  const key = scryptSync(toBytes(password), salt, 64, { N: 32_768, r: 8, p: 2, maxmem: 1 << 27 });
  const message = Buffer.concat([prefix, uint32(siteBytes.length), siteBytes, uint32(counter)]);
  const seed = createHmac("sha256", key).update(message).digest();
  let out = "";
  for (const [index, letter] of [...(patterns[(seed[0] ?? 0) % patterns.length] ?? "")].entries()) {
    const chars = PASSWORD_CLASSES[letter] ?? "";
    out += chars.charAt((seed[index + 1] ?? 0) % chars.length);
  }
  return out;
}

// --- keys ----------------------------------------------------------------------------------------------------------

/** A private key that can sign, or one that only its PEM form is known of (DSA). */
type PrivateKey = KeyObject | "dsa";

function generateKey(kind: string): string {
  const { generateKeyPairSync } = nodeCrypto();
  switch (kind) {
    case "":
    case "rsa":
      return keyPem(generateKeyPairSync("rsa", { modulusLength: 4096 }).privateKey);
    case "dsa":
      return generateDsa();
    case "ecdsa":
      return keyPem(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
    case "ed25519":
      return keyPem(generateKeyPairSync("ed25519").privateKey);
    default:
      return `Unknown type ${kind}`;
  }
}

/** In the form that Go writes each kind of key in. */
function keyPem(key: KeyObject): string {
  const type = key.asymmetricKeyType === "rsa" ? "pkcs1" : key.asymmetricKeyType === "ec" ? "sec1" : "pkcs8";
  return String(key.export({ type, format: "pem" }));
}

function modPow(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  let square = base % modulus;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

/** A DSA key of 2048 and 256 bits, which the platform's library no longer makes. */
function generateDsa(): string {
  const { generatePrimeSync, randomBytes } = nodeCrypto();
  const q = generatePrimeSync(256, { bigint: true });
  const p = generatePrimeSync(2048, { bigint: true, add: 2n * q, rem: 1n });
  let h = 2n;
  let g = 1n;
  for (; g === 1n; h++) g = modPow(h, (p - 1n) / q, p);
  // 64 bits more than q has, so that the remainder is even.
  const x = (BigInt(`0x${randomBytes(40).toString("hex")}`) % (q - 1n)) + 1n;
  const numbers = [0n, p, q, g, modPow(g, x, p), x];
  return asn1.toPem("DSA PRIVATE KEY", asn1.sequence(...numbers.map(asn1.integer)));
}

/** Throws GoError in sprig's words. */
function parseKey(pem: string): PrivateKey {
  const block = asn1.fromPem(pem);
  if (block === undefined) throw new GoError("no PEM data in input");
  const { label, bytes } = block;
  const read = (type: "pkcs1" | "pkcs8" | "sec1", fault: string): KeyObject => {
    try {
      return nodeCrypto().createPrivateKey({ key: Buffer.from(bytes), format: "der", type });
    } catch (error) {
      throw new GoError(`${fault}: ${error instanceof Error ? error.message : ""}`);
    }
  };
  switch (label) {
    case "PRIVATE KEY":
      return read("pkcs8", "decoding PEM as PKCS#8");
    case "RSA PRIVATE KEY":
      return read("pkcs1", "parsing RSA private key from PEM");
    case "EC PRIVATE KEY":
      return read("sec1", "parsing EC private key from PEM");
    case "DSA PRIVATE KEY":
      return "dsa";
    default:
      if (!label.endsWith(" PRIVATE KEY")) {
        throw new GoError(`no private key data in PEM block of type ${label}`);
      }
      throw new GoError(`invalid private key type ${label}`);
  }
}

function within<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new GoError(`${what}: ${error instanceof Error ? error.message : ""}`);
  }
}

/** A key given to a `…WithKey` function. */
function givenKey(pem: string): KeyObject {
  const key = within("parsing private key", () => parseKey(pem));
  return signing(key);
}

function signing(key: PrivateKey): KeyObject {
  if (key !== "dsa") return key;
  throw new GoError("error creating certificate: x509: certificate private key does not implement crypto.Signer");
}

// --- certificates --------------------------------------------------------------------------------------------------

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

function isAddress(text: string): boolean {
  if (IPV4.test(text)) return true;
  if (!/^[0-9A-Fa-f:.]+$/.test(text) || !text.includes(":")) return false;
  try {
    return new URL(`http://[${text}]/`).host !== "";
  } catch {
    return false;
  }
}

function addresses(value: Slice): string[] {
  return value.items.map((item) => {
    if (typeof item !== "string") throw new GoError(`error parsing ip: ${formatValue(item)} is not a string`);
    if (!isAddress(item)) throw new GoError(`error parsing ip: ${item}`);
    return item;
  });
}

function dnsNames(value: Slice): string[] {
  return value.items.map((item) => {
    if (typeof item === "string") return item;
    throw new GoError(`error processing alternate dns name: ${formatValue(item)} is not a string`);
  });
}

function issuerOf({ cert, key }: Certificate): Issuer {
  const block = asn1.fromPem(cert);
  if (block === undefined) throw new GoError("unable to decode certificate");
  const subject = within("error parsing certificate: decodedSignerCert.Bytes", () => readCertificate(block.bytes));
  const signer = signing(within("error parsing private key", () => parseKey(key)));
  const { X509Certificate } = nodeCrypto();
  const fits = within("error parsing certificate: decodedSignerCert.Bytes", () =>
    new X509Certificate(Buffer.from(cert)).checkPrivateKey(signer),
  );
  if (!fits) {
    throw new GoError("error creating certificate: x509: provided PrivateKey doesn't match parent's PublicKey");
  }
  return { key: signer, ...subject };
}

/** A certificate and a key that the user has, checked. */
function customCertificate(cert64: string, key64: string): Value {
  const decode = (text: string, what: string): string => {
    try {
      return fromBytes(decodeBase64(text));
    } catch {
      throw new GoError(`unable to decode base64 ${what}`);
    }
  };
  const cert = decode(cert64, "certificate");
  const key = decode(key64, "private key");
  const block = asn1.fromPem(cert);
  if (block === undefined) throw new GoError("unable to decode certificate");
  const { X509Certificate } = nodeCrypto();
  within("error parsing certificate: decodedCert.Bytes", () => new X509Certificate(Buffer.from(block.bytes)));
  within("error parsing private key", () => parseKey(key));
  return new Struct(CERTIFICATE, { cert, key });
}

// --- AES -----------------------------------------------------------------------------------------------------------

/** The password cut or filled with zeros to 32 bytes, as sprig does. */
function aesKey(password: string): Buffer {
  const key = Buffer.alloc(32);
  key.set(toBytes(password).subarray(0, 32));
  return key;
}

function encryptAes(random: RandomBytes, password: string, text: string): string {
  if (text === "") return "";
  const iv = random(16);
  const cipher = nodeCrypto().createCipheriv("aes-256-cbc", aesKey(password), iv);
  return Buffer.concat([iv, cipher.update(toBytes(text)), cipher.final()]).toString("base64");
}

function decryptAes(password: string, text: string): string {
  if (text === "") return "";
  const bytes = decodeBase64(text);
  if (bytes.length < 16) {
    throw new GoError(`runtime error: slice bounds out of range [:16] with capacity ${bytes.length}`);
  }
  if (bytes.length % 16 !== 0) throw new GoError("crypto/cipher: input not full blocks");
  if (bytes.length === 16) throw new GoError("runtime error: index out of range [-1]");
  const decipher = nodeCrypto().createDecipheriv("aes-256-cbc", aesKey(password), bytes.subarray(0, 16));
  decipher.setAutoPadding(false);
  const padded = Buffer.concat([decipher.update(bytes.subarray(16)), decipher.final()]);
  const length = padded.length - (padded.at(-1) ?? 0);
  if (length < 0) throw new GoError(`runtime error: slice bounds out of range [:${length}]`);
  return fromBytes(padded.subarray(0, length));
}

// --- functions -----------------------------------------------------------------------------------------------------

export function cryptoFuncs(clock: Clock, random: RandomBytes): FuncMap {
  const newKey = (): KeyObject => nodeCrypto().generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;

  const issue = (
    name: string,
    ips: Slice,
    alternateNames: Slice,
    days: number,
    makeKey: () => KeyObject,
    more: { readonly authority?: boolean; readonly issuer?: Value } = {},
  ): Value => {
    spend(ips.items.length + alternateNames.items.length);
    const issuer = more.issuer instanceof Struct ? issuerOf(certificateOf(more.issuer.native)) : undefined;
    const now = Math.floor(clock.now() / 1000);
    const request: CertificateRequest = {
      commonName: name,
      ips: addresses(ips),
      dnsNames: dnsNames(alternateNames),
      notBefore: now,
      notAfter: now + days * 86_400,
      authority: more.authority ?? false,
      serial: BigInt(`0x${Buffer.from(random(16)).toString("hex")}`),
    };
    const key = makeKey();
    const cert = within("error creating certificate", () => makeCertificate(request, key, issuer));
    return new Struct(CERTIFICATE, { cert: asn1.toPem("CERTIFICATE", cert), key: keyPem(key) });
  };
  const none = list([]);

  return {
    bcrypt: fn([P.string], bcrypt),
    htpasswd: fn([P.string, P.string], (user, password) =>
      user.includes(":") ? `invalid username: ${user}` : `${user}:${bcrypt(password)}`,
    ),
    derivePassword: fn(
      [paramOf(UINT32), P.string, P.string, P.string, P.string],
      (counter, kind, password, user, site) =>
        derivePassword(Number(integerOf(counter) ?? 0), kind, password, user, site),
    ),
    genPrivateKey: fn([P.string], generateKey),
    buildCustomCert: fn([P.string, P.string], customCertificate, { result: CERTIFICATE }),
    genCA: fn([P.string, P.int], (name, days) => issue(name, none, none, days, newKey, { authority: true }), {
      result: CERTIFICATE,
    }),
    genCAWithKey: fn(
      [P.string, P.int, P.string],
      (name, days, pem) => issue(name, none, none, days, () => givenKey(pem), { authority: true }),
      { result: CERTIFICATE },
    ),
    genSelfSignedCert: fn(
      [P.string, P.list, P.list, P.int],
      (name, ips, names, days) => issue(name, ips, names, days, newKey),
      { result: CERTIFICATE },
    ),
    genSelfSignedCertWithKey: fn(
      [P.string, P.list, P.list, P.int, P.string],
      (name, ips, names, days, pem) => issue(name, ips, names, days, () => givenKey(pem)),
      { result: CERTIFICATE },
    ),
    genSignedCert: fn(
      [P.string, P.list, P.list, P.int, CERTIFICATE_PARAM],
      (name, ips, names, days, issuer) => issue(name, ips, names, days, newKey, { issuer }),
      { result: CERTIFICATE },
    ),
    genSignedCertWithKey: fn(
      [P.string, P.list, P.list, P.int, CERTIFICATE_PARAM, P.string],
      (name, ips, names, days, issuer, pem) => issue(name, ips, names, days, () => givenKey(pem), { issuer }),
      { result: CERTIFICATE },
    ),
    encryptAES: fn([P.string, P.string], (password, text) => encryptAes(random, password, text)),
    decryptAES: fn([P.string, P.string], decryptAes),
  };
}
