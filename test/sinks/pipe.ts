import { spawnSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { type Fixture, until } from "../contract.ts";
import { answersNothing } from "./about.ts";
import { GOLDEN_LINE, splitLines } from "./lines.ts";

export default {
  async open() {
    const folder = mkdtempSync(`${tmpdir()}/petrel-pipe-`);
    const path = `${folder}/events`;
    spawnSync("mkfifo", [path]);
    let reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    let open = true;
    let reads = true;
    let text = "";
    const buffer = Buffer.alloc(1 << 16);
    const timer = setInterval(() => {
      try {
        for (let read = -1; open && reads && read !== 0; ) {
          read = readSync(reader, buffer);
          text += buffer.toString("latin1", 0, read);
        }
      } catch {
        // Nothing to read now.
      }
    }, 1);
    const close = () => {
      if (open) closeSync(reader);
      open = false;
    };
    return {
      config: { path },
      async behave(how) {
        reads = how === "accept";
        if (how === "gone") close();
        if (how === "accept" && !open) {
          reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
          open = true;
        }
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
    ...answersNothing("a pipe answers nothing"),
    "an event too large": "a pipe takes what it is given",
    statuses: "no HTTP",
    "no secret shown": "no secrets",
  },
} satisfies Fixture;
