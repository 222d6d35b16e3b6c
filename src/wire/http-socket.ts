/** One HTTP/1.1 connection over a socket of our own: TLS, what could not be written yet, and its end. */
import type { Socket } from "bun";
import type { TlsMaterial } from "./tls.ts";

/** Whoever waits for an answer. */
export interface Listener {
  /** The bytes are the listener's to keep. */
  received(bytes: Buffer): void;
  /** The other side is gone; `error` when it did not take its leave. Called once, after which nothing comes. */
  lost(error: unknown): void;
  /** The signal of {@link HttpSocket.obey} aborted, and the connection is closed. */
  aborted?(signal: AbortSignal): void;
}

/** Small requests are put together here: `socket.write` takes what it can before it returns. */
export const scratch: Buffer = Buffer.allocUnsafeSlow(64 * 1024);

export class HttpSocket {
  readonly origin: string;
  readonly material: TlsMaterial | undefined;
  readonly #onGone: (socket: HttpSocket) => void;
  #socket: Socket<HttpSocket> | undefined;
  #unsent: Buffer | undefined;
  #signal: AbortSignal | undefined;
  #ready: { resolve: () => void; reject: (error: unknown) => void } | undefined;
  /** Bytes that come for nobody end the connection: what follows could not be told from the next answer. */
  listener: Listener | undefined;
  gone = false;
  /** Whole answers so far. */
  answered = 0;
  idleSince = 0;

  /** `onGone` is called once, however it ends. */
  constructor(origin: string, material: TlsMaterial | undefined, onGone: (socket: HttpSocket) => void) {
    this.origin = origin;
    this.material = material;
    this.#onGone = onGone;
  }

  /** Rejects with the error of the socket or of the TLS handshake. */
  async open(url: URL): Promise<void> {
    const ready = Promise.withResolvers<void>();
    this.#ready = ready;
    // It may be lost before anybody waits for it.
    ready.promise.catch(() => {});
    const socket = await Bun.connect<HttpSocket>({
      hostname: url.hostname.replace(/^\[|\]$/g, ""),
      port: Number(url.port) || (url.protocol === "https:" ? 443 : 80),
      data: this,
      socket: handlers,
      // An empty object would mean no TLS at all.
      ...(this.material && { tls: { rejectUnauthorized: true, ...this.material } }),
    });
    if (this.gone) {
      socket.terminate();
      return;
    }
    this.#socket = socket;
    await ready.promise;
  }

  opened(encrypted: boolean, error?: unknown): void {
    if (error !== undefined) this.lost(error);
    else if (encrypted === (this.material !== undefined)) this.#ready?.resolve();
  }

  get unverified(): boolean {
    return this.material?.rejectUnauthorized === false;
  }

  /**
   * The signal of the request that follows. It is listened to until another one comes, because requests mostly bring the
   * same, and to come and go costs as much as to read the answer.
   */
  obey(signal: AbortSignal): void {
    if (signal === this.#signal) return;
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#signal = signal;
    signal.addEventListener("abort", this.#abort, { once: true });
  }

  readonly #abort = (): void => {
    const { listener } = this;
    const signal = this.#signal;
    this.listener = undefined;
    this.destroy();
    if (signal !== undefined) listener?.aborted?.(signal);
  };

  /** True while a part of the last request waits for the other side to read. */
  get sending(): boolean {
    return this.#unsent !== undefined;
  }

  write(bytes: Buffer): void {
    const taken = Math.max(0, this.#socket?.write(bytes) ?? 0);
    if (taken === bytes.length) this.#unsent = undefined;
    else this.#unsent = bytes.buffer === scratch.buffer ? Buffer.from(bytes.subarray(taken)) : bytes.subarray(taken);
  }

  drained(): void {
    if (this.#unsent !== undefined) this.write(this.#unsent);
  }

  received(bytes: Buffer): void {
    if (this.listener === undefined) this.destroy();
    else this.listener.received(bytes);
  }

  /** Reads no more until `resume`: the other side is slowed down by the kernel's buffers. */
  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  lost(error?: unknown): void {
    if (this.gone) return;
    const listener = this.listener;
    this.listener = undefined;
    this.destroy("terminate", error);
    listener?.lost(error);
  }

  /** Tells no listener. `end` takes its leave in good order. */
  destroy(how: "end" | "terminate" = "terminate", error: unknown = new Error("closed")): void {
    if (this.gone) return;
    this.gone = true;
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#socket?.[how]();
    this.#ready?.reject(error);
    this.#onGone(this);
  }
}

const handlers = {
  binaryType: "buffer" as const,
  open(socket: Socket<HttpSocket>) {
    socket.data.opened(false);
  },
  handshake(socket: Socket<HttpSocket>, success: boolean, error: Error | null) {
    // `success` speaks of the name even when nothing is to be verified, and of the chain only when it is.
    const trusted = success && socket.authorized;
    socket.data.opened(true, trusted || socket.data.unverified ? undefined : (error ?? new Error("not trusted")));
  },
  data(socket: Socket<HttpSocket>, bytes: Buffer) {
    socket.data.received(bytes);
  },
  drain(socket: Socket<HttpSocket>) {
    socket.data.drained();
  },
  close(socket: Socket<HttpSocket>, error?: Error) {
    socket.data.lost(error);
  },
  end(socket: Socket<HttpSocket>) {
    socket.data.lost();
  },
  error(socket: Socket<HttpSocket>, error: Error) {
    socket.data.lost(error);
  },
};

/** A few connections kept open for the next request. */
export interface SocketPool {
  /** One that waits, or undefined. Those that waited too long, or were opened with other material, are closed. */
  kept(origin: string, material: TlsMaterial | undefined): HttpSocket | undefined;
  /** Not opened yet. */
  fresh(origin: string, material: TlsMaterial | undefined): HttpSocket;
  /** After a whole answer: keeps the connection, unless it is gone. */
  release(socket: HttpSocket): void;
  /** Closes those that wait, of one origin or all. */
  drop(origin?: string): void;
  /** Closes all, those that are in use too: their listeners are told. */
  close(): void;
}

/** Connections that wait for the next request, at most. */
const IDLE_MAX = 8;
/** Firewalls forget silent connections, so older ones are not trusted with a request. */
const IDLE_MAX_MS = 30_000;

/** `now`: milliseconds that only grow. */
export function createPool(now: () => number): SocketPool {
  const idle: HttpSocket[] = [];
  const open = new Set<HttpSocket>();
  const forget = (socket: HttpSocket) => {
    open.delete(socket);
    const at = idle.indexOf(socket);
    if (at >= 0) idle.splice(at, 1);
  };
  return {
    kept(origin, material) {
      for (let at = idle.length - 1; at >= 0; at--) {
        const socket = idle[at];
        if (socket === undefined) continue;
        if (now() - socket.idleSince > IDLE_MAX_MS || socket.material !== material) socket.destroy();
        else if (socket.origin === origin) {
          idle.splice(at, 1);
          return socket;
        }
      }
      return undefined;
    },
    fresh(origin, material) {
      const socket = new HttpSocket(origin, material, forget);
      open.add(socket);
      return socket;
    },
    release(socket) {
      if (socket.gone) return;
      socket.idleSince = now();
      idle.push(socket);
      if (idle.length > IDLE_MAX) idle[0]?.destroy();
    },
    drop(origin) {
      for (const socket of [...idle]) if (origin === undefined || socket.origin === origin) socket.destroy();
    },
    close() {
      for (const socket of [...open]) socket.lost();
    },
  };
}
