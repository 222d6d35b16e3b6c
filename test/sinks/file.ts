import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import type { Fixture } from "../contract.ts";
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
  gone: "not_found",
  skip: {
    "idempotent id": "a line is the event as it is: uid and resourceVersion are in it",
    hang: "a local file takes what it is given",
    "aborted during": "a local file takes what it is given",
    statuses: "no HTTP",
    "no secret shown": "no secrets",
  },
} satisfies Fixture;
