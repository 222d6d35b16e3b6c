import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { type RotatingFileOptions, rotatingFile } from "../../src/wire/rotating-file.ts";
import { refusalText } from "../contract.ts";

let folder: string;
let now: number;

beforeEach(() => {
  folder = mkdtempSync(`${tmpdir()}/petrel-file-`);
  now = Date.parse("2026-11-21T10:00:00.000Z");
});
afterEach(() => rmSync(folder, { recursive: true }));

function fileWith(change: Partial<RotatingFileOptions> = {}) {
  const path = change.path ?? `${folder}/events.json`;
  const options = { path, maxBytes: 100, maxAgeMs: 0, maxBackups: 0, now: () => now, ...change };
  const file = rotatingFile(options);
  const write = (text: string) => file.write(Buffer.from(text), AbortSignal.timeout(1_000), `the write to ${path}`);
  return { file, write, path };
}

const content = () =>
  Object.fromEntries(
    readdirSync(folder)
      .sort()
      .map((name) => [name, readFileSync(`${folder}/${name}`, "utf8")]),
  );
const line = (letter: string, bytes: number) => `${letter.repeat(bytes - 1)}\n`;

describe("a file", () => {
  test("is made with its folders when first written, and appended to", async () => {
    const { file, write, path } = fileWith({ path: `${folder}/a/b/events.json` });
    expect(existsSync(`${folder}/a`)).toBe(false);
    await write("one\n");
    file.close();
    await write("two\n");
    file.close();
    expect(readFileSync(path, "utf8")).toBe("one\ntwo\n");
    expect([statSync(path).mode & 0o777, statSync(`${folder}/a/b`).mode & 0o777]).toEqual([0o644, 0o744]);
  });

  test("is put aside under the time before it would grow too large, at a line's end", async () => {
    const { file, write, path } = fileWith();
    await write(line("a", 60));
    chmodSync(path, 0o600);
    now += 1_234;
    await write(line("b", 40) + line("c", 90) + line("d", 20));
    now += 1_000;
    // Longer than a file may be: it has one for itself.
    await write(line("e", 150));
    await write(line("f", 10));
    file.close();
    expect(content()).toEqual({
      "events-2026-11-21T10-00-01.234.json": line("a", 60) + line("b", 40),
      "events-2026-11-21T10-00-01.235.json": line("c", 90),
      "events-2026-11-21T10-00-02.234.json": line("d", 20),
      "events-2026-11-21T10-00-02.235.json": line("e", 150),
      "events.json": line("f", 10),
    });
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("keeps as many backups as it may, and none that is too old", async () => {
    for (const name of [
      "events-2026-11-18T10-00-00.000.json",
      "events-2026-11-20T10-00-00.000.json",
      "events-mine.json",
    ]) {
      writeFileSync(`${folder}/${name}`, "");
    }
    const { file, write } = fileWith({ maxBackups: 2, maxAgeMs: 2 * 86_400_000 });
    await write(line("a", 90));
    await write(line("b", 90));
    expect(Object.keys(content())).toEqual([
      "events-2026-11-20T10-00-00.000.json",
      "events-2026-11-21T10-00-00.000.json",
      "events-mine.json",
      "events.json",
    ]);
    await write(line("c", 90));
    await write(line("d", 90));
    expect(Object.keys(content())).toEqual([
      "events-2026-11-21T10-00-00.001.json",
      "events-2026-11-21T10-00-00.002.json",
      "events-mine.json",
      "events.json",
    ]);
    file.close();
  });

  test("that was moved, removed or truncated by others is gone on with at its path", async () => {
    const { file, write, path } = fileWith();
    await write("one\n");
    renameSync(path, `${folder}/moved`);
    await write("two\n");
    rmSync(path);
    await write("three\n");
    writeFileSync(path, "");
    await write("four\n");
    appendFileSync(path, "theirs\n");
    await write("five\n");
    file.close();
    expect(content()).toEqual({ "events.json": "four\ntheirs\nfive\n", moved: "one\n" });
  });

  test("that cannot be opened tells why: rights are for people to mend, a full disk may pass", async () => {
    writeFileSync(`${folder}/plain`, "");
    mkdirSync(`${folder}/folder`);
    expect(await refusalText(fileWith({ path: `${folder}/plain/events` }).write("x\n"))).toStartWith("not_found: ");
    expect(await refusalText(fileWith({ path: `${folder}/folder` }).write("x\n"))).toBe(
      `not_found: the write to ${folder}/folder failed: EISDIR`,
    );
    expect(await refusalText(fileWith({ path: "/proc/petrel" }).write("x\n"))).toStartWith("unavailable: ");
    expect(await refusalText(fileWith({ path: "/dev/full" }).write("x\n"))).toBe(
      "unavailable: the write to /dev/full failed: ENOSPC",
    );
  });
});

describe("what is no file", () => {
  test("a device, and a link to one, is never put aside", async () => {
    symlinkSync("/dev/null", `${folder}/link`);
    for (const path of ["/dev/null", `${folder}/link`]) {
      const { file, write } = fileWith({ path, maxBytes: 10 });
      for (let i = 0; i < 5; i++) await write(line("a", 50));
      file.close();
    }
    expect(readdirSync(folder)).toEqual(["link"]);
    expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
  });

  test("standard output in a file is somebody else's: never put aside either", async () => {
    const program = `
      import { rotatingFile } from "${import.meta.dir}/../../src/wire/rotating-file.ts";
      const file = rotatingFile({ path: "/dev/stdout", maxBytes: 10, maxAgeMs: 0, maxBackups: 0, now: Date.now });
      for (let i = 0; i < 3; i++) await file.write(Buffer.from("0123456789\\n"), AbortSignal.timeout(500), "the write");
    `;
    const out = openSync(`${folder}/out`, "w");
    const child = Bun.spawn([process.execPath, "-e", program], { stdout: out, stderr: "pipe" });
    expect(await new Response(child.stderr).text()).toBe("");
    closeSync(out);
    expect(content()).toEqual({ out: "0123456789\n".repeat(3) });
  });

  test("a pipe without a reader refuses at once and is written to when one comes, also when it was made anew", async () => {
    const path = `${folder}/fifo`;
    const { file, write } = fileWith({ path, maxBytes: 10 });
    for (const text of ["one\n", "two\n"]) {
      spawnSync("mkfifo", [path]);
      expect(await refusalText(write(text))).toBe(`unavailable: the write to ${path} failed: nobody reads it (ENXIO)`);
      const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
      await write(text);
      const seen = Buffer.alloc(100);
      expect(seen.toString("utf8", 0, readSync(reader, seen))).toBe(text);
      closeSync(reader);
      rmSync(path);
    }
    file.close();
  });
});
