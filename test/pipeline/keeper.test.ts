/** What the keeper writes to a real journal, read from outside. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DeliveryError } from "../../src/errors.ts";
import { TROUBLES, type Trouble } from "../../src/journal/error.ts";
import { FILE, openJournal } from "../../src/journal/journal.ts";
import { createLogger } from "../../src/logger.ts";
import { type Cell, createMetrics } from "../../src/metrics.ts";
import { identityOf } from "../../src/pipeline/gates.ts";
import { createMeters } from "../../src/pipeline/meters.ts";
import { createPipeline } from "../../src/pipeline/pipeline.ts";
import { aConfig, anEventInput, aReceiver, memorySink } from "../harness.ts";

const AT = { line: 1, column: 1 };

test("an entry is never on record without its watch having reached it: told again, it would be there twice", async () => {
  const path = mkdtempSync(join(tmpdir(), "petrel-keeper-"));
  const logger = createLogger({ level: "disabled", format: "json" });
  const errors = Object.fromEntries(TROUBLES.map((reason) => [reason, { value: 0 }])) as Record<Trouble, Cell>;
  const journal = await openJournal(
    { path, fsync: "group", logger, meters: { commit: { observe() {} }, errors }, waitMs: 0 },
    new AbortController().signal,
  );
  const { definition } = memorySink(
    () => {
      throw new DeliveryError("unavailable", "down");
    },
    { name: "down" },
  );
  const pipeline = await createPipeline({
    config: aConfig({
      receivers: [aReceiver("down", { sink: "down" })],
      route: { drop: [], match: [{ receiver: "down", at: AT }], routes: [], at: AT },
      state: { path, maxBytes: 1 << 30, maxAgeMs: 3_600_000, fsync: "group" },
    }),
    sinks: new Map([[definition.name, definition]]),
    compileTemplate: (text) => () => text,
    logger,
    meters: createMeters(createMetrics()),
    env: {},
    journal,
    lookup: () => undefined,
    now: () => Date.now(),
    random: () => 0.5,
  });
  const watch = pipeline.watch("events");
  const outside = new Database(join(path, FILE), { readonly: true });
  const onRecord = outside.query<{ entry: number | null; reached: number | null }, []>(
    "SELECT (SELECT max(version) FROM entries) entry, (SELECT max(reached) FROM sources) reached",
  );
  const seen = new Set<number>();
  try {
    // A group that is full is committed at once, in the middle of taking an event in.
    for (let version = 1; version <= 2_500; version++) {
      const uid = `e${version}`;
      const bytes = Buffer.from(
        JSON.stringify({ ...anEventInput(), metadata: { uid, resourceVersion: String(version) } }),
      );
      pipeline.receive(watch, bytes, "added", version, identityOf(uid));
      if (version % 100 === 0) {
        const { entry, reached } = onRecord.get() ?? {};
        if (entry) seen.add(entry);
        expect(reached ?? 0).toBe(entry ?? 0);
      }
      pipeline.reached(watch, version);
    }
    expect([...seen]).toEqual([1_000, 2_000]);
  } finally {
    outside.close();
    await pipeline.stop();
    journal.close();
    rmSync(path, { recursive: true, force: true });
  }
});
