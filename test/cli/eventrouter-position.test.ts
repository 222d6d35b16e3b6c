import { expect, test } from "bun:test";
import { eventrouterConfig, eventrouterNotes } from "../../src/cli/eventrouter-config.ts";
import { type Disk, takePosition } from "../../src/cli/eventrouter-position.ts";
import { parseConfig } from "../../src/config/load.ts";

/** `text`: of the file; null: it may not be read. */
const disk = (text: string | null | undefined, writable = true): Disk => ({
  read: (path) => (path === "/data/pos" ? (text ?? undefined) : undefined),
  exists: (path) => path === "/data/pos" && text !== undefined,
  writable: (folder) => writable && folder === "/data",
});

test.each<[string, Disk, string | undefined, string[]]>([
  ["digits", disk("4711"), "4711", []],
  ["digits and a newline", disk("4711\n"), "4711", []],
  ["no file", disk(undefined), undefined, []],
  ["an empty file", disk(""), undefined, []],
  ["words", disk("hello"), undefined, ['holds "hello", and no resourceVersion']],
  ["nothing that was seen", disk("0"), undefined, ['holds "0", and no resourceVersion']],
  ["more than any store counts", disk("9".repeat(16)), undefined, ["and no resourceVersion"]],
  ["a file of somebody else's", disk(null), undefined, ["may not be read: the first start begins with"]],
])("%s", (_, there, version, notes) => {
  const found = takePosition("/data/pos", there);
  expect([found.resourceVersion, found.state]).toEqual([version, "/data/pos.petrel"]);
  expect(found.notes.map((note, index) => (note.includes(notes[index] ?? "?") ? notes[index] : note))).toEqual(notes);
});

test("a folder that cannot be written holds no record", () => {
  const { resourceVersion, state, notes } = takePosition("/data/pos", disk("5", false));
  expect([resourceVersion, state]).toEqual(["5", undefined]);
  expect(notes).toEqual(["nothing can be kept beside /data/pos: a record is kept in a ConfigMap, if rights allow it"]);
});

test.each([
  [JSON.stringify({ sink: "stdout", lastResourceVersionPositionPath: "/data/pos" }), {}],
  [undefined, { EVENTROUTER_BOOKMARK_PATH: "/data/pos" }],
])("the config says where to begin, and where to keep a record: %j %j", (json, env: Record<string, string>) => {
  const { config, findings } = parseConfig(eventrouterConfig({ json, env, disk: disk("4711") }), { file: "c", env });
  expect(findings).toEqual([]);
  expect(config).toMatchObject({ startFrom: { resourceVersion: "4711" }, state: { path: "/data/pos.petrel" } });
  // A config that runs elsewhere has no such file.
  expect(eventrouterConfig({ json, env })).not.toContain("4711");
});

test("what is not used is told, with its reason; what is, is not", () => {
  const json = JSON.stringify({
    ...{ sink: "stdout", kubeconfig: "/k", lastResourceVersionPositionPath: "/data/pos", "resync-interval": "30m" },
    ...{ kakfkaAsync: true, colour: "red", "enable-http-pprof": true, stdoutJSONNamespace: "k" },
  });
  expect(eventrouterNotes({ json, env: {}, disk: disk("x") }).map((note) => note.replace(/:.*/, ""))).toEqual([
    "resync-interval is not used",
    "kakfkaAsync is not used",
    "colour is not used",
    "enable-http-pprof is not used",
    'the position file /data/pos holds "x", and no resourceVersion',
  ]);
  expect(eventrouterNotes({ json: undefined, env: { EVENTROUTER_RESYNC_INTERVAL: "5m" } })).toEqual([
    "resync-interval is not used: a resync told every event again that had not changed; Petrel tells each state once",
  ]);
});

test.each([
  ["EVENTROUTER_LOG_LEVEL", "loud"],
  ["EVENTROUTER_LOG_FORMAT", "yaml"],
  ["EVENTROUTER_ENABLE_METRICS", "maybe"],
  ["EVENTROUTER_BOOKMARK_PATH", "bookmark"],
])("%s=%s is refused, as the rewrite does", (name, value) => {
  expect(() => eventrouterConfig({ json: undefined, env: { [name]: value } })).toThrow(
    `${name} cannot be ${JSON.stringify(value)}`,
  );
});

test.each([
  [{}, { logFormat: "json", logLevel: "info" }],
  [{ EVENTROUTER_LOG_FORMAT: "text" }, { logFormat: "pretty" }],
  [{ EVENTROUTER_LOG_LEVEL: "WARNING" }, { logLevel: "warn" }],
])("the log of %j", (env: Record<string, string>, expected) => {
  const text = eventrouterConfig({ json: undefined, env: { EVENTROUTER_SINK: "stdout", ...env } });
  expect(parseConfig(text, { file: "environment", env }).config).toMatchObject(expected);
});
