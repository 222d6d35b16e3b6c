/**
 * HTTP/1.1 over our own sockets, a few of which are kept open: at 500 requests a second it costs half of what fetch
 * does, in a flood a third. No proxies: those are {@link fetchExchange}'s.
 */
import type { Socket } from "bun";
import { DeliveryError } from "../errors.ts";
import { abortError, untilAborted } from "./abort.ts";
import type { Exchange, HttpResponse, WireRequest } from "./http.ts";
import { BODY_MAX } from "./http-body.ts";
import { HttpSyntaxError, ResponseReader } from "./http-response.ts";
import type { TlsMaterial } from "./tls.ts";

/** Connections that wait for the next request, at most. */
const IDLE_MAX = 8;
/** Firewalls forget silent connections, so older ones are not trusted with a request. */
const IDLE_MAX_MS = 30_000;
const SYSTEM_TLS: TlsMaterial = { rejectUnauthorized: true };

/** Requests up to this size are put together here: `socket.write` takes what it can before it returns. */
const scratch = Buffer.allocUnsafeSlow(64 * 1024);

interface Waiting {
  readonly reader: ResponseReader;
  readonly resolve: (reader: ResponseReader) => void;
  readonly reject: (error: DeliveryError | Stale) => void;
  readonly doing: string;
}

/** A kept connection was closed before a byte of the answer: the request may go over another one. */
class Stale extends Error {}

class Connection {
  readonly origin: string;
  readonly material: TlsMaterial | undefined;
  readonly #onGone: (connection: Connection) => void;
  #socket: Socket<Connection> | undefined;
  #waiting: Waiting | undefined;
  #unsent: Buffer | undefined;
  #answered = 0;
  #ready: { resolve: () => void; reject: (error: unknown) => void } | undefined;
  gone = false;
  idleSince = 0;

  constructor(origin: string, material: TlsMaterial | undefined, onGone: (connection: Connection) => void) {
    this.origin = origin;
    this.material = material;
    this.#onGone = onGone;
  }

  async open(url: URL): Promise<void> {
    const ready = Promise.withResolvers<void>();
    this.#ready = ready;
    // It may be lost before anybody waits for it.
    ready.promise.catch(() => {});
    const socket = await Bun.connect<Connection>({
      hostname: url.hostname.replace(/^\[|\]$/g, ""),
      port: Number(url.port) || (url.protocol === "https:" ? 443 : 80),
      data: this,
      socket: handlers,
      ...(this.material && { tls: this.material }),
    });
    if (this.gone) {
      socket.terminate();
      return;
    }
    this.#socket = socket;
    await ready.promise;
  }

  get unverified(): boolean {
    return this.material?.rejectUnauthorized === false;
  }

  opened(encrypted: boolean, error?: unknown): void {
    if (error !== undefined) this.lost(error);
    else if (encrypted === (this.material !== undefined)) this.#ready?.resolve();
  }

  /** One request at a time. Settles when the answer is whole, or the connection is lost. */
  exchange(request: WireRequest): Promise<ResponseReader> {
    return new Promise((resolve, reject) => {
      const { signal, doing } = request;
      const stop = () => {
        this.#waiting = undefined;
        reject(abortError(signal, doing));
        this.destroy();
      };
      signal.addEventListener("abort", stop, { once: true });
      const settled =
        <T>(settle: (value: T) => void) =>
        (value: T) => {
          signal.removeEventListener("abort", stop);
          settle(value);
        };
      this.#waiting = {
        reader: new ResponseReader(request.method),
        resolve: settled(resolve),
        reject: settled(reject),
        doing,
      };
      this.#write(requestBytes(request));
    });
  }

  #write(bytes: Buffer): void {
    const taken = Math.max(0, this.#socket?.write(bytes) ?? 0);
    if (taken === bytes.length) this.#unsent = undefined;
    else this.#unsent = bytes.buffer === scratch.buffer ? Buffer.from(bytes.subarray(taken)) : bytes.subarray(taken);
  }

  drained(): void {
    if (this.#unsent !== undefined) this.#write(this.#unsent);
  }

  received(bytes: Buffer): void {
    const waiting = this.#waiting;
    if (waiting === undefined) {
      // Nobody asked: what follows cannot be told from the next answer.
      this.destroy();
      return;
    }
    try {
      if (!waiting.reader.push(bytes)) return;
    } catch (error) {
      const why = error instanceof HttpSyntaxError ? error.message : "an answer that cannot be read";
      this.#waiting = undefined;
      this.destroy();
      waiting.reject(new DeliveryError("network", `${waiting.doing} answered with ${why}`));
      return;
    }
    this.#finish(waiting);
  }

  #finish(waiting: Waiting): void {
    this.#waiting = undefined;
    this.#answered++;
    // An answer that came before the whole request was sent leaves the rest of it in the way.
    if (!waiting.reader.reusable || this.#unsent !== undefined) this.destroy("end");
    waiting.resolve(waiting.reader);
  }

  /** The other side is gone; `error` when it did not take its leave. */
  lost(error?: unknown): void {
    if (this.gone) return;
    const waiting = this.#waiting;
    this.destroy("terminate", error);
    if (waiting === undefined) return;
    if (error === undefined && waiting.reader.end()) {
      this.#finish(waiting);
    } else if (this.#answered > 0 && !waiting.reader.begun) {
      waiting.reject(new Stale());
    } else {
      const when = waiting.reader.begun ? "in mid-answer" : "before an answer";
      waiting.reject(new DeliveryError("network", `${waiting.doing} lost the connection ${when}${codeOf(error)}`));
    }
  }

  /** `end` takes its leave in good order. */
  destroy(how: "end" | "terminate" = "terminate", error: unknown = new Error("closed")): void {
    if (this.gone) return;
    this.gone = true;
    this.#socket?.[how]();
    this.#ready?.reject(error);
    this.#onGone(this);
  }
}

const handlers = {
  binaryType: "buffer" as const,
  open(socket: Socket<Connection>) {
    socket.data.opened(false);
  },
  handshake(socket: Socket<Connection>, success: boolean, error: Error | null) {
    // `success` speaks of the name even when nothing is to be verified, and of the chain only when it is.
    const trusted = success && socket.authorized;
    socket.data.opened(true, trusted || socket.data.unverified ? undefined : (error ?? new Error("not trusted")));
  },
  data(socket: Socket<Connection>, bytes: Buffer) {
    socket.data.received(bytes);
  },
  drain(socket: Socket<Connection>) {
    socket.data.drained();
  },
  close(socket: Socket<Connection>, error?: Error) {
    socket.data.lost(error);
  },
  end(socket: Socket<Connection>) {
    socket.data.lost();
  },
  error(socket: Socket<Connection>, error: Error) {
    socket.data.lost(error);
  },
};

/** ` (ECONNRESET)`; nothing else of an error, because messages may hold addresses with tokens. */
function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
}

function requestBytes({ method, url, headers, body }: WireRequest): Buffer {
  let head = `${method} ${url.pathname}${url.search} HTTP/1.1\r\n`;
  let named = false;
  let coded = false;
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    if (lower === "host") named = true;
    if (lower === "accept-encoding") coded = true;
    head += `${name}: ${value}\r\n`;
  }
  if (!named) head += `Host: ${url.host}\r\n`;
  // Answers are short, and an unpacked one needs no guard against bombs.
  if (!coded) head += "Accept-Encoding: identity\r\n";
  if (body !== undefined) head += `Content-Length: ${Buffer.byteLength(body)}\r\n`;
  head += "\r\n";
  if (typeof body !== "string")
    return body === undefined ? Buffer.from(head) : Buffer.concat([Buffer.from(head), body]);
  const text = head + body;
  // Three bytes a character at most.
  if (text.length * 3 > scratch.length) return Buffer.from(text);
  return scratch.subarray(0, scratch.write(text));
}

async function textOf(reader: ResponseReader, doing: string): Promise<string> {
  const coding = reader.headers.get("content-encoding")?.toLowerCase() ?? "identity";
  if (coding === "identity") return reader.body().toString();
  const { brotliDecompressSync, unzipSync } = await import("node:zlib");
  try {
    const options = { maxOutputLength: BODY_MAX };
    const unpacked = coding === "br" ? brotliDecompressSync(reader.body(), options) : unzipSync(reader.body(), options);
    return unpacked.toString();
  } catch {
    throw new DeliveryError("network", `${doing} answered with a body that cannot be unpacked`);
  }
}

export interface ConnectionOptions {
  readonly tls: (() => TlsMaterial) | undefined;
  /** Milliseconds that only grow. */
  readonly now: () => number;
}

export interface Connections {
  readonly exchange: Exchange;
  /** Connects, with TLS if the URL wants it, and asks nothing. */
  reach(url: URL, signal: AbortSignal, doing: string): Promise<void>;
  close(): void;
}

export function connectionExchange({ tls, now }: ConnectionOptions): Connections {
  const idle: Connection[] = [];
  const open = new Set<Connection>();
  const forget = (connection: Connection) => {
    open.delete(connection);
    const at = idle.indexOf(connection);
    if (at >= 0) idle.splice(at, 1);
  };

  const kept = (origin: string, material: TlsMaterial | undefined): Connection | undefined => {
    for (const connection of idle.toReversed()) {
      if (now() - connection.idleSince > IDLE_MAX_MS || connection.material !== material) connection.destroy();
      else if (connection.origin === origin) {
        idle.splice(idle.indexOf(connection), 1);
        return connection;
      }
    }
    return undefined;
  };

  const materialFor = (url: URL) => (url.protocol === "https:" ? (tls?.() ?? SYSTEM_TLS) : undefined);

  const fresh = async (
    { url, signal, doing }: Pick<WireRequest, "url" | "signal" | "doing">,
    material: TlsMaterial | undefined,
  ): Promise<Connection> => {
    const connection = new Connection(url.origin, material, forget);
    open.add(connection);
    try {
      await untilAborted(connection.open(url), signal, doing, () => connection.destroy());
      return connection;
    } catch (error) {
      connection.destroy();
      if (error instanceof DeliveryError) throw error;
      throw new DeliveryError("network", `${doing} got no connection${codeOf(error)}`);
    }
  };

  const exchange = async (request: WireRequest): Promise<HttpResponse> => {
    const { url, signal, doing } = request;
    const material = materialFor(url);
    let connection = kept(url.origin, material) ?? (await fresh(request, material));
    let reader: ResponseReader;
    try {
      reader = await connection.exchange(request);
    } catch (error) {
      if (!(error instanceof Stale)) throw error;
      for (const other of [...idle]) if (other.origin === url.origin) other.destroy();
      if (signal.aborted) throw abortError(signal, doing);
      connection = await fresh(request, material);
      reader = await connection.exchange(request);
    }
    if (!connection.gone) {
      connection.idleSince = now();
      idle.push(connection);
      if (idle.length > IDLE_MAX) idle[0]?.destroy();
    }
    return { status: reader.status, headers: reader.headers, text: await textOf(reader, doing) };
  };

  return {
    exchange,
    async reach(url, signal, doing) {
      const connection = await fresh({ url, signal, doing }, materialFor(url));
      connection.destroy("end");
    },
    close() {
      for (const connection of [...open]) connection.lost();
    },
  };
}
