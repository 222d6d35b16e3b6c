/** The official Go SDK for CloudEvents as a process that reads what it is given: the judge of what Petrel sends. */
import { join } from "node:path";
import type { Definition } from "./definition.ts";
import { command, goPrograms, pinnedVersion } from "./place.ts";

const MODULE = join(import.meta.dir, "cloudevents");

/** Builds it where its source has changed since, and says where it lies. */
const program = async (): Promise<string> =>
  join(await goPrograms("cloudevents", MODULE, { cloudevents: "." }, "-s -w"), "cloudevents");

/** A program that lives as long as its input: nothing runs, {@link askGoSdk} starts it. */
export const cloudevents: Definition = {
  name: "cloudevents",
  summary: "the Go SDK for CloudEvents: reads {binding, headers, body} a line, answers {mode, events} or {error}",
  missing: () => (Bun.which("go") === null ? "needs Go to build it" : undefined),
  install: async () => {
    await program();
  },
  plan: async () => {
    const path = await program();
    const versions = { "CloudEvents SDK": pinnedVersion(join(MODULE, "go.mod"), "github.com/cloudevents/sdk-go/v2") };
    const line = { binding: "http", headers: { "Content-Type": "application/cloudevents+json" }, body: "{}" };
    return {
      ports: {},
      env: { PROGRAM: path },
      processes: [],
      versions,
      usage: [`echo '${JSON.stringify(line)}' | ${path}`],
    };
  },
};

export interface SdkMessage {
  readonly binding: "http" | "kafka";
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface SdkEvent {
  readonly id: string;
  readonly source: string;
  readonly specversion: string;
  readonly type: string;
  readonly subject?: string;
  /** UTC, with microseconds. */
  readonly time?: string;
  readonly datacontenttype?: string;
  readonly dataschema?: string;
  /** Each printed. */
  readonly extensions?: Readonly<Record<string, string>>;
  readonly data: string;
}

export interface SdkAnswer {
  readonly mode?: "structured" | "binary" | "batch";
  readonly events?: readonly SdkEvent[];
  readonly error?: string;
}

/** What the Go SDK makes of each. */
export async function askGoSdk(messages: readonly SdkMessage[]): Promise<SdkAnswer[]> {
  const input = messages.map((message) => `${JSON.stringify(message)}\n`).join("");
  const text = await command([await program()], { input, deadlineMs: 60_000 });
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as SdkAnswer);
}
