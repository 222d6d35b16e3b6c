/** TLS of one connection, as every receiver spells it, and as Bun wants it. Nothing is shared between receivers. */
import { readFileSync, statSync } from "node:fs";
import { ConfigError, DeliveryError } from "../errors.ts";

export interface TlsOptions {
  readonly insecureSkipVerify: boolean;
  readonly serverName?: string | undefined;
  /** Replaces the system's authorities. */
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

/** The part of Bun's TLS options that receivers can set. */
export interface TlsMaterial {
  /** Default true. */
  readonly rejectUnauthorized?: boolean;
  readonly serverName?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/**
 * In TLS 1.3 a server that refuses the client's certificate, or its absence, says so after the client's handshake has
 * ended (RFC 8446 §4.4.2.4): until then nothing counts as taken. In milliseconds.
 */
export const VERDICT_MS = 200;

/** Codes of BoringSSL and Bun 1.4.5, and what to do. */
const CURES: Readonly<Record<string, string>> = {
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is signed by an authority that is not trusted; set tls.caFile",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is signed by itself; set tls.caFile to it",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate is signed by an authority that is not trusted; set tls.caFile",
  UNABLE_TO_GET_ISSUER_CERT: "its certificate is signed by an authority that is not trusted; set tls.caFile",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate is signed by an authority that is not trusted; set tls.caFile",
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet; check the clocks",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name; check the address, or set tls.serverName",
  EPROTO: "the TLS handshake failed; does it speak TLS there, and does it want a client certificate?",
  ENOTFOUND: "its name cannot be resolved",
};

/** ` (ECONNRESET)`, with words where the code alone does not help; nothing else of an error, which may hold a URL. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error) || !("code" in error)) return "";
  const code = String(error.code);
  return ` (${code})${Object.hasOwn(CURES, code) ? `: ${CURES[code]}` : ""}`;
}

/** How often the files are looked at, at most. */
const RECHECK_MS = 1_000;

/**
 * A reader of the settings with the files' text, which is read again after a change, so that renewed certificates are
 * used by the next connection. Throws ConfigError for half a client certificate; the reader throws
 * DeliveryError("unauthorized") for a file that cannot be read.
 */
export function tlsReader(options: TlsOptions, now: () => number = () => performance.now()): () => TlsMaterial {
  const { caFile, certFile, keyFile, serverName } = options;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    const [has, lacks] = certFile === undefined ? ["keyFile", "certFile"] : ["certFile", "keyFile"];
    throw new ConfigError(`tls.${has} is set without tls.${lacks}: a client certificate needs both`);
  }
  const files = { ca: caFile, cert: certFile, key: keyFile };
  const read = (): TlsMaterial => ({
    rejectUnauthorized: !options.insecureSkipVerify,
    ...(serverName && { serverName }),
    ...Object.fromEntries(Object.entries(files).flatMap(([name, path]) => (path ? [[name, readText(path)]] : []))),
  });
  let known: { readonly material: TlsMaterial; readonly version: string } | undefined;
  let nextCheck = Number.NEGATIVE_INFINITY;
  return () => {
    if (known !== undefined && now() < nextCheck) return known.material;
    const version = Object.values(files).map(fileVersion).join();
    if (known?.version !== version) known = { material: read(), version };
    nextCheck = now() + RECHECK_MS;
    return known.material;
  };
}

function unreadable(path: string, error: unknown): DeliveryError {
  const code = error instanceof Error && "code" in error ? error.code : "unknown error";
  return new DeliveryError("unauthorized", `the TLS file ${path} cannot be read: ${code}`);
}

function fileVersion(path: string | undefined): string {
  if (!path) return "";
  try {
    const { mtimeNs, ino, size } = statSync(path, { bigint: true });
    return `${ino} ${mtimeNs} ${size}`;
  } catch (error) {
    throw unreadable(path, error);
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw unreadable(path, error);
  }
}
