/** GET requests to the API server on Bun's fetch: credentials, deadlines, errors with a meaning. */
import type { Cell, Metrics } from "../metrics.ts";
import type { Credentials, RequestAuth } from "./credentials.ts";
import { CredentialsError, codeOf } from "./credentials-error.ts";
import { memberOf, textOf } from "./json.ts";

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
export type ApiVerb = "list" | "watch" | "get" | "discover";

export interface GetOptions {
  readonly verb: ApiVerb;
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
  readonly headers: Headers;
  readonly body: ReadableStream<Uint8Array>;
  /** Cuts the connection if the body has not come to its end, and lets go of the signal. */
  close(): void;
}

export interface ApiClient {
  readonly server: string;
  readonly namespace: string;
  /** Resolves with the head of a 2xx answer; the body has no deadline but `signal`. Rejects with ApiError, or with the signal's reason. */
  stream(path: string, options: GetOptions): Promise<ApiStream>;
  /** The JSON of a 2xx answer of at most `maxBytes` (default 4 MiB). Rejects with ApiError, or with the signal's reason. */
  json(path: string, options: GetOptions & { readonly maxBytes?: number }): Promise<unknown>;
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
  const session = new Bun.FetchSession();
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

  const attempt = async (url: string, request: GetOptions, signal: AbortSignal): Promise<Response> => {
    const auth = await authorise(signal);
    const init: BunFetchRequestInit & { readonly timeout: false } = {
      session,
      headers: {
        ...auth.headers,
        accept: request.accept ?? "application/json",
        "accept-encoding": "identity",
        "user-agent": userAgent,
      },
      // A redirect would carry the credentials to another server.
      redirect: "manual",
      signal,
      // Bun ends a silent body after some minutes otherwise; who reads a stream watches over it.
      timeout: false,
      ...(auth.tls === undefined ? {} : { tls: auth.tls }),
      // As client-go: the kubeconfig's proxy is used whatever NO_PROXY says.
      ...(auth.proxy === undefined ? {} : { proxy: { url: auth.proxy, respectNoProxy: false } }),
    };
    try {
      const response = await fetch(url, init);
      count(request.verb, String(response.status));
      return response;
    } catch (error) {
      if (!signal.aborted) count(request.verb, "network");
      throw error;
    }
  };

  const open = async (path: string, request: GetOptions): Promise<Opened> => {
    const { verb, signal } = request;
    signal?.throwIfAborted();
    const url = `${credentials.server}${path}${queryText(request.query)}`;
    const timeoutMs = request.timeoutMs ?? DEFAULT_TIMEOUT_MS;
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
    const failure = (error: unknown): unknown => failureOf(error, control.signal, credentials.server);

    try {
      let response = await attempt(url, request, control.signal);
      if (response.status === 401) {
        await response.body?.cancel();
        credentials.invalidate();
        response = await attempt(url, request, control.signal);
      }
      if (response.status < 200 || response.status > 299) throw await statusError(response, path, credentials.source);
      return { response, timer, failure, close };
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
      const { response, timer, close } = await open(path, request);
      clearTimeout(timer);
      return { status: response.status, headers: response.headers, body: response.body ?? emptyBody(), close };
    },

    async json(path, request) {
      const limit = request.maxBytes ?? MAX_JSON_BYTES;
      const { response, failure, close } = await open(path, request);
      try {
        const text = response.body === null ? "" : await readText(response.body, limit);
        if (text === undefined) throw new ApiError("network", `the answer to ${path} is larger than ${limit} bytes`);
        return parseJson(text, path);
      } catch (error) {
        throw failure(error);
      } finally {
        close();
      }
    },

    close: () => session.close(),
  };
}

interface Opened {
  readonly response: Response;
  readonly timer: Timer;
  /** The error to throw for one that the body's reader met. */
  failure(error: unknown): unknown;
  close(): void;
}

/**
 * What a failed read of an {@link ApiStream}'s body means. Bun's own errors carry the URL and are never passed on.
 */
export function networkError(error: unknown, server: string): ApiError {
  if (error instanceof ApiError) return error;
  const code = codeOf(error);
  return new ApiError("network", `cannot reach ${server}: ${explain(code)}`);
}

function failureOf(error: unknown, signal: AbortSignal, server: string): unknown {
  return signal.aborted ? signal.reason : networkError(error, server);
}

/** Codes as Bun 1.4.5 gives them, in words that say what to do. */
function explain(code: string): string {
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
      return code === "" ? "the connection failed" : code;
  }
}

async function statusError(response: Response, path: string, source: string): Promise<ApiError> {
  const { status } = response;
  const text = (response.body === null ? "" : await readText(response.body, MAX_ERROR_BYTES)) ?? "";
  let reason = "";
  let said = "";
  let retryAfterMs = retryAfterOf(response.headers.get("retry-after"));
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
  return new ApiError("status", `GET ${path}: HTTP ${status}${said === "" ? "" : `: ${excerpt(said)}`}${hint}`, {
    status,
    reason,
    retryAfterMs,
  });
}

/** 401 too: the credentials may heal, as a rotated token does. */
function retryableStatus(status: number): boolean {
  return status === 401 || status === 408 || status === 425 || status === 429 || status >= 500;
}

/** Seconds or a date; a day at most. */
function retryAfterOf(header: string | null): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), 86_400_000);
}

function queryText(query: GetOptions["query"]): string {
  if (query === undefined) return "";
  let text = "";
  for (const [key, value] of Object.entries(query)) {
    if (value === undefined) continue;
    text += `${text === "" ? "?" : "&"}${encodeURIComponent(key)}=${encodeURIComponent(value)}`;
  }
  return text;
}

/** Undefined when it is longer than `limit` bytes; the rest is not read. */
async function readText(body: ReadableStream<Uint8Array>, limit: number): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > limit) return undefined;
    chunks.push(chunk);
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

function emptyBody(): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.close() });
}

/** One line, at most 500 characters. */
function excerpt(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > 500 ? `${line.slice(0, 500)}…` : line;
}
