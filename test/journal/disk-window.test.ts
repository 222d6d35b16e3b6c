/** What does not fit memory is sorted on disk, and nothing of it stays there. */
import { afterEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createDiskWindow } from "../../src/journal/disk-window.ts";
import { createLogger } from "../../src/logger.ts";
import { seeded } from "../pipeline/virtual-time.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function aWindow(events: number) {
  const folder = mkdtempSync(join(tmpdir(), "petrel-window-"));
  folders.push(folder);
  const file = join(folder, "list.db");
  const warnings: string[] = [];
  const logger = createLogger({
    level: "warn",
    format: "json",
    write: (line) => void warnings.push((JSON.parse(line) as { message: string }).message),
  });
  return { file, warnings, window: createDiskWindow({ file, memory: { events, bytes: 1 << 24 }, logger }) };
}

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

test.each([10, 100, 101, 600, 601, 5_000])("%d items come out in order, each with what belongs to it", (count) => {
  const { window, file } = aWindow(100);
  const random = seeded(count);
  const versions = Array.from({ length: count }, (_, n) => n + 1).sort(() => random.next() - 0.5);
  const scratch = Buffer.alloc(32);
  for (const version of versions) {
    // The bytes are the scanner's, and change with the next item.
    const length = scratch.write(`item ${version}`);
    window.add(scratch.subarray(0, length), version, version * 2);
    expect(window.full).toBe(false);
  }
  expect(window.size).toBe(count);
  const out = [...window.take()].map(({ bytes, version, identity }) => [text(bytes), version, identity]);
  expect(out).toEqual(Array.from({ length: count }, (_, n) => [`item ${n + 1}`, n + 1, 2 * n + 2]));
  expect(window.size).toBe(0);
  expect(existsSync(file)).toBe(false);
});

test("one that is left before its end leaves no file", () => {
  const { window, file } = aWindow(10);
  for (let version = 1; version <= 2_000; version++) window.add(Buffer.from("x"), version, version);
  expect(existsSync(file)).toBe(true);
  window.dispose?.();
  expect(existsSync(file)).toBe(false);
});

test("a disk that takes nothing: said, full as memory is, and nothing is lost", () => {
  const { window, file, warnings } = aWindow(10);
  rmSync(dirname(file), { recursive: true });
  const got: number[] = [];
  for (let version = 1; version <= 1_200; version++) {
    window.add(Buffer.from(String(version)), version, version);
    if (window.full) got.push(...[...window.take()].map((item) => item.version));
  }
  got.push(...[...window.take()].map((item) => item.version));
  expect(got.sort((a, b) => a - b)).toEqual(Array.from({ length: 1_200 }, (_, n) => n + 1));
  expect(warnings).toEqual([
    "a long list cannot be sorted on disk; beyond what memory holds order is kept per event only",
  ]);
});
