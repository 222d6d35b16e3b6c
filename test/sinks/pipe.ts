import { spawnSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { type Fixture, until } from "../contract.ts";
import { GOLDEN_LINE, splitLines } from "./lines.ts";

export default {
  async open() {
    const folder = mkdtempSync(`${tmpdir()}/petrel-pipe-`);
    const path = `${folder}/events`;
    spawnSync("mkfifo", [path]);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    let reads = true;
    let text = "";
    const buffer = Buffer.alloc(1 << 16);
    const timer = setInterval(() => {
      try {
        for (let read = -1; reads && read !== 0; ) {
          read = readSync(reader, buffer);
          text += buffer.toString("latin1", 0, read);
        }
      } catch {
        // Nothing to read now.
      }
    }, 1);
    let open = true;
    const close = () => {
      if (open) closeSync(reader);
      open = false;
    };
    return {
      config: { path },
      async behave(how) {
        reads = how === "accept";
        if (how === "gone") close();
      },
      async received(count) {
        const lines = () => splitLines(Buffer.from(text, "latin1").toString());
        await until(() => lines().length >= count && (text === "" || text.endsWith("\n")), `${count} lines came`);
        return lines();
      },
      async [Symbol.asyncDispose]() {
        clearInterval(timer);
        close();
        rmSync(folder, { recursive: true });
      },
    };
  },
  golden: GOLDEN_LINE,
  about: {
    auth: "None.",
    permissions: "The right to write to the pipe.",
    limits: "whatever comes",
    order: "all",
    id: "none: a line is the event as it is, with uid and resourceVersion",
    retries: "a pipe that nobody reads, or reads too slowly",
    tested: [{ local: "the system's own pipes" }],
  },
  gone: "unavailable",
  skip: {
    statuses: "no HTTP",
    "no secret shown": "no secrets",
  },
} satisfies Fixture;
