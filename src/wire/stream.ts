/** One connection that bytes are written to and nothing is awaited from: TCP, TLS, or a unix socket. */
import type { Socket } from "bun";
import { DeliveryError } from "../errors.ts";
import { abortError, untilAborted, untilEcho } from "./abort.ts";
import type { Address } from "./address.ts";
import { codeOf, type TlsMaterial, VERDICT_MS } from "./tls.ts";

export interface StreamOutput {
  /**
   * Resolves when the system has taken all of it. When it rejects, with DeliveryError, the connection is gone, and
   * nobody knows how much arrived. `doing` opens messages: `the write to host:514`.
   */
  write(bytes: Buffer, signal: AbortSignal, doing: string): Promise<void>;
  /** Connects, if there is no connection. */
  open(signal: AbortSignal, doing: string): Promise<void>;
  close(): void;
}

export interface StreamOptions {
  readonly to: Address | { readonly unix: string };
  readonly tls?: (() => TlsMaterial) | undefined;
  /** Told how many bytes each write has. */
  readonly sent: (bytes: number) => void;
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** What the handlers of one connection share. */
interface State {
  readonly verified: boolean | undefined;
  /** Waits for the connection, or for room to write more. */
  waiting: Waiting | undefined;
  lost: unknown;
}

const CLOSED = new Error("closed");
/** Opens when first needed, and again after the connection was lost. One write at a time. */
export function streamOutput({ to, tls, sent }: StreamOptions): StreamOutput {
  let socket: Socket<State> | undefined;
  let state: State | undefined;

  const close = () => {
    if (state !== undefined) giveUp(state, CLOSED);
    socket?.end();
    state = undefined;
    socket = undefined;
  };

  const connected = async (): Promise<Socket<State>> => {
    if (socket !== undefined && socket.data.lost === undefined) return socket;
    close();
    const material = tls?.();
    const mine: State = { verified: material?.rejectUnauthorized, waiting: undefined, lost: undefined };
    state = mine;
    const ready = nextNews(mine);
    const common = { data: mine, socket: handlers, ...(material && { tls: material }) };
    const opened = await ("unix" in to
      ? Bun.connect<State>({ unix: to.unix, ...common })
      : Bun.connect<State>({ hostname: to.host, port: to.port, ...common }));
    try {
      await ready;
      if (material !== undefined) await Bun.sleep(VERDICT_MS);
      if (mine.lost !== undefined) throw mine.lost;
    } catch (error) {
      opened.terminate();
      throw error;
    }
    socket = opened;
    return opened;
  };

  const open = async (signal: AbortSignal, doing: string): Promise<Socket<State>> => {
    try {
      return await untilAborted(connected(), signal, doing, close);
    } catch (error) {
      if (error instanceof DeliveryError) throw error;
      throw new DeliveryError("network", `${doing} got no connection${codeOf(error)}`);
    }
  };

  return {
    async open(signal, doing) {
      await open(signal, doing);
    },
    async write(bytes, signal, doing) {
      const through = await open(signal, doing);
      sent(bytes.length);
      try {
        let at = Math.max(0, through.write(bytes));
        while (at < bytes.length) {
          if (through.data.lost !== undefined) throw through.data.lost;
          await untilAborted(nextNews(through.data), signal, doing, close);
          at += Math.max(0, through.write(bytes, at));
        }
        await untilEcho();
        if (through.data.lost !== undefined) throw through.data.lost;
      } catch (error) {
        close();
        if (error instanceof DeliveryError) throw error;
        if (signal.aborted) throw abortError(signal, doing);
        throw new DeliveryError("network", `${doing} lost the connection${codeOf(error)}`);
      }
    },
    close,
  };
}

/** Resolves when the connection is ready, or has room again; rejects when it is lost. */
function nextNews(state: State): Promise<void> {
  const promise = new Promise<void>((resolve, reject) => {
    state.waiting = { resolve, reject };
  });
  // It may be lost before anybody waits for it.
  promise.catch(() => {});
  return promise;
}

function giveUp(state: State, error: unknown): void {
  state.lost ??= error;
  state.waiting?.reject(error);
}

const handlers = {
  open(socket: Socket<State>) {
    if (socket.data.verified === undefined) socket.data.waiting?.resolve();
  },
  handshake(socket: Socket<State>, success: boolean, error: Error | null) {
    if (socket.data.verified === false || (success && socket.authorized)) socket.data.waiting?.resolve();
    else giveUp(socket.data, error ?? CLOSED);
  },
  data() {
    // Nothing is asked for, so nothing that comes means anything.
  },
  drain(socket: Socket<State>) {
    socket.data.waiting?.resolve();
  },
  close(socket: Socket<State>, error?: Error) {
    giveUp(socket.data, error ?? CLOSED);
  },
  end(socket: Socket<State>) {
    giveUp(socket.data, CLOSED);
    socket.end();
  },
  error(socket: Socket<State>, error: Error) {
    giveUp(socket.data, error);
  },
};
