import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import pipe from "../../sinks/pipe.ts";
import { fields } from "../../src/config/fields.ts";
import { DeliveryError } from "../../src/errors.ts";
import { createSinkContext } from "../../src/pipeline/context.ts";
import type { Batch } from "../../src/sink.ts";
import { anEvent, compileSimple, recordingLogger } from "../contract.ts";

const EVENTS = 2_000;

/** What the runtime does with an error, without its waits: the refused again, until nothing is. */
async function deliverAll(deliver: (batch: Batch) => Promise<void>, events: ReturnType<typeof anEvent>[]) {
  for (let rest = events; rest.length > 0; ) {
    try {
      await deliver(rest as unknown as Batch);
      return;
    } catch (error) {
      if (!(error instanceof DeliveryError)) throw error;
      const { refused } = error;
      if (refused !== undefined) rest = rest.filter((_, index) => refused.some((one) => one.index === index));
      await Bun.sleep(0);
    }
  }
}

test("readers that come and go together read every line once, whole and in order", async () => {
  const folder = mkdtempSync(`${tmpdir()}/petrel-pipe-`);
  const path = `${folder}/fifo`;
  spawnSync("mkfifo", [path]);
  const options = {
    receiver: "p",
    logger: recordingLogger().logger,
    compat: false,
    compileTemplate: compileSimple,
    env: {},
  };
  const layout = { message: "{{ .Message }}" };
  const sink = await pipe.create(pipe.config(fields).parse({ path, layout }), createSinkContext(options));

  let text = "";
  let done = false;
  let readers = 0;
  const reading = (async () => {
    const buffer = Buffer.alloc(50_000);
    for (let size = 1; !done; size = (size * 7 + 1_000) % buffer.length) {
      const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
      readers++;
      await Bun.sleep(0);
      try {
        // Of any size: a reader may leave in the middle of a line.
        text += buffer.toString("utf8", 0, readSync(reader, buffer, 0, size + 1, null));
      } catch {
        // Nothing there yet.
      }
      closeSync(reader);
      await Bun.sleep(0);
      done = text.split("\n").length > EVENTS;
    }
  })();

  const events = Array.from({ length: EVENTS }, (_, index) =>
    anEvent({ message: `${index} ${"x".repeat(index % 900)}` }),
  );
  for (let at = 0; at < EVENTS; at += 100) {
    const deliver = async (batch: Batch) => sink.deliver(batch, AbortSignal.timeout(5));
    await deliverAll(deliver, events.slice(at, at + 100));
  }
  await reading;
  await sink[Symbol.asyncDispose]?.();
  rmSync(folder, { recursive: true });
  expect(readers).toBeGreaterThan(20);
  expect(text).toBe(sink.render(events as unknown as Batch).body);
});
