/** In compat, the same event is the same bytes on the wire as the exporter was seen to send. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { sinks } from "../../sinks/index.ts";
import { fields } from "../../src/config/fields.ts";
import type { Event } from "../../src/event.ts";
import { compileForEvent } from "../../src/event-data.ts";
import { createSinkContext } from "../../src/pipeline/context.ts";
import type { Rendered, Sink } from "../../src/sink.ts";
import { recordingLogger } from "../contract.ts";
import { rawServer } from "../wire/raw-server.ts";

const recorded = (name: string) => readFileSync(`${import.meta.dir}/../fixtures/exporter/${name}`, "utf8").trim();
const line = recorded("stdout-sink.jsonl");
const event: Event = { id: "uid.101", objectKey: "poduid-1", ...JSON.parse(line) };

async function sinkOf(name: string, settings: object): Promise<Sink> {
  const definition = sinks.find((one) => one.name === name);
  if (!definition) throw new Error(`no sink ${name}`);
  const { logger } = recordingLogger();
  const options = { receiver: name, logger, compat: true, compileTemplate: compileForEvent, env: {} };
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

test("webhook: method, path, body and every header that the config makes", async () => {
  const exchanges = recorded("http-capture.jsonl").split("\n");
  const expected = exchanges.map((text) => JSON.parse(text)).find(({ p }) => p === "/wh");
  using server = rawServer(() => ["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]);
  const headers = {
    "X-API-KEY": "123",
    "X-NUM": "456",
    "X-TPL": "{{ .Reason }}-{{ .InvolvedObject.Name }}",
    "X-BAD": "{{ .Nope }}",
    "User-Agent": "kube-event-exporter 1.0",
    "Content-Type": "text/x",
  };
  const sink = await sinkOf("webhook", { endpoint: `http://127.0.0.1:${server.port}/wh`, headers });
  await sink.deliver([event], AbortSignal.timeout(1_000));
  await sink[Symbol.asyncDispose]?.();
  const [request] = server.requests;
  const [first, ...lines] = (request?.head ?? "").split("\r\n");
  const sent = new Headers(lines.map((text) => [text.slice(0, text.indexOf(":")), text.slice(text.indexOf(":") + 1)]));
  expect([first, request?.body]).toEqual([`${expected.m} ${expected.p} HTTP/1.1`, expected.body]);
  for (const [name, value] of Object.entries(expected.h)) {
    if (name !== "host" && name !== "accept-encoding") expect([name, sent.get(name)]).toEqual([name, value as string]);
  }
});
