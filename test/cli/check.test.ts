import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadSinks } from "../../sinks/index.ts";
import { command as check } from "../../src/cli/check.ts";
import type { Command, Io } from "../../src/cli/command.ts";
import { command as schema } from "../../src/cli/schema.ts";
import { command as sinks } from "../../src/cli/sinks.ts";
import { UsageError } from "../../src/errors.ts";

const registry = await loadSinks();
const folder = mkdtempSync(join(tmpdir(), "petrel-check-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function run(command: Command, ...args: string[]) {
  let stdout = "";
  let stderr = "";
  const io: Io = {
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      stderr += text;
    },
    stdin: async function* () {},
    env: {},
    cwd: folder,
    terminal: () => undefined,
    stop: () => new AbortController().signal,
    hangup: () => {},
  };
  const code = await command.run(args, io);
  return { code, stdout, stderr };
}

const write = (name: string, yaml: string) => writeFileSync(join(folder, name), yaml);
const GOOD = "route: { match: [{ receiver: a }] }\nreceivers: [{ name: a, stdout: {} }]\n";
write("config.yaml", GOOD);
write("warning.yaml", `LogFormat: json\n${GOOD}`);
write("error.yaml", `fooo: 1\n${GOOD}`);

describe("check", () => {
  const rows: readonly (readonly [args: string[], code: number, stdout: string])[] = [
    [[], 0, "config.yaml: no problems\n"],
    [["--strict"], 0, "config.yaml: no problems\n"],
    [["-c", "warning.yaml"], 0, "warning.yaml: 1 warning\n"],
    [["-c", "warning.yaml", "--strict"], 2, "warning.yaml: 1 warning\n"],
    [["-c", "error.yaml"], 2, "error.yaml: 1 error\n"],
    [["-c", "error.yaml", "--compat", "exporter"], 0, "error.yaml: 1 warning\n"],
    [["-o", "json"], 0, "[]\n"],
  ];
  for (const [args, code, last] of rows) {
    test(args.join(" ") || "config.yaml of the current directory", async () => {
      const answer = await run(check, ...args);
      expect(answer).toMatchObject({ code, stderr: "" });
      expect(answer.stdout.endsWith(last)).toBe(true);
    });
  }

  test("for programs", async () => {
    const { code, stdout } = await run(check, "-c", "error.yaml", "--output", "json");
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject([
      { severity: "error", code: "unknown-key", file: "error.yaml", line: 1, column: 1 },
    ]);
  });

  test("a file that is not there", async () => {
    expect(run(check, "-c", "nope.yaml")).rejects.toThrow("config nope.yaml cannot be read (ENOENT)");
  });

  test("--connect tells of each receiver", async () => {
    const { code, stdout } = await run(check, "--connect");
    expect(stdout).toMatch(/^config.yaml: no problems\nreceiver a: .+\n$/);
    expect(code).toBe(0);
  });
});

test("schema", async () => {
  const { code, stdout } = await run(schema);
  expect(code).toBe(0);
  expect(Object.keys(JSON.parse(stdout).properties)).toContain("receivers");
});

describe("sinks", () => {
  test("lists them all", async () => {
    const { stdout } = await run(sinks);
    expect(
      stdout
        .trimEnd()
        .split("\n")
        .map((line) => line.split(" ")[0]),
    ).toEqual(registry.map(({ name }) => name));
  });
  test("for programs", async () => {
    const { stdout } = await run(sinks, "--output", "json");
    const list = JSON.parse(stdout) as { name: string; title: string; summary: string }[];
    expect(list.map(({ name, title, summary }) => ({ name, title, summary }))).toEqual(
      registry.map(({ name, title, summary }) => ({ name, title, summary })),
    );
  });
  test("shows one, with its defaults", async () => {
    const { stdout } = await run(sinks, "stdout");
    expect(stdout).toContain("deDot: false\n");
  });
  test("names the nearest", () => {
    expect(run(sinks, "stdot")).rejects.toThrow(new UsageError('there is no sink "stdot"; did you mean stdout?'));
  });
});
