/** How the demo is told: line by line, or on a screen that is redrawn four times a second. */
import type { Metrics } from "../metrics.ts";
import type { Petrel } from "../petrel.ts";
import type { Entry } from "./ledger.ts";
import { entryLine, opening, outageLine } from "./plain.ts";
import { readCounters, type Show } from "./show.ts";
import { openScreen } from "./terminal.ts";
import { type DemoState, draw, type ReceiverState } from "./view.ts";

const FRAME_MS = 250;
/** Of lines that go to no terminal. */
const PLAIN_WIDTH = 160;

/** What the demo may touch of the process. */
export interface DemoIo {
  stdout(text: string): void;
  stderr(text: string): void;
  terminal(): { readonly columns: number; readonly rows: number } | undefined;
  stop(): AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface ShownOptions {
  /** Shown to the user. */
  readonly configName: string;
  /** The demo's own config: its receivers are the demo's, so that every arrival is known. */
  readonly builtIn: boolean;
  /** 2 is twice as fast. */
  readonly speed: number;
}

/** What there is to tell of. */
export interface Stage {
  readonly options: ShownOptions;
  readonly io: DemoIo;
  readonly show: Show;
  readonly petrel: Petrel;
  readonly metrics: Metrics;
  readonly now: () => number;
  readonly startedAt: number;
}

/** Tells the viewer; either by lines or by a screen. */
export interface Teller {
  begins(): void;
  happens(entry: Entry): void;
  arrived(entry: Entry): void;
  outage(receiver: string, on: boolean): void;
  ends(): void;
  close(): void;
}

/** A line per event, in the order of the writes, each when it has come to its first receiver. */
export function plainTeller({ options, io, show, now, startedAt }: Stage, api: string): Teller {
  const { receivers } = show.ledger;
  const width = io.terminal()?.columns ?? PLAIN_WIDTH;
  const waiting: (Entry | string)[] = [];
  const story = (at: number) => ((at - startedAt) / 1_000) * options.speed;

  function printed(next: Entry | string, last: boolean): string | undefined {
    if (typeof next === "string") return next;
    const told = !options.builtIn || last || next.arrived.includes(true) || !next.routed.includes(true);
    return told ? entryLine(next, receivers, story(next.writtenAt), width) : undefined;
  }

  function print(last = false): void {
    let text = "";
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      const line = printed(next, last);
      if (line === undefined) break;
      text += line;
      waiting.shift();
    }
    if (text !== "") io.stdout(text);
  }

  const add = (next: Entry | string) => {
    waiting.push(next);
    print();
  };
  io.stdout(opening({ api, config: options.configName, receivers }));
  return {
    begins() {},
    happens: add,
    arrived: () => print(),
    outage: (receiver, on) => add(outageLine(receiver, on, story(now()))),
    ends() {},
    close: () => print(true),
  };
}

/** A screen, redrawn four times a second. */
export function liveTeller(stage: Stage & { readonly live: { readonly logged: string } }): Teller {
  const { options, io, show, petrel, metrics, now, live } = stage;
  const screen = openScreen(io.stdout);
  const down = new Set<string>();
  let dayStarted = now();
  let ending = false;
  let cpu = { at: now(), used: process.cpuUsage(), percent: 0 };

  function receivers(): readonly ReceiverState[] {
    const counters = readCounters(metrics, show.ledger.receivers);
    const status = petrel.status().receivers;
    return show.ledger.receivers.map((name, index) => {
      const { state = "up", backlog = 0, lastError = "" } = status[index] ?? {};
      const { delivered = 0, failed = 0, retried = 0, dropped = 0 } = counters[index] ?? {};
      const tally = show.ledger.tallies[index];
      const latencies = tally?.latencies;
      return {
        name,
        delivered,
        failed,
        retried,
        dropped,
        // The backlog also counts what the receiver has yet to read and find not to be for it.
        waiting: options.builtIn && tally ? tally.routed - tally.arrived : backlog,
        p50: latencies?.quantile(0.5) ?? Number.NaN,
        p99: latencies?.quantile(0.99) ?? Number.NaN,
        trouble: down.has(name) ? "answers 503" : state === "up" ? undefined : lastError || state,
      };
    });
  }

  function frame(): void {
    const at = now();
    if (at - cpu.at >= 1_000) {
      const { user, system } = process.cpuUsage(cpu.used);
      cpu = { at, used: process.cpuUsage(), percent: (user + system) / 10 / (at - cpu.at) };
    }
    const { columns = 80, rows = 24 } = io.terminal() ?? {};
    const state: DemoState = {
      day: show.dayNumber,
      speed: options.speed,
      startedAt: dayStarted,
      written: show.ledger.written,
      stories: show.stories,
      receivers: receivers(),
      recent: show.ledger.recent,
      arrivals: options.builtIn,
      cpu: cpu.percent,
      memoryBytes: process.memoryUsage.rss(),
      logged: live.logged,
      ending,
      // https://no-color.org
      color: !io.env.NO_COLOR && io.env.TERM !== "dumb",
      unicode: /utf-?8/i.test(io.env.LC_ALL || io.env.LC_CTYPE || io.env.LANG || ""),
    };
    screen.show(draw(state, columns, rows, at));
  }

  const timer = setInterval(frame, FRAME_MS);
  return {
    begins() {
      dayStarted = now();
      frame();
    },
    happens() {},
    arrived() {},
    outage(receiver, on) {
      if (on) down.add(receiver);
      else down.delete(receiver);
    },
    ends() {
      ending = true;
      frame();
    },
    close() {
      clearInterval(timer);
      screen.close();
    },
  };
}
