/** The journal itself: what is committed is there again, and whatever is wrong with it is told apart. */
import { Database } from "bun:sqlite";
import { afterEach, expect, test } from "bun:test";
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TROUBLES, type Trouble } from "../../src/journal/error.ts";
import { examine } from "../../src/journal/examine.ts";
import { FILE, type Journal, type JournalEntry, type JournalGroup, openJournal } from "../../src/journal/journal.ts";
import { SCHEMA_VERSION } from "../../src/journal/schema.ts";
import { createLogger } from "../../src/logger.ts";
import type { Cell } from "../../src/metrics.ts";

const folders: string[] = [];
const journals: Journal[] = [];
afterEach(() => {
  for (const journal of journals.splice(0)) journal.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "petrel-journal-"));
  folders.push(folder);
  return folder;
}

const NEVER = new AbortController().signal;

async function opened(path: string, options: { readonly waitMs?: number; readonly examine?: boolean } = {}) {
  const log: { readonly message: string; readonly level: string }[] = [];
  const errors = Object.fromEntries(TROUBLES.map((reason) => [reason, { value: 0 }])) as Record<Trouble, Cell>;
  const journal = await openJournal(
    {
      path,
      fsync: "group",
      logger: createLogger({ level: "debug", format: "json", write: (line) => void log.push(JSON.parse(line)) }),
      meters: { commit: { observe() {} }, errors },
      waitMs: options.waitMs ?? 0,
      ...(options.examine && { examine: async (file: string) => examine(file) }),
    },
    NEVER,
  );
  journals.push(journal);
  return { journal, errors, log };
}

const entry = (seq: number, body = `event ${seq}`): JournalEntry => ({
  seq,
  source: 1,
  version: 100 + seq,
  received: 1_000 + seq,
  flags: 0,
  body: Buffer.from(body),
  found: null,
});

const group = (changes: Partial<JournalGroup> = {}): JournalGroup => ({
  entries: [],
  found: [],
  below: 0,
  progress: [],
  forgotten: [],
  remembered: [],
  reached: [],
  ...changes,
});

const entries = (from: number, to: number, size = 0) =>
  Array.from({ length: to - from }, (_, n) => entry(from + n, `event ${from + n}`.padEnd(size, ".")));
const seqs = (journal: Journal, from = 0) => journal.read(from, 10_000).map(({ seq }) => seq);

test("what was committed is there again: entries, progress, positions, what was found", async () => {
  const path = join(aFolder(), "made", "here");
  const { journal } = await opened(path);
  expect(statSync(path).mode & 0o777).toBe(0o700);
  expect([journal.tail, journal.next]).toEqual([0, 0]);
  const source = journal.source("/api/v1/events");
  journal.setCluster("uid-of-kube-system");
  const passed = new Map([[source, 104]]);
  expect(
    journal.commit(
      group({
        entries: entries(0, 10),
        progress: [{ name: "all", cursor: 5, open: [1, 3], passed }],
        reached: [[source, 109]],
      }),
    ),
  ).toBe(true);
  journal.commit(
    group({
      remembered: [
        ["chat", "gone", "0"],
        ["chat", "thread", '{"ts":1}'],
      ],
    }),
  );
  journal.commit(
    group({
      remembered: [
        ["chat", "gone", null],
        ["chat", "thread", '{"ts":2}'],
        ["chat", "other", "1"],
      ],
    }),
  );
  journal.commit(group({ found: [[7, '{"labels":{}}']], below: 1 }));
  journal.close();

  const { journal: again } = await opened(path);
  expect([again.tail, again.next]).toEqual([1, 10]);
  expect(again.read(7, 1)).toEqual([
    { ...entry(7), body: new Uint8Array(Buffer.from("event 7")), found: '{"labels":{}}' },
  ]);
  expect(seqs(again)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(again.restored).toEqual({
    progress: [{ name: "all", cursor: 5, open: [1, 3], passed }],
    reached: new Map([["/api/v1/events", 109]]),
    remembered: {
      chat: [
        ["thread", '{"ts":2}'],
        ["other", "1"],
      ],
    },
    cluster: "uid-of-kube-system",
  });
  expect(again.source("/api/v1/events")).toBe(source);
});

test("a number is not given twice, even when every entry is done with", async () => {
  const path = aFolder();
  const { journal } = await opened(path);
  journal.commit(group({ entries: entries(0, 5), progress: [{ name: "a", cursor: 0, open: [], passed: new Map() }] }));
  journal.commit(group({ below: 5, progress: [{ name: "a", cursor: 8, open: [], passed: new Map() }] }));
  journal.close();
  const { journal: again } = await opened(path);
  expect([again.tail, again.next, seqs(again)]).toEqual([8, 8, []]);
});

test("a version that is none stays none", async () => {
  const path = aFolder();
  const { journal } = await opened(path);
  const source = journal.source("posted");
  journal.commit(group({ entries: [{ ...entry(0), version: Number.NaN }], reached: [[source, Number.NaN]] }));
  journal.close();
  const { journal: again } = await opened(path);
  expect(again.read(0, 1)[0]?.version).toBeNaN();
  expect(again.restored.reached.get("posted")).toBeNaN();
});

test("a full disk: nothing of the group is there, it is said once, and all of it when there is room again", async () => {
  const path = aFolder();
  const { journal, errors, log } = await opened(path);
  const db = journal.database();
  const { page_count: pages } = db?.query<{ page_count: number }, []>("PRAGMA page_count").get() ?? { page_count: 0 };
  // SQLite answers as for a full disk: https://www.sqlite.org/pragma.html#pragma_max_page_count
  db?.run(`PRAGMA max_page_count = ${pages + 2}`);
  const big = group({ entries: entries(0, 500, 500) });
  expect(journal.commit(big)).toBe(false);
  expect(journal.trouble).toBe("full");
  expect(seqs(journal)).toEqual([]);
  expect(journal.commit(big)).toBe(false);
  expect(errors.full.value).toBe(1);
  db?.run("PRAGMA max_page_count = 1000000");
  await Bun.sleep(1_050);
  expect(journal.commit(big)).toBe(true);
  expect(journal.trouble).toBeUndefined();
  expect(seqs(journal)).toHaveLength(500);
  expect(log.map(({ message }) => message)).toEqual([
    "the journal cannot be written: delivering from memory, trying again every second",
    "the journal is written again",
  ]);
});

async function damage(path: string, at: number, length: number): Promise<void> {
  const file = await open(join(path, FILE), "r+");
  await file.write(Buffer.alloc(length, 0xa5), 0, length, at);
  await file.close();
}

test("a damaged page costs its own entries; the file is set aside", async () => {
  const path = aFolder();
  const { journal } = await opened(path);
  const source = journal.source("/api/v1/events");
  const progress = [{ name: "a", cursor: 100, open: [7], passed: new Map([[source, 200]]) }];
  journal.commit(group({ entries: entries(0, 2_000, 300), progress, reached: [[source, 2_099]] }));
  journal.close();
  const { size } = statSync(join(path, FILE));
  await damage(path, Math.floor(size / 2 / 4_096) * 4_096, 4_096);

  const { journal: again, errors, log } = await opened(path, { examine: true });
  // The start did not wait for the check.
  for (let n = 0; n < 200 && errors.corrupt.value === 0; n++) await Bun.sleep(5);
  expect(errors.corrupt.value).toBe(1);
  const left = seqs(again);
  expect(left.length).toBeGreaterThan(1_900);
  expect(left.length).toBeLessThan(2_000);
  expect(again.restored.progress).toEqual(progress);
  expect(again.restored.reached.get("/api/v1/events")).toBe(2_099);
  expect(readdirSync(path).some((name) => name.startsWith(`${FILE}.damaged-`))).toBe(true);
  expect(log.map(({ level }) => level)).toEqual(["error", "warn"]);
  expect(again.commit(group({ entries: entries(2_000, 2_010) }))).toBe(true);
});

test("a file that is no database is set aside, and a journal begins", async () => {
  const path = aFolder();
  writeFileSync(join(path, FILE), "this is no database, but it is long enough to look at".repeat(20));
  const { journal, errors } = await opened(path);
  expect(errors.corrupt.value).toBe(1);
  expect(journal.next).toBe(0);
  expect(journal.commit(group({ entries: entries(0, 3) }))).toBe(true);
});

test("a tail that was torn off in the middle of a commit: the commits before it are there", async () => {
  const path = aFolder();
  const { journal } = await opened(path);
  journal.commit(group({ entries: entries(0, 50) }));
  const wal = join(path, `${FILE}-wal`);
  const { size } = statSync(wal);
  journal.commit(group({ entries: entries(50, 100) }));
  // As after a kill: nobody closes, and half of the last commit has reached the file.
  const copy = aFolder();
  const { cpSync } = await import("node:fs");
  cpSync(join(path, FILE), join(copy, FILE));
  cpSync(wal, join(copy, `${FILE}-wal`));
  truncateSync(join(copy, `${FILE}-wal`), Math.floor((size + statSync(wal).size) / 2));
  const { journal: again, errors } = await opened(copy);
  expect(seqs(again)).toEqual(Array.from({ length: 50 }, (_, n) => n));
  expect(errors.corrupt.value).toBe(0);
});

test("two on one folder: the second waits, says so, and gives up; a lock does not outlive its process", async () => {
  const path = aFolder();
  const { journal } = await opened(path);
  const second = opened(path, { waitMs: 400 });
  await expect(second).rejects.toThrow(/another petrel uses the state folder/);
  const third = opened(path, { waitMs: 5_000 });
  await Bun.sleep(300);
  journal.close();
  expect((await third).log.map(({ message }) => message)).toEqual([
    "another petrel uses the state folder, waiting for it to end",
  ]);
});

test("a journal of a newer petrel is not touched", async () => {
  const path = aFolder();
  const { journal } = await opened(path);
  journal.database()?.run(`PRAGMA user_version = ${SCHEMA_VERSION + 1}`);
  journal.close();
  await expect(opened(path)).rejects.toThrow(/newer petrel \(format 2, this one knows 1\); run that version/);
  const db = new Database(join(path, FILE), { readonly: true });
  expect(db.query("PRAGMA user_version").get()).toEqual({ user_version: SCHEMA_VERSION + 1 });
  db.close();
});

test("a folder that cannot be one is named, with what to do", async () => {
  const folder = aFolder();
  writeFileSync(join(folder, "file"), "");
  await expect(opened(join(folder, "file"))).rejects.toThrow(/it is not a folder; name one/);
  await expect(opened(join(folder, "file", "below"))).rejects.toThrow(/not a folder; name one/);
  symlinkSync(join(folder, "b"), join(folder, "a"));
  symlinkSync(join(folder, "a"), join(folder, "b"));
  await expect(opened(join(folder, "a", "state"))).rejects.toThrow(/loop of symbolic links/);
});

test.skipIf(process.getuid?.() === 0)("a folder that may not be written (root may write anywhere)", async () => {
  const folder = aFolder();
  chmodSync(folder, 0o500);
  await expect(opened(folder)).rejects.toThrow(/cannot be locked|may not write there/);
  chmodSync(folder, 0o700);
});
