/** The sources `stdin` and `file`: JSON documents one after another, as kubectl prints them, or one per line. */
import { streamedValues } from "../json-stream.ts";
import type { Logger } from "../logger.ts";
import type { Cell } from "../metrics.ts";
import { NotAnEvent } from "../normalise.ts";
import type { Pipeline } from "../pipeline/pipeline.ts";
import { wrongField } from "./event-fields.ts";
import { unpack } from "./read-posted.ts";

export interface StreamSourceOptions {
  readonly name: "stdin" | "file";
  open(): AsyncIterable<Uint8Array>;
  readonly pipeline: Pick<Pipeline, "watch" | "prepare" | "post" | "committed" | "room">;
  readonly malformed: Cell;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Problems that are said one by one; further ones are counted. */
const SAID = 10;

/** Resolves at the end of the stream, when all of it is in the log, or when the signal aborts. Never rejects. */
export async function readStream(options: StreamSourceOptions): Promise<void> {
  const { name, pipeline, logger, signal, malformed } = options;
  const watch = pipeline.watch(name);
  let wrong = 0;
  let read = 0;
  const odd = (line: number, problem: string): void => {
    malformed.value++;
    wrong++;
    if (wrong <= SAID) logger.warn("something that was read is no event", { source: name, line, problem });
    if (wrong === SAID) logger.warn("more of that is counted, and not said", { source: name });
  };
  try {
    for await (const found of streamedValues(until(options.open(), signal))) {
      if (signal.aborted) return;
      if ("problem" in found) {
        odd(found.line, found.problem);
        continue;
      }
      for (const { input, at, modified } of unpack(found.value, "")) {
        // A stream can wait, so it does.
        const room = pipeline.room(signal);
        if (room) await room;
        if (signal.aborted) return;
        const problem = wrongField(input, at);
        if (problem) odd(found.line, `${problem.pointer ?? ""}: ${problem.detail}`);
        else if (!post(found.line, input, modified)) odd(found.line, "it is larger than the whole buffer");
        else read++;
      }
    }
    await pipeline.committed();
    logger.info("a source has come to its end", { source: name, events: read });
  } catch (error) {
    if (signal.aborted) return;
    logger.error("a source cannot be read any further", {
      source: name,
      events: read,
      error: error instanceof Error ? error.message : String(error),
    });
  }

  function post(line: number, input: unknown, modified: boolean): boolean {
    try {
      return pipeline.post(watch, [pipeline.prepare({ input, id: undefined, modified })]) !== undefined;
    } catch (error) {
      if (!(error instanceof NotAnEvent)) throw error;
      odd(line, error.message);
      return true;
    }
  }
}

/** The chunks of a stream until the signal aborts: one that is silent for ever ends, too. */
async function* until(stream: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const iterator = stream[Symbol.asyncIterator]();
  const aborted = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
  for (;;) {
    const next = await Promise.race([iterator.next(), aborted]);
    if (next === undefined || next.done) return;
    yield next.value;
  }
}
