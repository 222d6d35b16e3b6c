import { expect, test } from "bun:test";
import { parseConfig } from "../../src/config/load.ts";

const REST = "route: { match: [{ receiver: a }] }\nreceivers: [{ name: a, stdout: {} }]\n";
const HTTP = { address: "127.0.0.1:8888", maxBody: 4_194_304, dedupWindowMs: 600_000 };

const ROWS: readonly (readonly [yaml: string, config: object | undefined, said: readonly string[]])[] = [
  ["", { sources: ["kubernetes"] }, []],
  ["sources: [http]", { sources: ["http"], http: HTTP }, []],
  ["sources: [kubernetes, stdin]", { sources: ["kubernetes", "stdin"] }, []],
  [
    "sources: [http]\nhttp: { address: ':80', token: { env: T }, tls: { certFile: c, keyFile: k }, maxBody: 1MiB, dedupWindow: 1m }",
    {
      sources: ["http"],
      http: {
        address: ":80",
        token: { env: "T" },
        tls: { certFile: "c", keyFile: "k" },
        maxBody: 1_048_576,
        dedupWindowMs: 60_000,
      },
    },
    [],
  ],
  ["sources: [file]\nfile: { path: e.json }", { sources: ["file"], file: { path: "e.json" } }, []],
  ["sources: [file]", undefined, ["error required: `sources` names `file`, and nothing says which"]],
  [
    "http: {}",
    { sources: ["kubernetes"] },
    ["warning unused-source: `http` has settings, and `sources` does not name it: nothing comes from there"],
  ],
  ["sources: []", undefined, ["error required: `sources` names nothing: no event would ever come"]],
  [
    "sources: [https]",
    { sources: ["kubernetes"] },
    ['error wrong-value: an item of `sources` must be one of kubernetes, http, stdin, file, not the text "https"'],
  ],
];

test.each(ROWS)("%s", (yaml, expected, said) => {
  const { config, findings } = parseConfig(`${yaml}\n${REST}`, { file: "c", env: { T: "t" } });
  expect(findings.map(({ severity, code, message }) => `${severity} ${code}: ${message}`)).toEqual([...said]);
  const { sources, http, file } = config ?? {};
  expect(config && { sources, ...(http && { http }), ...(file && { file }) }).toEqual(expected as never);
});
