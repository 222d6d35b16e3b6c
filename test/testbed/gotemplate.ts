/** Go's own text/template with sprig, as a process that renders what it is given: the judge of our templates. */
import { join } from "node:path";
import type { EventEntry } from "../template/vectors.ts";
import type { Definition } from "./definition.ts";
import { command, goPrograms } from "./place.ts";

const MODULE = join(import.meta.dir, "gotemplate");

/** Builds it where its source has changed since, and says where it lies. */
export const goTemplate = async (): Promise<string> =>
  join(await goPrograms("gotemplate", MODULE, { gotemplate: "." }, "-s -w"), "gotemplate");

/** A program that lives as long as its input: nothing runs, {@link askGo} starts it. */
export const gotemplate: Definition = {
  name: "gotemplate",
  summary: "Go's text/template with sprig, over events: reads {event?, template} a line, answers {out} or an error",
  missing: () => (Bun.which("go") === null ? "needs Go to build it" : undefined),
  install: async () => {
    await goTemplate();
  },
  plan: async () => {
    const path = await goTemplate();
    return {
      ports: {},
      env: { PROGRAM: path },
      processes: [],
      versions: { Go: (await command(["go", "version"])).split(" ")[2] ?? "" },
      usage: [`echo '{"template":"{{ upper \\"go\\" }}"}' | ${path}`],
    };
  },
};

/** One line of its answers: what was written, or where it ended. */
export interface GoAnswer {
  readonly out?: string;
  /** In place of `out` when that is no UTF-8. */
  readonly outBase64?: string;
  readonly parseError?: string;
  readonly execError?: string;
  /** The program's own bound was hit; of Go's answer nothing is known. */
  readonly limit?: string;
  /** Of a measurement, in nanoseconds and bytes. */
  readonly render?: number;
  readonly reparse?: number;
  readonly retained?: number;
}

export interface GoRequest {
  readonly template: string;
  /** Stays the dot until another comes. */
  readonly event?: EventEntry;
  /** JSON as the dot. */
  readonly data?: unknown;
  /** Measures for so long, instead of answering with the output. */
  readonly seconds?: number;
}

/** What the answers are to; one process for all of them. */
export async function askGo(path: string, requests: readonly GoRequest[], deadlineMs = 300_000): Promise<GoAnswer[]> {
  const child = Bun.spawn([path], {
    // What the vectors were observed with.
    env: { TZ: "UTC", FOO: "bar", EMPTY: "", USER_NAME: "ada", PATH: process.env.PATH ?? "" },
    stdin: new Blob([requests.map((one) => `${JSON.stringify(one)}\n`).join("")]),
    stdout: "pipe",
    stderr: "pipe",
    timeout: deadlineMs,
  });
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  const lines = stdout.split("\n").slice(0, -1);
  if (code !== 0 || lines.length !== requests.length) {
    const last = JSON.stringify(requests[lines.length]?.template);
    throw new Error(`gotemplate: exit code ${code} at ${last}\n${stderr.slice(-4_000)}`);
  }
  return lines.map((line) => JSON.parse(line) as GoAnswer);
}
