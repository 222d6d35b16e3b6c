/** Events through a pipeline, held back as its receivers need it, and what became of them. */
import type { Config } from "../config/types.ts";
import type { Event } from "../event.ts";
import type { Logger } from "../logger.ts";
import { NotAnEvent, normalise } from "../normalise.ts";
import { identityOf } from "../pipeline/gates.ts";
import type { Pipeline } from "../pipeline/pipeline.ts";
import type { Io } from "./command.ts";
import { openOffline } from "./offline.ts";
import type { Input } from "./replay-input.ts";

export interface ReceiverCounts {
  readonly name: string;
  readonly delivered: number;
  /** Refused for good. */
  readonly refused: number;
  /** Never delivered for another reason: too old, or too many waited. */
  readonly dropped: number;
  /** Spared it, as its settings say. */
  readonly held: number;
  /** Not delivered when time was up. */
  readonly left: number;
  readonly lastError: string | null;
}

export interface ReplayCounts {
  /** Taken in. */
  readonly events: number;
  readonly unmatched: number;
  /** Things that are no events. */
  readonly problems: number;
  /** Repeats, and what the gates before all receivers held back. */
  readonly held: number;
  readonly receivers: readonly ReceiverCounts[];
  /** The first of what was refused for good. */
  readonly deadLetters: readonly { receiver: string; eventId: string; reason: string; message: string }[];
  readonly notShown: number;
  /** Everything was an event, and went where it had to. */
  readonly complete: boolean;
}

export interface DeliverOptions {
  readonly logger: Logger;
  /** Without any event taken for so long, what waits is given up. */
  readonly timeoutMs: number;
  readonly stop: AbortSignal;
  readonly io: Io;
}

const LOOK_MS = 5;
const SHOWN = 10;

export async function deliverAll(
  inputs: AsyncIterable<Input>,
  config: Config,
  { logger, timeoutMs, stop, io }: DeliverOptions,
): Promise<ReplayCounts> {
  // The age limit is for what a first start finds; who replays events knows how old they are.
  const { pipeline, meters } = await openOffline(
    { ...config, maxEventAgeSeconds: Number.MAX_SAFE_INTEGER },
    logger,
    io,
  );
  const watch = pipeline.watch("replay");
  const room = backPressure(pipeline, config, timeoutMs, stop);
  let problems = 0;
  let gaveUp = false;
  try {
    for await (const one of untilAborted(inputs, stop)) {
      const found = eventIn(one, config);
      if ("problem" in found) {
        problems += 1;
        io.stderr(`petrel: ${found.problem}\n`);
        continue;
      }
      const bytes = Buffer.from(JSON.stringify(found.input));
      if (!(await room(bytes.length))) {
        gaveUp = true;
        break;
      }
      offer(pipeline, watch, bytes, found.event);
    }
    if (!gaveUp) await drained(pipeline, timeoutMs, stop);
  } catch (error) {
    await pipeline.stop();
    throw error;
  }
  return count(await pipeline.stop());

  function count(stopped: Awaited<ReturnType<Pipeline["stop"]>>): ReplayCounts {
    const receivers = stopped.map(({ name, left, lastError = null }) => {
      const sink = config.receivers.find((receiver) => receiver.name === name)?.sink ?? "";
      const { delivered, dropped, held } = meters.receiver(name, sink);
      return {
        name,
        delivered: delivered.value,
        refused: dropped.refused.value,
        dropped: dropped.overflow.value + dropped.stale.value,
        held: Object.values(held).reduce((sum, { value }) => sum + value, 0),
        left,
        lastError,
      };
    });
    const letters = pipeline.deadLetters.letters;
    const { repeated, dedup, throttle, too_long } = meters.discarded;
    const shown = letters.list({ limit: SHOWN });
    const clean = receivers.every(({ refused, dropped, left }) => refused + dropped + left === 0);
    return {
      events: meters.received.listed.value,
      unmatched: meters.unmatched.value,
      problems: problems + too_long.value,
      held: repeated.value + dedup.value + throttle.value,
      receivers,
      deadLetters: shown.map(({ receiver, eventId, reason, message }) => ({ receiver, eventId, reason, message })),
      notShown: letters.count - shown.length,
      complete: clean && problems + too_long.value === 0 && !gaveUp && !stop.aborted,
    };
  }
}

/** A stream may be silent for ever: the signal does not wait for what comes next. */
async function* untilAborted<T>(from: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const aborted = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
  const iterator = from[Symbol.asyncIterator]();
  for (;;) {
    const step = await Promise.race([iterator.next(), aborted]);
    if (step === undefined || step.done) return;
    yield step.value;
  }
}

type Found = { readonly input: unknown; readonly event: Event } | { readonly problem: string };

function eventIn(one: Input, config: Config): Found {
  if ("problem" in one) return one;
  try {
    return { input: one.input, event: normalise(one.input, config) };
  } catch (error) {
    if (error instanceof NotAnEvent) return { problem: `${one.where}: ${error.message}` };
    throw error;
  }
}

function offer(pipeline: Pipeline, watch: number, bytes: Uint8Array, event: Event): void {
  const { uid, resourceVersion = "" } = event.metadata;
  const version = /^\d{1,15}$/.test(resourceVersion) ? Number(resourceVersion) : Number.NaN;
  const identity = identityOf(Number.isNaN(version) ? event.id : (uid ?? event.id));
  pipeline.receive(watch, bytes, "listed", version, identity, event);
}

/**
 * Waits, if need be, until the buffer can take an event of so many bytes without pushing out another; asked once per
 * event. False: nothing has been taken for too long.
 */
function backPressure(
  pipeline: Pipeline,
  { buffer }: Config,
  timeoutMs: number,
  stop: AbortSignal,
): (bytes: number) => boolean | Promise<boolean> {
  /** What may go in before the next look. */
  let events = 0;
  let room = 0;
  return (bytes) => {
    if (events >= 1 && room >= bytes) {
      events -= 1;
      room -= bytes;
      return true;
    }
    return progress(pipeline, timeoutMs, stop, (status) => {
      const free = buffer.bytes - status.bytes;
      if (status.events > buffer.events / 2 || free < Math.max(bytes, buffer.bytes / 2)) {
        if (status.events > 0) return false;
      }
      events = (buffer.events - status.events) / 2 - 1;
      room = free / 2 - bytes;
      return true;
    });
  };
}

async function drained(pipeline: Pipeline, timeoutMs: number, stop: AbortSignal): Promise<void> {
  const late = new AbortController();
  let over = false;
  const draining = pipeline.drain(AbortSignal.any([stop, late.signal])).then(() => {
    over = true;
  });
  await progress(pipeline, timeoutMs, stop, () => over);
  late.abort();
  await draining;
}

/** Looks until it is so; false when nothing has moved for too long, or the signal came. */
async function progress(
  pipeline: Pipeline,
  timeoutMs: number,
  stop: AbortSignal,
  done: (status: ReturnType<Pipeline["status"]>) => boolean,
): Promise<boolean> {
  let moved = performance.now();
  let before = "";
  while (!stop.aborted) {
    const status = pipeline.status();
    if (done(status)) return true;
    const now = status.receivers.map(({ backlog }) => backlog).join();
    if (now !== before) moved = performance.now();
    else if (performance.now() - moved > timeoutMs) return false;
    before = now;
    await Bun.sleep(LOOK_MS);
  }
  return false;
}
