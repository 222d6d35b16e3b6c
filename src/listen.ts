/** The port of metrics and health: `/metrics`, `/-/healthy`, `/-/ready`, and nothing that changes anything. */
import { type BasicAuth, createBasicAuth } from "./basic-auth.ts";
import { UsageError } from "./errors.ts";
import type { Logger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";

/** Why not, in words for whoever asks; undefined: all is well. `now`: milliseconds since 1970. */
export type Probe = (now: number) => string | undefined;

export interface ListenerTls {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  /** PEM; with it only clients with a certificate of these authorities are served. */
  readonly clientCa?: string;
}

export interface ListenerOptions {
  /** `:2112` (every address), `127.0.0.1:2112`, `[::1]:2112`, `localhost:0`. */
  readonly address: string;
  readonly metrics: Metrics;
  readonly healthy: Probe;
  readonly ready: Probe;
  readonly logger: Logger;
  readonly tls?: ListenerTls;
  /** bcrypt hash by user; with them nothing is served to others. */
  readonly users?: Readonly<Record<string, string>>;
  readonly now?: () => number;
}

export interface Listener {
  /** The port that is listened on; another one than asked for when that was 0. */
  readonly port: number;
  stop(): Promise<void>;
}

/**
 * Starts listening. Throws when it cannot: an exporter whose port is taken runs on unseen, and its probes answer for
 * somebody else; Petrel does not start then.
 */
export function startListener(options: ListenerOptions): Listener {
  const { address, metrics, logger, tls } = options;
  const now = options.now ?? Date.now;
  const { hostname, port } = parseAddress(address);

  function answer(request: Request): Response {
    if (request.method !== "GET" && request.method !== "HEAD") {
      return text("only GET and HEAD are served here\n", 405, { allow: "GET, HEAD" });
    }
    switch (pathOf(request.url)) {
      case "/metrics":
        return exposition(metrics, request.headers.get("accept") ?? "");
      case "/-/healthy":
      case "/healthz":
        return probed(options.healthy(now()));
      case "/-/ready":
      case "/readyz":
        return probed(options.ready(now()));
      case "/":
        return text(LANDING, 200);
      default:
        return text("not found\n", 404);
    }
  }

  const authorized = options.users && createBasicAuth(options.users);

  async function answerUsers(request: Request, auth: BasicAuth): Promise<Response> {
    if (await auth(request.headers.get("authorization"))) return answer(request);
    return text("unauthorized\n", 401, { "www-authenticate": "Basic" });
  }

  try {
    const server = Bun.serve({
      port,
      ...(hostname !== "" && { hostname }),
      // A scrape sends no body, and a client that says nothing is cut.
      maxRequestBodySize: 4096,
      idleTimeout: 10,
      ...(tls && {
        tls: {
          cert: tls.cert,
          key: tls.key,
          ...(tls.clientCa !== undefined && { ca: tls.clientCa, requestCert: true, rejectUnauthorized: true }),
        },
      }),
      fetch: authorized ? (request) => answerUsers(request, authorized) : answer,
      error(error) {
        logger.error("a request to the metrics port failed", { error });
        return text("internal error\n", 500);
      },
    });
    return {
      port: server.port ?? port,
      stop: () => server.stop(true),
    };
  } catch (error) {
    throw new Error(
      `cannot listen on ${address} for metrics and health: ${listenError(error)}; choose another with --metrics-address`,
    );
  }
}

const LANDING = `petrel: a router for Kubernetes events

/metrics    what it counts, for Prometheus
/-/healthy  200 unless Petrel itself is stuck
/-/ready    200 once events are watched
`;

/** Host (empty: every address) and port. Throws UsageError, which names the flag, for what is neither. */
export function parseAddress(
  address: string,
  flag = "--metrics-address",
): { readonly hostname: string; readonly port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]*)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new UsageError(
      `${flag}: ${JSON.stringify(address)} is not an address to listen on; write it like :2112 or 127.0.0.1:2112`,
    );
  }
  return { hostname: match[1] ?? match[2] ?? "", port };
}

function pathOf(url: string): string {
  return new URL(url).pathname;
}

function probed(reason: string | undefined): Response {
  return reason === undefined ? text("OK", 200) : text(`${reason}\n`, 503);
}

function text(body: string, status: number, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(body, {
    status,
    headers: { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff", ...headers },
  });
}

/** @see https://prometheus.io/docs/instrumenting/content_negotiation/ */
function exposition(metrics: Metrics, accept: string): Response {
  const open = prefersOpenMetrics(accept);
  return text(metrics.expose(open ? "openmetrics" : "prometheus"), 200, {
    "content-type": open
      ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
      : "text/plain; version=0.0.4; charset=utf-8",
    vary: "accept",
  });
}

/** True when OpenMetrics 1.0 is asked for and weighs at least as much as plain text. */
export function prefersOpenMetrics(accept: string): boolean {
  let open = 0;
  let plain = 0;
  for (const part of accept.toLowerCase().split(",")) {
    const [type = "", ...parameters] = part.split(";").map((piece) => piece.trim());
    const parameter = (name: string) =>
      parameters
        .find((piece) => piece.startsWith(`${name}=`))
        ?.slice(name.length + 1)
        .replaceAll('"', "");
    const weight = Number(parameter("q") ?? 1);
    if (type === "application/openmetrics-text" && (parameter("version") ?? "1.0.0").startsWith("1.")) {
      open = Math.max(open, weight);
    } else if (type === "text/plain" || type === "text/*") plain = Math.max(plain, weight);
  }
  return open > 0 && open >= plain;
}

/** Why a port cannot be listened on, in words. */
export function listenError(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "EADDRINUSE") return "the address is in use";
  if (code === "EACCES") return "this user may not listen on that port";
  return error instanceof Error ? error.message : String(error);
}
