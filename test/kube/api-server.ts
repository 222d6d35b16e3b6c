/** A TLS server with the fixture's certificate, logs that can be read, and metrics that can be asked: what these tests share. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Fields, Logger } from "../../src/logger.ts";
import type { Cell, Labels, Metrics } from "../../src/metrics.ts";

export const TLS = join(import.meta.dir, "../fixtures/tls");
export const pem = (file: string): string => readFileSync(join(TLS, file), "utf8");

export interface ApiServer extends Disposable {
  readonly url: string;
  readonly port: number;
  /** Every request so far: `GET /path?query`. */
  readonly requests: Seen[];
  /** Number of different connections that brought requests. */
  readonly connections: () => number;
}

export interface Seen {
  readonly line: string;
  readonly headers: Headers;
}

/** Serves on 127.0.0.1; with `clientCa` only clients with a certificate of that authority get in. */
export function serveApi(
  answer: (request: Request, url: URL) => Response | Promise<Response>,
  options: { readonly clientCa?: string; readonly plain?: boolean } = {},
): ApiServer {
  const requests: Seen[] = [];
  const ports = new Set<number>();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    ...(options.plain === true
      ? {}
      : {
          tls: {
            cert: pem("server.crt"),
            key: pem("server.key"),
            ...(options.clientCa === undefined
              ? {}
              : { ca: options.clientCa, requestCert: true, rejectUnauthorized: true }),
          },
        }),
    fetch(request, self) {
      const url = new URL(request.url);
      requests.push({ line: `${request.method} ${url.pathname}${url.search}`, headers: request.headers });
      ports.add(self.requestIP(request)?.port ?? 0);
      return answer(request, url);
    },
  });
  return {
    url: `${options.plain === true ? "http" : "https"}://127.0.0.1:${server.port}`,
    port: server.port ?? 0,
    requests,
    connections: () => ports.size,
    [Symbol.dispose]: () => {
      void server.stop(true);
    },
  };
}

export interface RecordedLog {
  readonly level: string;
  readonly message: string;
  readonly fields: Fields;
}

export function recordingLogger(): { readonly logger: Logger; readonly lines: RecordedLog[] } {
  const lines: RecordedLog[] = [];
  const make = (base: Fields): Logger => {
    const at =
      (level: string) =>
      (message: string, fields: Fields = {}): void => {
        lines.push({ level, message, fields: { ...base, ...fields } });
      };
    return {
      debug: at("debug"),
      info: at("info"),
      warn: at("warn"),
      error: at("error"),
      with: (fields) => make({ ...base, ...fields }),
    };
  };
  return { logger: make({}), lines };
}

/** Counters only, by `name{label="value"}`. */
export function countingMetrics(): { readonly metrics: Metrics; readonly values: () => Record<string, number> } {
  const cells = new Map<string, Cell>();
  const cell = (name: string, _help: string, labels: Labels = {}): Cell => {
    const inner = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
    const key = inner.length === 0 ? name : `${name}{${inner.join(",")}}`;
    const found = cells.get(key) ?? { value: 0 };
    cells.set(key, found);
    return found;
  };
  return {
    metrics: {
      counter: cell,
      gauge: cell,
      read: () => {},
      histogram: () => ({ observe() {} }),
      bounded: () => ({ cell: () => undefined, overflow: { value: 0 }, remove() {}, release() {} }),
      forget: () => {},
      expose: () => "",
    },
    values: () =>
      Object.fromEntries([...cells].filter(([, { value }]) => value !== 0).map(([key, { value }]) => [key, value])),
  };
}
