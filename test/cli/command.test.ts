import { describe, expect, test } from "bun:test";
import { type Bare, bareInvocation } from "../../src/cli/bare.ts";
import { COMMANDS } from "../../src/cli/command.ts";
import { petrel } from "./io.ts";

describe("without a command", () => {
  const HELP: Bare = { kind: "help", asked: false };
  const run = (...args: string[]): Bare => ({ kind: "run", command: "run", args });
  const rows: [string[], Record<string, string>, string[], Bare | string][] = [
    [["-conf=/data/config.yaml"], {}, [], run("-conf=/data/config.yaml")],
    [["-conf", "f"], {}, [], run("-conf", "f")],
    [["--conf", "f"], {}, [], run("--conf", "f")],
    [["-kubeconfig", "k"], {}, [], run("-kubeconfig", "k")],
    [["-metrics-address", ":1"], {}, [], run("-metrics-address", ":1")],
    [["-metrics-tls-config=w"], {}, [], run("-metrics-tls-config=w")],
    [["-v=3", "-conf=x"], {}, [], run("-v=3", "-conf=x")],
    [["-conf=x"], { EVENTROUTER_SINK: "stdout" }, ["/etc/eventrouter/config.json"], run("-conf=x")],
    [["-listen-address=:8081"], {}, [], run("--compat", "eventrouter", "-listen-address=:8081")],
    [["-v=3", "-listen-address", ":1"], {}, [], run("--compat", "eventrouter", "-v=3", "-listen-address", ":1")],
    [["-v", "3", "-logtostderr"], {}, [], run("--compat", "eventrouter", "-v", "3", "-logtostderr")],
    [["-kubeconfig", "k", "-v", "3"], {}, [], run("--compat", "eventrouter", "-kubeconfig", "k", "-v", "3")],
    [[], { EVENTROUTER_SINK: "stdout" }, ["/here/config.yaml"], run("--compat", "eventrouter")],
    [[], {}, ["/etc/eventrouter/config.json", "/here/config.yaml"], run("--compat", "eventrouter")],

    [[], { EventGridBridge_EventGrid_Topic_Uri: "x" }, ["/here/config.yaml"], run("--compat", "bridge")],
    [[], {}, ["/here/config.yaml"], run()],
    [[], {}, [], HELP],
    [["-h"], {}, ["/here/config.yaml"], { kind: "help", asked: true }],
    [["--help"], {}, [], { kind: "help", asked: true }],
    [["--version"], {}, [], { kind: "run", command: "version", args: [] }],
    [["--strict"], {}, ["/here/config.yaml"], "unknown flag --strict before a command"],
  ];
  test.each(rows)("%j %j %j", (args, env, files, expected) => {
    const bare = bareInvocation(args, env, (path) => files.includes(path), "/here");
    if (typeof expected !== "string") expect(bare).toEqual(expected);
    else expect(bare).toMatchObject({ kind: "refuse", message: expect.stringContaining(expected) });
  });
});

test.each<[string[], number, string, string]>([
  [[], 2, "", "usage: petrel COMMAND"],
  [["help"], 0, "usage: petrel COMMAND", ""],
  [["--help"], 0, "usage: petrel COMMAND", ""],
  [["help", "route"], 0, "usage: petrel route", ""],
  [["route", "--help"], 0, "usage: petrel route", ""],
  [["route", "-c", "nowhere.yaml", "-h"], 0, "usage: petrel route", ""],
  [["help", "rout"], 2, "", 'unknown command "rout"; did you mean route?'],
  [["rout"], 2, "", 'unknown command "rout"; did you mean route?'],
  [["frobnicate"], 2, "", 'unknown command "frobnicate"; see petrel help'],
  [["constructor"], 2, "", 'unknown command "constructor"'],
  [
    ["route", "--confg", "x"],
    2,
    "",
    "petrel: route: unknown flag --confg; did you mean --config?\nsee petrel route --help\n",
  ],
  [["route"], 2, "", "petrel: route: EVENT missing\n"],
  [["version", "extra"], 2, "", 'unexpected argument "extra"'],
  [["version"], 0, "petrel 0.1.0 (commit ", ""],
  [["-version"], 0, "petrel 0.1.0 (commit ", ""],
  [["-listen-address", ":8080"], 2, "", "there is no /etc/eventrouter/config.json"],
  [["-v", "3", "-logtostderr"], 2, "", "there is no /etc/eventrouter/config.json"],
  [["-v", "3", "-stderrtreshold", "2"], 2, "", "unknown flag -stderrtreshold; did you mean --stderrthreshold?"],
  [["run", "-v", "3"], 2, "", "-v is a flag of glog's, and goes with --compat eventrouter"],
  [["run", "--compat", "eventrouter", "-c", "nowhere.json"], 2, "", "nowhere.json cannot be read (ENOENT)"],
])("%j exits with %d", async (args, code, out, err) => {
  const ran = await petrel(args);
  expect(ran.code).toBe(code);
  if (out === "") expect(ran.out).toBe("");
  else expect(ran.out).toContain(out);
  if (err === "") expect(ran.err).toBe("");
  else expect(ran.err).toContain(err);
});

test("version as JSON", async () => {
  const { out } = await petrel(["version", "-o", "json"]);
  expect(JSON.parse(out)).toEqual({
    version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
    commit: expect.any(String),
    bun: Bun.version,
    platform: `${process.platform}/${process.arch}`,
  });
});

describe("help fits a terminal", () => {
  const fits = (text: string) => {
    const lines = text.split("\n");
    expect(lines.pop()).toBe("");
    expect(lines.length).toBeLessThanOrEqual(24);
    expect(lines.filter((line) => line.length > 100)).toEqual([]);
    expect(lines.filter((line) => line.endsWith(" ") || line.includes("\t"))).toEqual([]);
  };

  test("of petrel", async () => fits((await petrel(["help"])).out));

  test.each(Object.keys(COMMANDS))("of %s", async (name) => {
    const command = (await COMMANDS[name]?.())?.command;
    expect(command?.name).toBe(name);
    fits(command?.usage ?? "");
    expect(command?.summary).toMatch(/^[A-Z].*\.$/);
    if (!name.startsWith("_")) expect(command?.usage).toStartWith(`usage: petrel ${name}`);
  });
});
