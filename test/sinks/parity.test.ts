/** In compat, the same event is the same bytes on the wire as the exporter was seen to send. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { loadSinks } from "../../sinks/index.ts";
import { fields } from "../../src/config/fields.ts";
import type { Event } from "../../src/event.ts";
import { compileForEvent } from "../../src/event-template/go.ts";
import { createSinkContext } from "../../src/pipeline/context.ts";
import type { Rendered, Sink } from "../../src/sink.ts";
import { sprig } from "../../src/template/funcs/sprig.ts";
import { recordingLogger } from "../contract.ts";
import { rawServer } from "../wire/raw-server.ts";

const sinks = await loadSinks();
const recorded = (name: string) => readFileSync(`${import.meta.dir}/../fixtures/exporter/${name}`, "utf8").trim();
const line = recorded("stdout-sink.jsonl");
const event: Event = { id: "uid.101", objectKey: "poduid-1", ...JSON.parse(line) };

async function sinkOf(name: string, settings: object): Promise<Sink> {
  const definition = sinks.find((one) => one.name === name);
  if (!definition) throw new Error(`no sink ${name}`);
  const { logger } = recordingLogger();
  const options = {
    receiver: name,
    logger,
    compat: true,
    compileTemplate: (text: string) => compileForEvent(text, { compat: true, functions: sprig }),
    env: {},
  };
  return definition.create(definition.config(fields).parse(settings), createSinkContext(options));
}

const rendered = async (name: string, settings: object): Promise<Rendered> =>
  (await sinkOf(name, settings)).render([event]);

test("stdout, file, pipe and UDP", async () => {
  expect((await rendered("stdout", {})).body).toBe(`${line}\n`);
  expect((await rendered("file", { path: "/x" })).body).toBe(`${line}\n`);
  expect((await rendered("udp", { host: "127.0.0.1:9" })).body).toBe(`${line}\n`);
  expect((await rendered("pipe", { path: "/x", deDot: true })).body).toBe(`${recorded("pipe-dedot.jsonl")}\n`);
});

test("syslog, but for time, host and process", async () => {
  const { body } = await rendered("syslog", { network: "udp", address: "127.0.0.1:9", tag: "k8s.event" });
  const mask = (text: string) =>
    text.replace(/^(<\d+>)\d{4}-\d\d-\d\dT[\d:]+Z \S+ (\S+)\[\d+\]/, "$1TIME HOST $2[PID]");
  // The capture is a list of what came, quoted.
  const [captured = ""] = recorded("syslog-capture.txt").split("\n");
  expect(mask(body)).toBe(mask(JSON.parse(captured)));
});

interface Exchange {
  readonly m: string;
  readonly p: string;
  readonly h: Readonly<Record<string, string>>;
  readonly body: string;
}

const exchanges: readonly Exchange[] = recorded("http-capture.jsonl")
  .split("\n")
  .map((text) => JSON.parse(text));
/** What belongs to the HTTP client and not to the receiver. */
const CLIENTS = /^(host|accept-encoding|connection|content-length|x-elastic-client-meta)$/;

/** The request to this path is the exporter's in compat: method, path, body and every header that the config makes. */
async function expectParity(
  name: string,
  path: string,
  settings: (origin: string) => object,
  options: {
    readonly answer?: string;
    readonly mask?: (body: string) => string;
    readonly path?: (path: string) => string;
    readonly userAgent?: true;
  } = {},
): Promise<void> {
  const { answer = "", mask = (body) => body, path: masked = (text) => text } = options;
  const expected = exchanges.find(({ p }) => p === path);
  if (!expected) throw new Error(`nothing was recorded for ${path}`);
  using server = rawServer(() => [`HTTP/1.1 200 OK\r\nContent-Length: ${answer.length}\r\n\r\n${answer}`]);
  const sink = await sinkOf(name, settings(`http://127.0.0.1:${server.port}`));
  await sink.deliver([event], AbortSignal.timeout(1_000));
  await sink[Symbol.asyncDispose]?.();
  const request = server.requests.at(-1);
  const [first, ...lines] = (request?.head ?? "").split("\r\n");
  const sent = new Headers(lines.map((text) => [text.slice(0, text.indexOf(":")), text.slice(text.indexOf(":") + 1)]));
  expect([masked(first ?? ""), mask(request?.body ?? "")]).toEqual([
    `${expected.m} ${expected.p} HTTP/1.1`,
    mask(expected.body),
  ]);
  for (const [header, value] of Object.entries(expected.h)) {
    if (CLIENTS.test(header) || (header === "user-agent" && !options.userAgent)) continue;
    expect([header, sent.get(header)]).toEqual([header, value]);
  }
}

test("webhook", async () => {
  const headers = {
    "X-API-KEY": "123",
    "X-NUM": "456",
    "X-TPL": "{{ .Reason }}-{{ .InvolvedObject.Name }}",
    "X-BAD": "{{ .Nope }}",
    "User-Agent": "kube-event-exporter 1.0",
    "Content-Type": "text/x",
  };
  await expectParity("webhook", "/wh", (url) => ({ endpoint: `${url}/wh`, headers }), { userAgent: true });
});

test("loki, but for the time of sending", async () => {
  const settings = {
    streamLabels: { foo: "bar", t: "{{ .Type }}" },
    headers: { "X-Scope-OrgID": "ten-{{ .Namespace }}" },
  };
  const mask = (body: string) => body.replace(/\["\d{10}0{9}"/, '["TIME"');
  await expectParity("loki", "/loki/api/v1/push", (url) => ({ url: `${url}/loki/api/v1/push`, ...settings }), { mask });
});

test("elasticsearch and opensearch, but for the date of sending", async () => {
  const today = new Date().toISOString().slice(0, 10);
  const settings = (url: string) => ({
    ...{
      hosts: [`${url}/esbase`],
      index: "idx",
      indexFormat: "kube-events-{2006-01-02}",
      username: "u",
      password: "p",
    },
    ...{ headers: { "X-H": "hv" }, useEventID: true, deDot: true },
  });
  await expectParity("elasticsearch", `/esbase/kube-events-2026-11-20/_doc/${event.metadata.uid}`, settings, {
    path: (path) => path.replace(today, "2026-11-20"),
  });
  await expectParity("opensearch", "/idx2/mytype", (url) => ({ hosts: [url], index: "idx2", type: "mytype" }));
});

test("teams and opsgenie", async () => {
  await expectParity("teams", "/teams", (url) => ({ endpoint: `${url}/teams`, headers: { "X-T": "{{ .Reason }}" } }));
  const alert = { apiKey: "k", message: "m {{ .Reason }}" };
  await expectParity("opsgenie", "/v2/alerts", (url) => ({ ...alert, URL: url.replace("http://", "") }));
});
