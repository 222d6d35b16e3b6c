/**
 * Tells systemd how a service of `Type=notify` fares, and that it is alive. Load it only where `NOTIFY_SOCKET` is set.
 * @see https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
 */
import { FFIType, ptr } from "bun:ffi";
import type { Logger } from "./logger.ts";
import { openLibc } from "./wire/libc.ts";
import { unixDatagramOutput } from "./wire/unix-datagram.ts";

/** Each returns at once, and what cannot be sent is logged: systemd is told, not asked. */
export interface Notifier {
  /** After the start, and after each reload. From the first one on the watchdog is fed. */
  ready(): void;
  /** Before a reload; `ready` must follow. */
  reloading(): void;
  stopping(): void;
  /** Feeds the watchdog no longer, sends what waits, and closes the socket. */
  close(): Promise<void>;
}

export interface NotifierOptions {
  /** `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` of it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
  readonly logger: Logger;
  /** Why Petrel is stuck: the watchdog is then not fed, and systemd starts the service anew. */
  readonly unhealthy: () => string | undefined;
}

const CLOCK_MONOTONIC = 1;
/** systemd reads its socket at once; a queue that stays full for so long is nobody's. */
const SEND_MS = 5_000;

/** Undefined, and said, when there is no way to tell systemd anything. */
export function openNotifier(options: NotifierOptions): Notifier | undefined {
  const { env, logger } = options;
  const socket = env.NOTIFY_SOCKET ?? "";
  if (!/^[/@]./.test(socket)) {
    logger.error("cannot tell systemd anything: NOTIFY_SOCKET is neither a path nor the name of an abstract socket", {
      socket,
    });
    return undefined;
  }
  try {
    return notifier(socket.replace(/^@/, "\0"), options);
  } catch (error) {
    logger.error("cannot tell systemd anything: set Type=exec, or MemoryDenyWriteExecute=no", { error });
    return undefined;
  }
}

function notifier(path: string, { env, pid, logger, unhealthy }: NotifierOptions): Notifier {
  const output = unixDatagramOutput(path);
  const c = openLibc({ clock_gettime: { args: [FFIType.int, FFIType.ptr], returns: FFIType.int } });
  const feedEveryMs = watchdogMs(env, pid) / 2;
  let last: Promise<void> = Promise.resolve();
  let feeding: Timer | undefined;
  let told = "";

  const send = (state: string): void => {
    const doing = `telling systemd ${state.split("\n", 1)[0]}`;
    last = last
      .then(() => output.send([Buffer.from(state)], AbortSignal.timeout(SEND_MS), doing))
      .then(
        () => {
          told = "";
        },
        (error: unknown) => {
          // The watchdog would say it again and again.
          const message = error instanceof Error ? error.message : String(error);
          if (message !== told) logger.warn(message);
          told = message;
        },
      );
  };

  /** Bun's own clocks begin with the process. */
  const monotonicUsec = (): bigint => {
    const time = Buffer.alloc(16);
    c.clock_gettime(CLOCK_MONOTONIC, ptr(time));
    return time.readBigInt64LE(0) * 1_000_000n + time.readBigInt64LE(8) / 1_000n;
  };

  const feed = (): void => {
    const why = unhealthy();
    if (why === undefined) send("WATCHDOG=1");
    else logger.error("does not feed systemd's watchdog", { why });
  };

  return {
    ready() {
      send("READY=1");
      if (feedEveryMs > 0) feeding ??= setInterval(feed, feedEveryMs);
    },
    reloading: () => send(`RELOADING=1\nMONOTONIC_USEC=${monotonicUsec()}`),
    stopping: () => send("STOPPING=1"),
    async close() {
      clearInterval(feeding);
      await last;
      output.close();
    },
  };
}

/** 0: nobody watches, or not over this process. @see https://www.freedesktop.org/software/systemd/man/latest/sd_watchdog_enabled.html */
function watchdogMs({ WATCHDOG_USEC, WATCHDOG_PID }: NotifierOptions["env"], pid: number): number {
  if (WATCHDOG_PID && WATCHDOG_PID !== String(pid)) return 0;
  return /^[1-9]\d*$/.test(WATCHDOG_USEC ?? "") ? Math.min(Number(WATCHDOG_USEC) / 1_000, 0x7fffffff) : 0;
}
