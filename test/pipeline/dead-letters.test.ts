import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { normalise, withObjectMetadata } from "../../src/normalise.ts";
import {
  createDeadLetters,
  type DeadLetters,
  type DeadLettersOptions,
  eventOfLetter,
  letterBytes,
  type RefusedEvent,
  refusedEvent,
  shownLetter,
} from "../../src/pipeline/dead-letters.ts";
import { journalDeadLetters, openDeadLetters } from "../../src/pipeline/dead-letters-journal.ts";

const STORES: Readonly<Record<string, (options: DeadLettersOptions) => DeadLetters>> = {
  memory: createDeadLetters,
  "a database": (options) => openDeadLetters(new Database(":memory:"), options),
  "the journal": (options) => {
    const db = new Database(":memory:");
    return journalDeadLetters(() => db, { ...options, failed: () => {} });
  },
};

const LIMITS = { maxCount: 100, maxBytes: 1_000_000 };

const aLetter = (changes: Partial<RefusedEvent> = {}): RefusedEvent => ({
  receiver: "alerts",
  eventId: "uid.7",
  event: Buffer.from(
    '{"metadata":{"uid":"uid","resourceVersion":"7"},"involvedObject":{"kind":"Pod"},"reason":"BackOff"}',
  ),
  reason: "rejected",
  message: "HTTP 400",
  at: Date.parse("2026-01-02T03:04:05.678Z"),
  attempts: 1,
  ...changes,
});

describe.each(Object.entries(STORES))("dead letters in %s", (_, open) => {
  const aStore = (limits: Partial<DeadLettersOptions> = {}) => {
    const forgotten = { value: 0 };
    return { forgotten, letters: open({ ...LIMITS, forgotten, ...limits }) };
  };

  test("are found by id and by receiver, oldest first, page by page", () => {
    const { letters } = aStore();
    const ids = ["a", "b", "a", "a", "b"].map((receiver, n) => letters.add(aLetter({ receiver, eventId: `e${n}` })));
    expect(new Set(ids).size).toBe(5);
    const events = (options: Parameters<DeadLetters["list"]>[0]) => letters.list(options).map(({ eventId }) => eventId);
    expect(events({ limit: 10 })).toEqual(["e0", "e1", "e2", "e3", "e4"]);
    expect(events({ limit: 2, receiver: "a" })).toEqual(["e0", "e2"]);
    expect(events({ limit: 2, receiver: "a", after: ids[2] })).toEqual(["e3"]);
    expect(events({ limit: 10, receiver: "c" })).toEqual([]);
    expect(letters.get(ids[1] ?? 0)).toEqual({ ...aLetter({ receiver: "b", eventId: "e1" }), id: ids[1] ?? 0 });
    expect(letters.get(99)).toBeUndefined();
  });

  test("keep what was looked up", () => {
    const { letters } = aStore();
    const object = '{"labels":{"app":"web"},"deleted":false}';
    expect(letters.get(letters.add(aLetter({ object })))?.object).toBe(object);
  });

  test("go when they are removed, and are counted by number and by size", () => {
    const { letters, forgotten } = aStore();
    const [first = 0, second = 0] = [
      letters.add(aLetter()),
      letters.add(aLetter({ eventId: "uid.8", message: "longer than that" })),
    ];
    expect([letters.count, letters.bytes]).toEqual([
      2,
      letterBytes(aLetter()) + letterBytes(aLetter({ message: "longer than that" })),
    ]);
    expect(letters.remove(first)).toBe(true);
    expect(letters.remove(first)).toBe(false);
    expect([letters.count, letters.bytes]).toEqual([1, letterBytes(aLetter({ message: "longer than that" }))]);
    letters.remove(second);
    expect([letters.count, letters.bytes, forgotten.value]).toEqual([0, 0, 0]);
    expect(letters.add(aLetter())).toBeGreaterThan(second);
  });

  test("tell of another attempt in their place", () => {
    const { letters } = aStore();
    const id = letters.add(aLetter());
    letters.add(aLetter({ eventId: "uid.8" }));
    const failed = { reason: "too_large", message: "HTTP 413, and more", at: 5, attempts: 2 };
    letters.update(id, failed);
    letters.update(99, failed);
    expect(letters.list({ limit: 1 })).toEqual([{ ...aLetter(), ...failed, id }]);
    expect(letters.bytes).toBe(letterBytes(aLetter()) + letterBytes(aLetter(failed)));
  });

  test("more of them than there is room for push out the oldest, which is counted", () => {
    const { letters, forgotten } = aStore({ maxCount: 3 });
    for (let n = 0; n < 5; n++) letters.add(aLetter({ eventId: `e${n}` }));
    expect(letters.list({ limit: 10 }).map(({ eventId }) => eventId)).toEqual(["e2", "e3", "e4"]);
    expect([letters.count, forgotten.value]).toEqual([3, 2]);
  });

  test("so do larger ones; one that is larger than all the room is not kept", () => {
    const { letters, forgotten } = aStore({ maxBytes: 2 * letterBytes(aLetter()) });
    for (let n = 0; n < 3; n++) letters.add(aLetter({ eventId: `uid.${n}` }));
    expect([letters.count, forgotten.value]).toEqual([2, 1]);
    letters.add(aLetter({ event: Buffer.alloc(10_000) }));
    expect([letters.count, letters.bytes, forgotten.value]).toEqual([0, 0, 4]);
  });
});

const RAW = {
  metadata: { uid: "uid", resourceVersion: "7" },
  involvedObject: { kind: "Pod", name: "web-1" },
  reason: "BackOff",
};
const NEW_STYLE = { metadata: RAW.metadata, regarding: RAW.involvedObject, note: "n", reason: "BackOff" };
const FOUND = { labels: { app: "web" }, deleted: false };

test.each([
  ["the event", RAW, RAW],
  ["a watch line", { type: "ADDED", object: RAW }, RAW],
  ["events.k8s.io/v1", NEW_STYLE, NEW_STYLE],
])("an event comes out of its letter as the receiver was given it: %s", (_, stored, input) => {
  const event = withObjectMetadata({ ...normalise(input), id: "another-id" }, FOUND);
  const letter = aLetter(refusedEvent(event, Buffer.from(JSON.stringify(stored))));
  expect(eventOfLetter(letter)).toEqual(event);
  // What is shown can be fed to every command that reads events.
  const { event: shown, ...rest } = shownLetter({ ...letter, id: 1 });
  expect(normalise(shown).involvedObject).toEqual(event.involvedObject);
  expect(rest).toEqual({
    id: 1,
    receiver: "alerts",
    reason: "rejected",
    message: "HTTP 400",
    at: "2026-01-02T03:04:05.678Z",
    attempts: 1,
    eventId: "another-id",
  });
});

test("what is no JSON any more is shown as text", () => {
  expect(shownLetter({ ...aLetter({ event: Buffer.from("{torn") }), id: 1 }).event).toEqual({ text: "{torn" });
});

describe("the journal", () => {
  test("keeps them beyond the process, each id used once, and its counts right", () => {
    const folder = mkdtempSync(join(tmpdir(), "petrel-dlq-"));
    try {
      const path = join(folder, "j.sqlite");
      const forgotten = { value: 0 };
      const first = new Database(path, { create: true });
      const letters = openDeadLetters(first, { ...LIMITS, forgotten });
      const ids = [letters.add(aLetter()), letters.add(aLetter({ eventId: "two" }))];
      const { bytes } = letters;
      letters.remove(ids[1] ?? 0);
      const gone = bytes - letters.bytes;
      first.close();

      const second = new Database(path);
      const again = openDeadLetters(second, { ...LIMITS, forgotten });
      expect([again.count, again.bytes]).toEqual([1, bytes - gone]);
      expect(again.list({ limit: 9 })).toEqual([
        { ...aLetter(), id: ids[0] ?? 0, event: new Uint8Array(aLetter().event) },
      ]);
      expect(again.add(aLetter({ eventId: "three" }))).toBe(3);
      // A kill took its position back, so that its event was refused once more.
      expect(again.add(aLetter({ message: "HTTP 422", at: 7 }))).toBe(ids[0] ?? 0);
      expect(again.get(ids[0] ?? 0)).toMatchObject({ eventId: "uid.7", message: "HTTP 422", at: 7, attempts: 2 });
      expect([again.count, again.add(aLetter({ receiver: "other" }))]).toEqual([2, 4]);
      second.close();

      const reader = new Database(path, { readonly: true });
      expect(openDeadLetters(reader, { ...LIMITS, forgotten }).count).toBe(3);
      reader.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("leaves transactions to whoever has the database", () => {
    const db = new Database(":memory:");
    const forgotten = { value: 0 };
    const letters = openDeadLetters(db, { maxCount: 2, maxBytes: 1_000_000, forgotten });
    db.run("BEGIN");
    letters.add(aLetter({ eventId: "one" }));
    letters.add(aLetter({ eventId: "two" }));
    db.run("ROLLBACK");
    // What was rolled back is counted until it matters, and then no longer.
    letters.add(aLetter({ eventId: "kept" }));
    expect([letters.count, forgotten.value]).toEqual([1, 0]);
    expect(letters.list({ limit: 9 }).map(({ eventId }) => eventId)).toEqual(["kept"]);
    db.close();
  });
});

test("while there is no database, or it fails, memory keeps them; a new one begins anew", () => {
  const forgotten = { value: 0 };
  let db: Database | undefined;
  const errors: unknown[] = [];
  const letters = journalDeadLetters(() => db, { ...LIMITS, forgotten, failed: (error) => errors.push(error) });
  const inMemory = letters.add(aLetter({ eventId: "memory" }));
  expect(letters.get(inMemory)?.eventId).toBe("memory");

  db = new Database(":memory:");
  const onDisk = letters.add(aLetter({ eventId: "disk" }));
  expect(onDisk).toBe(1);
  db.run("PRAGMA query_only = ON");
  letters.add(aLetter({ eventId: "full" }));
  expect(errors).toHaveLength(1);
  const shown = () => letters.list({ limit: 9 }).map(({ eventId }) => eventId);
  expect([shown(), letters.count]).toEqual([["disk", "memory", "full"], 3]);
  expect(letters.list({ limit: 2 }).map(({ eventId }) => eventId)).toEqual(["disk", "memory"]);

  db.close();
  db = new Database(":memory:");
  expect([shown(), letters.remove(inMemory), letters.count]).toEqual([["memory", "full"], true, 1]);
  expect(letters.add(aLetter({ eventId: "again" }))).toBe(1);
  expect([shown(), forgotten.value]).toEqual([["again", "full"], 0]);
});
