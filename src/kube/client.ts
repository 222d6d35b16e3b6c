/** Requests to the API server: credentials, deadlines, errors with a meaning. */
import type { Cell, Metrics } from "../metrics.ts";
import { ConnectionError, createStreams, type HttpStream, type StreamRequest, type Take } from "../wire/http-stream.ts";
import { proxiesOfEnvironment } from "../wire/proxy.ts";
import type { Credentials, RequestAuth } from "./credentials.ts";
import { CredentialsError } from "./credentials-error.ts";
import { memberOf, textOf } from "./json.ts";
import type { Proxied } from "./proxied.ts";

export type ApiErrorKind = "credentials" | "network" | "timeout" | "status";

/** Why a request failed. `message` is fit for a log: no secret, no URL query, at most about 600 characters. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly kind: ApiErrorKind;
  /** HTTP status; 0 unless `kind` is `status`. */
  readonly status: number;
  /** `reason` of the API server's Status object (`Forbidden`, `Expired`), else empty. */
  readonly reason: string;
  /** What the server asked to wait, by Retry-After or its Status object. */
  readonly retryAfterMs: number | undefined;
  /** The same request may succeed later without anybody changing rights or requests. */
  readonly retryable: boolean;

  constructor(
    kind: ApiErrorKind,
    message: string,
    details: { readonly status?: number; readonly reason?: string; readonly retryAfterMs?: number | undefined } = {},
  ) {
    super(message);
    this.kind = kind;
    this.status = details.status ?? 0;
    this.reason = details.reason ?? "";
    this.retryAfterMs = details.retryAfterMs;
    this.retryable = kind !== "status" || retryableStatus(this.status);
  }
}

/** Part of the metric's labels, so closed. */
export type ApiVerb = "list" | "watch" | "get" | "discover" | "create" | "update" | "patch";

const METHODS: Readonly<Record<ApiVerb, string>> = {
  list: "GET",
  watch: "GET",
  get: "GET",
  discover: "GET",
  create: "POST",
  update: "PUT",
  patch: "PATCH",
};

export interface ApiRequest {
  readonly verb: ApiVerb;
  /**
   * Sent as JSON; to `patch` as a JSON merge patch. What is created has a name of its own, so that nothing comes into
   * being twice when the request is.
   */
  readonly body?: unknown;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Default `application/json`. */
  readonly accept?: string;
  /** For the head of the answer with `stream`, for all of it without. Default 30 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** An answer of 200 whose body is the caller's to read. `close()` must be called in the end, and may be called twice. */
export interface ApiStream {
  readonly status: number;
  /**
   * Once: hands the body over as it comes, and resolves at its end. Rejects with ApiError, with the signal's reason, or
   * with what `take` threw.
   */
  read(take: Take): Promise<void>;
  /** Cuts the connection if the body has not come to its end, and lets go of the signal. */
  close(): void;
}

export interface ApiClient {
  readonly server: string;
  readonly namespace: string;
  /** Resolves with the head of a 2xx answer; the body has no deadline but `signal`. Rejects with ApiError, or with the signal's reason. */
  stream(path: string, options: ApiRequest): Promise<ApiStream>;
  /** The JSON of a 2xx answer of at most `maxBytes` (default 4 MiB). Rejects with ApiError, or with the signal's reason. */
  json(path: string, options: ApiRequest & { readonly maxBytes?: number }): Promise<unknown>;
  /** Closes idle connections. The client stays usable. */
  close(): void;
}

export interface ApiClientOptions {
  readonly userAgent: string;
  readonly metrics?: Metrics;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const MAX_ERROR_BYTES = 64 * 1024;
const MAX_JSON_BYTES = 4 * 1024 * 1024;

export function createApiClient(credentials: Credentials, options: ApiClientOptions): ApiClient {
  const { metrics, userAgent } = options;
  // A pool of its own: a connection that a client certificate opened serves nobody else.
  const streams = createStreams();
  const proxyOfEnvironment = proxiesOfEnvironment();
  let proxied: Proxied | undefined;
  /** What stands between here and the server, for error messages. */
  let via = "";
  const cells = new Map<string, Cell>();

  const count = (verb: ApiVerb, code: string): void => {
    if (metrics === undefined) return;
    const key = `${verb} ${code}`;
    let cell = cells.get(key);
    if (cell === undefined) {
      cell = metrics.counter("petrel_kube_api_requests_total", "Requests to the API server by verb and HTTP status.", {
        verb,
        code,
      });
      cells.set(key, cell);
    }
    cell.value++;
  };

  const authorise = async (signal: AbortSignal): Promise<RequestAuth> => {
    try {
      return await untilAborted(credentials.request(), signal);
    } catch (error) {
      if (error instanceof CredentialsError) throw new ApiError("credentials", error.message);
      throw error;
    }
  };

  const through = async (request: StreamRequest, proxy: string | undefined): Promise<HttpStream> => {
    if (proxy === undefined && !proxyOfEnvironment(request.url)) return streams.send(request);
    via = ` through ${proxy === undefined ? "the proxy of the environment" : `the proxy ${new URL(proxy).host}`}`;
    proxied ??= (await import("./proxied.ts")).createProxied();
    return proxied.send({ ...request, proxy });
  };

  const attempt = async (
    url: URL,
    request: ApiRequest,
    body: string | undefined,
    signal: AbortSignal,
  ): Promise<HttpStream> => {
    const { headers, tls, proxy } = await authorise(signal);
    const all = {
      ...headers,
      accept: request.accept ?? "application/json",
      "accept-encoding": "identity",
      "user-agent": userAgent,
    };
    const method = METHODS[request.verb];
    const typed = body === undefined ? all : { ...all, "content-type": contentType(request.verb) };
    try {
      const answer = await through({ method, url, headers: typed, body, tls, signal }, proxy);
      count(request.verb, String(answer.status));
      return answer;
    } catch (error) {
      if (!signal.aborted) count(request.verb, "network");
      throw error;
    }
  };

  const open = async (path: string, request: ApiRequest): Promise<Opened> => {
    const { verb, signal } = request;
    signal?.throwIfAborted();
    const url = new URL(`${credentials.server}${path}${queryText(request.query)}`);
    const timeoutMs = request.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const body = request.body === undefined ? undefined : JSON.stringify(request.body);
    const control = new AbortController();
    const abort = (): void => control.abort(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    const timer = setTimeout(() => {
      count(verb, "timeout");
      control.abort(
        new ApiError("timeout", `no answer to ${path} from ${credentials.server} in ${timeoutMs / 1000} s`),
      );
    }, timeoutMs);
    const close = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      control.abort();
    };
    const failure = (error: unknown): unknown => failureOf(error, control.signal, credentials.server + via);

    try {
      let answer = await attempt(url, request, body, control.signal);
      if (answer.status === 401) {
        // Read, so that the connection is free for the next attempt.
        await readText(answer, MAX_ERROR_BYTES);
        credentials.invalidate();
        answer = await attempt(url, request, body, control.signal);
      }
      if (answer.status < 200 || answer.status > 299)
        throw await statusError(answer, `${METHODS[verb]} ${path}`, credentials.source);
      return { answer, timer, failure, close };
    } catch (error) {
      const cause = failure(error);
      close();
      throw cause;
    }
  };

  return {
    server: credentials.server,
    namespace: credentials.namespace,

    async stream(path, request) {
      const { answer, timer, failure, close } = await open(path, request);
      clearTimeout(timer);
      return {
        status: answer.status,
        read: (take) =>
          answer.read(take).catch((error) => {
            throw failure(error);
          }),
        close,
      };
    },

    async json(path, request) {
      const limit = request.maxBytes ?? MAX_JSON_BYTES;
      const { answer, failure, close } = await open(path, request);
      try {
        const text = await readText(answer, limit);
        if (text === undefined) throw new ApiError("network", `the answer to ${path} is larger than ${limit} bytes`);
        return parseJson(text, path);
      } catch (error) {
        throw failure(error);
      } finally {
        close();
      }
    },

    close() {
      streams.close();
      proxied?.close();
    },
  };
}

interface Opened {
  readonly answer: HttpStream;
  readonly timer: Timer;
  /** The error to throw for one that the body's reader met. */
  failure(error: unknown): unknown;
  close(): void;
}

/** Errors that are not the connection's are their thrower's: those of a stream's reader. */
function failureOf(error: unknown, signal: AbortSignal, server: string): unknown {
  if (signal.aborted) return signal.reason;
  return error instanceof ConnectionError
    ? new ApiError("network", `cannot reach ${server}: ${explain(error)}`)
    : error;
}

/** Codes as Bun 1.4.5 gives them, in words that say what to do. */
function explain({ code, message }: ConnectionError): string {
  switch (code) {
    case "ECONNREFUSED":
      return "connection refused";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "its name cannot be resolved";
    case "ECONNRESET":
      return "the connection was closed";
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
      return `its certificate is signed by an authority that is not trusted (${code}); check certificate-authority`;
    case "CERT_HAS_EXPIRED":
      return "its certificate has expired";
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return "its certificate is for another name; check server and tls-server-name";
    case "EPROTO":
      return "the TLS handshake failed; check the scheme of server and the client certificate";
    case "FailedToOpenSocket":
      return "no connection could be set up; check the address, and that certificates and keys are sound and belong together";
    default:
      if (code.startsWith("ERR_OSSL_"))
        return `its certificates and keys cannot be used: are they sound, and do they belong together? (${code})`;
      return message === "" ? "the connection failed" : message;
  }
}

async function statusError(answer: HttpStream, doing: string, source: string): Promise<ApiError> {
  const { status } = answer;
  const text = (await readText(answer, MAX_ERROR_BYTES)) ?? "";
  let reason = "";
  let said = "";
  let retryAfterMs = retryAfterOf(answer.header("retry-after"));
  try {
    const body: unknown = JSON.parse(text);
    if (memberOf(body, "kind") === "Status") {
      reason = textOf(body, "reason") ?? "";
      said = textOf(body, "message") ?? "";
      const seconds = memberOf(memberOf(body, "details"), "retryAfterSeconds");
      if (retryAfterMs === undefined && typeof seconds === "number" && seconds > 0) retryAfterMs = seconds * 1000;
    }
  } catch {
    // Not from the API server (a proxy's HTML, or nothing): the status alone is worth saying.
  }
  let hint = "";
  if (status === 401) hint = `; check the credentials (${source})`;
  else if (status < 400) hint = "; redirects are not followed: check server";
  return new ApiError("status", `${doing}: HTTP ${status}${said === "" ? "" : `: ${excerpt(said)}`}${hint}`, {
    status,
    reason,
    retryAfterMs,
  });
}

/** @see https://kubernetes.io/docs/reference/using-api/api-concepts/ (patch media types) */
function contentType(verb: ApiVerb): string {
  return verb === "patch" ? "application/merge-patch+json" : "application/json";
}

/** 401 too: the credentials may heal, as a rotated token does. */
function retryableStatus(status: number): boolean {
  return status === 401 || status === 408 || status === 425 || status === 429 || status >= 500;
}

/** Seconds or a date; a day at most. */
function retryAfterOf(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), 86_400_000);
}

function queryText(query: ApiRequest["query"]): string {
  if (query === undefined) return "";
  let text = "";
  for (const [key, value] of Object.entries(query)) {
    if (value === undefined) continue;
    text += `${text === "" ? "?" : "&"}${encodeURIComponent(key)}=${encodeURIComponent(value)}`;
  }
  return text;
}

/** Ends the reading of a body that is longer than it may be. */
class TooLong extends Error {}

/** Undefined when it is longer than `limit` bytes; the rest is not read. */
async function readText(answer: HttpStream, limit: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    await answer.read((chunk) => {
      size += chunk.length;
      if (size > limit) throw new TooLong();
      chunks.push(Buffer.from(chunk));
      return undefined;
    });
  } catch (error) {
    if (error instanceof TooLong) return undefined;
    throw error;
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError("network", `the answer to ${path} is no JSON`);
  }
}

/** For what cannot be aborted itself, as an exec plugin that other requests wait for too. */
async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  return new Promise((settle, fail) => {
    const abort = (): void => fail(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    promise.then(settle, fail).finally(() => signal.removeEventListener("abort", abort));
  });
}

/** One line, at most 500 characters. */
function excerpt(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > 500 ? `${line.slice(0, 500)}…` : line;
}
