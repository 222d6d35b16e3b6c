import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import type { Fixture } from "../contract.ts";
import { answersNothing } from "./about.ts";
import { GOLDEN_LINE, linesIn } from "./lines.ts";

export default {
  async open() {
    const folder = mkdtempSync(`${tmpdir()}/petrel-file-`);
    const path = `${folder}/events.json`;
    return {
      config: { path },
      async behave(how) {
        if (how === "gone") {
          rmSync(path, { force: true });
          mkdirSync(path);
        } else writeFileSync(path, "");
      },
      received: (count) => linesIn(path, count),
      async [Symbol.asyncDispose]() {
        rmSync(folder, { recursive: true });
      },
    };
  },
  golden: GOLDEN_LINE,
  about: {
    auth: "None.",
    permissions: "The right to write in the folder.",
    limits: "whatever comes",
    order: "all",
    id: "none: a line is the event as it is, with uid and resourceVersion",
    retries: "the system's errors: a full disk, a folder without rights",
    tested: [{ local: "the system's own files" }],
  },
  gone: "not_found",
  skip: {
    ...answersNothing("a local file answers nothing"),
    "an event too large": "a file takes what it is given",
    hang: "a local file takes what it is given",
    restarted: "a local file has no server",
    "aborted during": "a local file takes what it is given",
    statuses: "no HTTP",
    "no secret shown": "no secrets",
  },
} satisfies Fixture;
