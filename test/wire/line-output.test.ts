import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { type LineOutput, lineOutput, wholeLines } from "../../src/wire/line-output.ts";
import { refusalOf } from "../contract.ts";

let folder: string;
let path: string;
let reader: number;
let output: LineOutput;

const openReader = () => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);

beforeEach(() => {
  folder = mkdtempSync(`${tmpdir()}/petrel-line-`);
  path = `${folder}/fifo`;
  spawnSync("mkfifo", [path]);
  reader = openReader();
  output = lineOutput(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK));
});

afterEach(() => {
  output.close();
  closeSync(reader);
  rmSync(folder, { recursive: true });
});

function readNow(fd: number): string {
  const buffer = Buffer.alloc(1 << 20);
  let text = "";
  for (;;) {
    try {
      const read = readSync(fd, buffer);
      if (read === 0) return text;
      text += buffer.toString("utf8", 0, read);
    } catch {
      return text;
    }
  }
}

/** 1,000 bytes with the newline. */
const line = (index: number) => `${String(index).padStart(6, "0")}${"x".repeat(993)}\n`;
const lines = (from: number, to: number) =>
  Buffer.from(Array.from({ length: to - from }, (_, index) => line(from + index)).join(""));
const soon = () => AbortSignal.timeout(30);

describe("lines to a pipe", () => {
  test("that are more than it holds go on as they are read, whole and in order", async () => {
    const work = output.write(lines(0, 500), AbortSignal.timeout(2_000), "the write");
    let text = "";
    while (text.length < 500_000) {
      text += readNow(reader);
      await Bun.sleep(0);
    }
    await work;
    expect(text).toBe(lines(0, 500).toString());
  });

  test("nobody reads in time: what was not written is refused, and a begun line is finished once", async () => {
    const error = await refusalOf(output.write(lines(0, 100), soon(), "the write"));
    const [first] = error.refused ?? [];
    expect([error.reason, error.message]).toEqual(["timeout", "the write got no answer in time"]);
    expect(error.refused?.at(-1)?.index).toBe(99);
    const taken = first?.index ?? 0;
    expect(taken).toBeGreaterThan(60);
    let text = readNow(reader);
    // The pipe is no multiple of a line: the last one is torn now.
    expect(text.endsWith("\n")).toBe(false);
    expect(text.length).toBeGreaterThan(taken * 1_000);
    const work = output.write(lines(taken, 100), AbortSignal.timeout(2_000), "the write");
    while (text.length < 100_000) {
      text += readNow(reader);
      await Bun.sleep(0);
    }
    await work;
    expect(text).toBe(lines(0, 100).toString());
  });

  test("another batch after a torn line: the line is finished first", async () => {
    const error = await refusalOf(output.write(lines(0, 100), soon(), "the write"));
    const taken = error.refused?.[0]?.index ?? 0;
    let text = readNow(reader);
    await output.write(lines(500, 501), AbortSignal.timeout(2_000), "the write");
    text += readNow(reader);
    expect(text).toBe(`${lines(0, taken + 1)}${lines(500, 501)}`);
  });

  test("that others write to as well are never torn by a pipe that is full", async () => {
    const shared = lineOutput(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK), { shared: true });
    const error = await refusalOf(shared.write(lines(0, 100), soon(), "the write"));
    const text = readNow(reader);
    expect(text).toBe(lines(0, error.refused?.[0]?.index ?? 0).toString());
    expect(text.length).toBeGreaterThan(60_000);
    // A longer one goes as it can.
    const long = Buffer.from(`${"y".repeat(10_000)}\n${line(1)}`);
    await shared.write(long, AbortSignal.timeout(2_000), "the write");
    expect(readNow(reader)).toBe(long.toString());
    shared.close();
  });

  test("while the reader is away are refused, and the next reader finds whole lines", async () => {
    await output.write(lines(0, 2), soon(), "the write");
    closeSync(reader);
    const error = await refusalOf(output.write(lines(2, 4), soon(), "the write"));
    expect([error.reason, error.message, error.refused]).toEqual([
      "unavailable",
      "the write failed: nobody reads it (EPIPE)",
      undefined,
    ]);
    reader = openReader();
    await output.write(lines(2, 4), soon(), "the write");
    expect(readNow(reader)).toBe(lines(0, 4).toString());
  });

  test("standard output never blocks the process when its reader stalls", async () => {
    const program = `
      import { lineOutput, nonBlocking } from "${import.meta.dir}/../../src/wire/line-output.ts";
      const output = lineOutput(nonBlocking(1));
      const lines = Buffer.from("x\\n".repeat(100_000));
      let turns = 0;
      setInterval(() => turns++, 1);
      await output.write(lines, AbortSignal.timeout(100), "the write").catch((error) => console.error(error.message));
      console.error(turns > 10 ? "the loop turned" : "the loop stood");
      process.exit(0);
    `;
    const stdout = openSync(path, constants.O_WRONLY);
    const child = Bun.spawn([process.execPath, "-e", program], { stdout, stderr: "pipe" });
    expect(await new Response(child.stderr).text()).toBe("the write got no answer in time\nthe loop turned\n");
    closeSync(stdout);
  });

  test("an aborted signal writes nothing; a closed output refuses", async () => {
    expect((await refusalOf(output.write(lines(0, 1), AbortSignal.abort(), "the write"))).reason).toBe("timeout");
    expect(readNow(reader)).toBe("");
    output.close();
    output.close();
    expect((await refusalOf(output.write(lines(0, 1), soon(), "the write"))).reason).toBe("unavailable");
  });
});

test("whole lines are counted", () => {
  const text = Buffer.from("a\nbb\nccc\n");
  const counts = [0, 1, 2, 3, 5, 8, 9].map((upTo) => wholeLines(text, upTo));
  expect(counts.map(({ count, end }) => `${count}:${end}`)).toEqual(["0:0", "0:0", "1:2", "1:2", "2:5", "2:5", "3:9"]);
});

test("a file keeps no half line", async () => {
  const file = `${folder}/limited`;
  // The shell's limit of one block makes the second write fail in the middle of a line.
  const program = `
    import { openSync } from "node:fs";
    import { lineOutput } from "${import.meta.dir}/../../src/wire/line-output.ts";
    process.on("SIGXFSZ", () => {});
    const output = lineOutput(openSync("${file}", "a"));
    await output.write(Buffer.from("x".repeat(600) + "\\n" + "y".repeat(600) + "\\n"), AbortSignal.timeout(100), "the write")
      .catch((error) => console.error(error.reason, error.message, error.refused?.map((one) => one.index)));
  `;
  const child = Bun.spawn(["sh", "-c", 'ulimit -f 2; exec "$0" -e "$1"', process.execPath, program], {
    stderr: "pipe",
  });
  const said = await new Response(child.stderr).text();
  expect([said, readFileSync(file, "utf8")]).toEqual([
    "unavailable the write failed: EFBIG [ 1 ]\n",
    `${"x".repeat(600)}\n`,
  ]);
});
