/**
 * HTTP/1.1 over our own sockets, a few of which are kept open: at 500 requests a second it costs half of what fetch
 * does, in a flood a third. No proxies: those are {@link fetchExchange}'s.
 */
import { DeliveryError } from "../errors.ts";
import { abortError, untilAborted } from "./abort.ts";
import type { Exchange, HttpResponse, WireRequest } from "./http.ts";
import { BODY_MAX } from "./http-body.ts";
import { HttpSyntaxError, ResponseReader } from "./http-response.ts";
import { createPool, type HttpSocket, type Listener, scratch } from "./http-socket.ts";
import { codeOf, type TlsMaterial, VERDICT_MS } from "./tls.ts";

const SYSTEM_TLS: TlsMaterial = { rejectUnauthorized: true };

/** A kept connection was closed before a byte of the answer. */
class Stale extends Error {}

/** A connection that was idle for longer is looked at before it is trusted with a request. */
const RESTED_MS = 5;

/**
 * What may be asked again over another connection, and nobody is the wiser: whoever closed the last one may have taken what
 * was sent. Events that may come twice are the receiver's to send again, and to count.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2
 */
const ASKING: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/** One request on its way. */
class Waiting implements Listener {
  readonly #reader: ResponseReader;
  readonly #socket: HttpSocket;
  readonly #request: WireRequest;
  readonly #resolve: (reader: ResponseReader) => void;
  readonly #reject: (error: DeliveryError | Stale) => void;

  constructor(
    socket: HttpSocket,
    request: WireRequest,
    resolve: (reader: ResponseReader) => void,
    reject: (error: DeliveryError | Stale) => void,
    sent: (bytes: number) => void,
  ) {
    this.#reader = new ResponseReader(request.method);
    this.#socket = socket;
    this.#request = request;
    this.#resolve = resolve;
    this.#reject = reject;
    socket.obey(request.signal);
    socket.listener = this;
    const bytes = requestBytes(request);
    sent(bytes.length);
    socket.write(bytes);
  }

  aborted(signal: AbortSignal): void {
    this.#reject(abortError(signal, this.#request.doing));
  }

  received(bytes: Buffer): void {
    const { doing } = this.#request;
    try {
      if (this.#reader.push(bytes)) this.#finish();
    } catch (error) {
      const why = error instanceof HttpSyntaxError ? error.message : "an answer that cannot be read";
      this.#socket.listener = undefined;
      this.#socket.destroy();
      this.#reject(new DeliveryError("network", `${doing} answered with ${why}`));
    }
  }

  lost(error: unknown): void {
    const { doing } = this.#request;
    if (error === undefined && this.#reader.end()) {
      this.#finish();
      return;
    }
    if (this.#socket.answered > 0 && !this.#reader.begun) {
      this.#reject(new Stale());
    } else {
      const when = this.#reader.begun ? "in mid-answer" : "before an answer";
      this.#reject(new DeliveryError("network", `${doing} lost the connection ${when}${codeOf(error)}`));
    }
  }

  #finish(): void {
    this.#socket.listener = undefined;
    this.#socket.answered++;
    // An answer that came before the whole request was sent leaves the rest of it in the way.
    if (!this.#reader.reusable || this.#socket.sending) this.#socket.destroy("end");
    this.#resolve(this.#reader);
  }
}

/** One request at a time. Settles when the answer is whole, or the connection is lost. */
function exchangeOver(
  socket: HttpSocket,
  request: WireRequest,
  sent: (bytes: number) => void,
): Promise<ResponseReader> {
  return new Promise((resolve, reject) => {
    new Waiting(socket, request, resolve, reject, sent);
  });
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

function textOf(reader: ResponseReader, doing: string): string | Promise<string> {
  const coding = reader.headers.get("content-encoding")?.toLowerCase() ?? "identity";
  return coding === "identity" ? reader.body().toString() : unpacked(reader, coding, doing);
}

async function unpacked(reader: ResponseReader, coding: string, doing: string): Promise<string> {
  const { brotliDecompressSync, unzipSync } = await import("node:zlib");
  try {
    const options = { maxOutputLength: BODY_MAX };
    const unpack = coding === "br" ? brotliDecompressSync : unzipSync;
    return unpack(reader.body(), options).toString();
  } catch {
    throw new DeliveryError("network", `${doing} answered with a body that cannot be unpacked`);
  }
}

export interface ConnectionOptions {
  readonly tls: (() => TlsMaterial) | undefined;
  /** Told of each request that goes out. */
  readonly sent: (bytes: number) => void;
  /** Milliseconds that only grow. */
  readonly now: () => number;
}

export interface Connections {
  readonly exchange: Exchange;
  /** Connects, with TLS if the URL wants it, and asks nothing. */
  reach(url: URL, signal: AbortSignal, doing: string): Promise<void>;
  close(): void;
}

/** Resolves when sockets have been read once: the first turn of the loop may come before that. */
function sockets(): Promise<void> {
  return new Promise((resolve) => void setImmediate(() => setImmediate(resolve)));
}

export function connectionExchange({ tls, sent, now }: ConnectionOptions): Connections {
  const pool = createPool(now);
  const materialFor = (url: URL) => (url.protocol === "https:" ? (tls?.() ?? SYSTEM_TLS) : undefined);

  const fresh = async (
    { url, signal, doing }: Pick<WireRequest, "url" | "signal" | "doing">,
    material: TlsMaterial | undefined,
  ): Promise<HttpSocket> => {
    const socket = pool.fresh(url.origin, material);
    try {
      await untilAborted(socket.open(url), signal, doing, () => socket.destroy());
      return socket;
    } catch (error) {
      socket.destroy();
      if (error instanceof DeliveryError) throw error;
      throw new DeliveryError("network", `${doing} got no connection${codeOf(error)}`);
    }
  };

  const exchange = async (request: WireRequest): Promise<HttpResponse> => {
    const { url, signal, doing } = request;
    const material = materialFor(url);
    let socket = pool.kept(url.origin, material);
    if (socket && now() - socket.idleSince > RESTED_MS) {
      // That the other side has closed it may have arrived, and not been read yet.
      await sockets();
      if (signal.aborted) {
        socket.destroy();
        throw abortError(signal, doing);
      }
      // Of the others, those that were closed are gone by now, too.
      if (socket.gone) socket = pool.kept(url.origin, material);
    }
    socket ??= await fresh(request, material);
    let reader: ResponseReader;
    try {
      reader = await exchangeOver(socket, request, sent);
    } catch (error) {
      if (!(error instanceof Stale)) throw error;
      pool.drop(url.origin);
      if (signal.aborted) throw abortError(signal, doing);
      if (!ASKING.has(request.method)) {
        throw new DeliveryError("network", `${doing} lost a connection that was kept, before an answer`);
      }
      socket = await fresh(request, material);
      reader = await exchangeOver(socket, request, sent);
    }
    pool.release(socket);
    const text = textOf(reader, doing);
    return { status: reader.status, headers: reader.headers, text: typeof text === "string" ? text : await text };
  };

  return {
    exchange,
    async reach(url, signal, doing) {
      const material = materialFor(url);
      const socket = await fresh({ url, signal, doing }, material);
      if (material !== undefined) await Bun.sleep(VERDICT_MS);
      if (socket.gone) {
        const cure = "does it want a client certificate, or another one?";
        throw new DeliveryError("network", `${doing} was closed after the TLS handshake: ${cure}`);
      }
      socket.destroy("end");
    },
    close: pool.close,
  };
}
