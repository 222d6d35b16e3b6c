/**
 * The one HTTP client of all sinks: what an answer means, which redirects are followed, what an error may say. An error
 * names method, scheme, host and port, never path, query, user or header values, because those carry tokens.
 */
import { DeliveryError, type Reason, type Refusal, reasonOfStatus } from "../errors.ts";
import { abortError } from "./abort.ts";
import { gzipped } from "./gzip.ts";
import { connectionExchange } from "./http-connection.ts";
import { fetchExchange } from "./http-fetch.ts";
import { proxiesOfEnvironment } from "./proxy.ts";
import { type TlsOptions, tlsReader } from "./tls.ts";

/** Name and value as they go out; a name may be there twice. */
export type HeaderList = readonly (readonly [string, string])[];

export interface HttpRequest {
  readonly method: string;
  /** A user and password in it become Basic authorization. */
  readonly url: string;
  readonly headers: HeaderList;
  readonly body?: string | Uint8Array;
  /** Compress the body, and say so in Content-Encoding. Default false. */
  readonly gzip?: boolean;
  readonly signal: AbortSignal;
  /** What an answer means to this destination; undefined: what its status says. Not asked about redirects. */
  readonly judge?: (response: HttpResponse) => Judgement | undefined;
  /** Header, in lower case, that says how many seconds to wait where there is no Retry-After. */
  readonly waitHeader?: string;
  /** What an error must not quote, beside URL and headers: secrets of the body. */
  readonly secrets?: readonly string[];
}

/** All taken, refused as a whole, or refused in part: the others were taken. An empty list is all taken. */
export type Judgement = "taken" | Reason | readonly Refusal[];

export interface HttpResponse {
  readonly status: number;
  /** Names in lower case; of a repeated one the values are joined by `, `. */
  readonly headers: ReadonlyMap<string, string>;
  readonly text: string;
}

export interface Http extends Disposable {
  /** Proves that the server can be connected to, which is all that can be asked without sending something; says so. */
  reach(url: string, signal: AbortSignal): Promise<string>;
  /**
   * Resolves for what the judge takes, without one for 2xx; otherwise rejects with DeliveryError (Retry-After read, body
   * quoted up to 256 characters).
   */
  send(request: HttpRequest): Promise<HttpResponse>;
}

export interface HttpOptions {
  /** Absent: the system's authorities, no client certificate. */
  readonly tls?: TlsOptions | undefined;
  /** Read for each request; absent: HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the environment. */
  readonly proxy?: (() => string) | undefined;
  /** Through no proxy, whatever the environment names: for addresses that only this machine has. Default false. */
  readonly direct?: boolean;
  /** Told how many bytes each request has, its head included. Default: nobody is. */
  readonly sent?: ((bytes: number) => void) | undefined;
}

/** One exchange, without any judgement of the answer. Rejects with DeliveryError. */
export type Exchange = (request: WireRequest) => Promise<HttpResponse>;

export interface WireRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: HeaderList;
  readonly body: string | Uint8Array | undefined;
  readonly signal: AbortSignal;
  /** Opens error messages: `POST https://host`. */
  readonly doing: string;
}

const EXCERPT = 256;
const REDIRECTS = 3;
/** Longest wait that a destination may ask for. */
const RETRY_AFTER_MAX_MS = 3_600_000;
// These belong to the transport.
const OWN_HEADERS = new Set(["connection", "content-length", "transfer-encoding", "upgrade", "keep-alive", "te"]);

/** What a proxy says when it does not get through. */
const GATEWAY = new Set([502, 503, 504]);
const UNASKED = "not checked: path and credentials, which only an event would show";

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Throws ConfigError for TLS settings that cannot be. Nothing is opened before the first request. */
export function createHttp(options: HttpOptions = {}): Http {
  const tls = options.tls && tlsReader(options.tls);
  const { sent = () => {} } = options;
  const direct = connectionExchange({ tls, sent, now: () => performance.now() });
  const proxied = fetchExchange({ tls, sent, proxy: options.proxy });
  const proxyOfEnvironment = options.direct ? () => false : proxiesOfEnvironment();
  const throughProxy = (url: URL) => options.proxy !== undefined || proxyOfEnvironment(url);
  const exchange: Exchange = (request) => (throughProxy(request.url) ? proxied(request) : direct.exchange(request));
  return {
    async reach(text, signal) {
      const url = parsedUrl(text);
      const doing = `a connection to ${url.origin}`;
      if (!throughProxy(url)) await direct.reach(url, signal, doing);
      else {
        const { status } = await proxied({ method: "OPTIONS", url, headers: [], body: undefined, signal, doing });
        if (status === 407) throw new DeliveryError("unauthorized", `${doing} failed: the proxy asks for credentials`);
        if (GATEWAY.has(status))
          throw new DeliveryError("unavailable", `${doing} failed: the proxy answered ${status}`);
      }
      return UNASKED;
    },
    send: (request) => send(exchange, request),
    [Symbol.dispose]: direct.close,
  };
}

async function send(exchange: Exchange, request: HttpRequest): Promise<HttpResponse> {
  const { method, signal } = request;
  let { body } = request;
  let url = parsedUrl(request.url);
  const headers = outgoing(request.headers, url);
  if (request.gzip && body) {
    const packed = gzipped(body);
    body = packed instanceof Promise ? await packed : packed;
    headers.push(["Content-Encoding", "gzip"]);
  }
  for (let hops = 0; ; hops++) {
    const doing = `${method} ${url.origin}`;
    if (signal.aborted) throw abortError(signal, doing);
    const response = await exchange({ method, url, headers, body, signal, doing });
    const { status } = response;
    const location = response.headers.get("location");
    if (status < 300 || status > 308 || location === undefined) {
      const judgement = request.judge?.(response) ?? reasonOfStatus(status) ?? "taken";
      if (judgement === "taken" || judgement.length === 0) return response;
      const secrets = secretsOf(url, headers, request.secrets);
      throw failure({ doing, response, secrets, waitHeader: request.waitHeader }, judgement);
    }
    url = redirected(url, location, status, doing);
    if (hops === REDIRECTS)
      throw new DeliveryError("not_found", `${doing} was redirected more than ${REDIRECTS} times`);
  }
}

/** A receiver sends to few URLs, so the last one is remembered. Nobody changes it. */
let lastUrl: { readonly text: string; readonly url: URL } | undefined;

function parsedUrl(text: string): URL {
  if (lastUrl?.text === text) return lastUrl.url;
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:"))
    throw new DeliveryError("not_found", "the URL is not one that starts with http:// or https:// and names a host");
  lastUrl = { text, url };
  return url;
}

const CONTROLS = /[\u0000-\u0008\u000a-\u001f\u007f]+/g;

/** Values come from templates too, that is from events: no line break may end a header early. */
function outgoing(headers: HeaderList, url: URL): [string, string][] {
  const out: [string, string][] = [];
  let authorized = false;
  let named = false;
  for (const [name, value] of headers) {
    const kind = kindOf(name);
    if (kind === "own") continue;
    if (kind === "authorization") authorized = true;
    if (kind === "user-agent") named = true;
    out.push([name, value.replace(CONTROLS, " ").trim()]);
  }
  if (url.username !== "" && !authorized) {
    const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    out.push(["Authorization", `Basic ${Buffer.from(user).toString("base64")}`]);
  }
  if (!named) out.push(["User-Agent", "petrel"]);
  return out;
}

type Kind = "own" | "authorization" | "user-agent" | "other";

/** Names come from configs alone: few. */
const kinds = new Map<string, Kind>();

function kindOf(name: string): Kind {
  const known = kinds.get(name);
  if (known !== undefined) return known;
  if (!TOKEN.test(name)) {
    throw new DeliveryError("not_found", `the header name ${JSON.stringify(name)} has characters that HTTP forbids`);
  }
  const lower = name.toLowerCase();
  const kind = OWN_HEADERS.has(lower) ? "own" : lower === "authorization" || lower === "user-agent" ? lower : "other";
  kinds.set(name, kind);
  return kind;
}

/**
 * 307 and 308 keep method and body and are followed on the same host, not from https to http. 301 to 303 would turn a
 * POST into a GET, and another host would be shown our tokens: those are for the config's author to decide.
 */
function redirected(from: URL, location: string, status: number, doing: string): URL {
  const to = URL.parse(location, from.href);
  const where = to === null ? "nowhere" : to.origin === from.origin ? "another path of the same host" : to.origin;
  const safe =
    to !== null && to.hostname === from.hostname && (to.protocol === from.protocol || to.protocol === "https:");
  if ((status === 307 || status === 308) && safe) return to;
  throw new DeliveryError(
    "not_found",
    `${doing} answered ${status}: moved to ${where}; put the new URL into the config`,
  );
}

interface Failed {
  readonly doing: string;
  readonly response: HttpResponse;
  readonly secrets: readonly string[];
  readonly waitHeader?: string | undefined;
}

function failure(
  { doing, response, secrets, waitHeader = "" }: Failed,
  judgement: Exclude<Judgement, "taken">,
): DeliveryError {
  const wait = response.headers.get("retry-after") ?? response.headers.get(waitHeader);
  const waits = { retryAfterMs: retryAfterMs(wait, Date.now()) };
  if (typeof judgement !== "string") {
    const refused = judgement.map((one) => ({ ...one, message: excerptOf(one.message, secrets) }));
    const [first] = refused;
    const message = `${doing}: ${refused.length} refused, the first with ${JSON.stringify(first?.message)}`;
    return new DeliveryError(first?.reason ?? "rejected", message, { ...waits, refused });
  }
  const excerpt = excerptOf(response.text, secrets);
  const said = excerpt === "" ? "with no text" : JSON.stringify(excerpt);
  return new DeliveryError(judgement, `${doing} answered ${response.status}: ${said}`, waits);
}

function secretsOf(url: URL, headers: HeaderList, more: readonly string[] = []): string[] {
  const secrets = [url.pathname + url.search, url.pathname, url.search.slice(1), url.username, url.password];
  secrets.push(...url.pathname.split("/"), ...url.searchParams.values(), ...more);
  for (const [name, value] of headers) {
    if (name.toLowerCase() === "content-type") continue;
    secrets.push(value, ...value.split(" "));
    const pair = /^(?:Basic|ApiKey) (.+)$/i.exec(value)?.[1];
    if (pair !== undefined) secrets.push(...Buffer.from(pair, "base64").toString().split(":"));
  }
  return secrets.filter((secret) => secret.length >= 6);
}

/** The start of a text, without anything secret that the destination may have echoed. */
function excerptOf(text: string, secrets: readonly string[]): string {
  let out = text.slice(0, 16 * EXCERPT);
  for (const secret of secrets) out = out.replaceAll(secret, "[secret]");
  out = out.replace(/\s+/g, " ").trim();
  return out.length > EXCERPT ? `${out.slice(0, EXCERPT)}…` : out;
}

/** Milliseconds of a Retry-After: seconds or a date; undefined when it is neither. At most an hour. */
export function retryAfterMs(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  const ms = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - now;
  return Number.isFinite(ms) ? Math.min(Math.max(0, Math.round(ms)), RETRY_AFTER_MAX_MS) : undefined;
}
