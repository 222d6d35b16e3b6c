import { afterEach, describe, expect, test } from "bun:test";
import pubsub from "../../sinks/pubsub.ts";
import { fields } from "../../src/config/fields.ts";
import { createSinkContext } from "../../src/pipeline/context.ts";
import type { Batch, Sink } from "../../src/sink.ts";
import { anEvent, compileSimple, recordingLogger, refusalOf, refusalText } from "../contract.ts";
import { called, DISCOVERY, googleError, serviceAccount } from "./google-fake.ts";
import type { Message } from "./pubsub.ts";

const soon = () => AbortSignal.timeout(2_000);
const TOPIC = "projects/my-project/topics/events";

type Answer = (name: string, body: unknown, request: Request) => Response | undefined;

/** A sink and the server that it talks to; what is not answered is taken. */
async function opened(answer: Answer, settings: Readonly<Record<string, unknown>> = {}) {
  const calls: { name: string; messages: readonly Message[] }[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const { name, body } = called(DISCOVERY.pubsub, request, await request.text());
      const { messages = [] } = (body ?? {}) as { messages?: Message[] };
      calls.push({ name: name.split(".").at(-1) ?? "", messages });
      return answer(calls.at(-1)?.name ?? "", body, request) ?? Response.json({});
    },
  });
  closing.push(() => server.stop(true));
  const { logger, lines } = recordingLogger();
  const context = createSinkContext({
    ...{ receiver: "it", logger, compat: settings.compat === true, compileTemplate: compileSimple, env: {} },
  });
  const { compat: _, ...rest } = settings;
  const config = pubsub.config(fields).parse({
    ...{ gcloud_project_id: "my-project", topic: "events", endpoint: `http://127.0.0.1:${server.port}` },
    ...{ credentials: JSON.stringify(serviceAccount()), ...rest },
  });
  const sink: Sink = await pubsub.create(config, context);
  return { sink, calls, lines, url: `127.0.0.1:${server.port}`, names: () => calls.map(({ name }) => name).join(" ") };
}
const closing: (() => unknown)[] = [];
afterEach(async () => {
  delete process.env.PUBSUB_EMULATOR_HOST;
  for (const close of closing.splice(0)) await close();
});

const events = (...objects: string[]) =>
  objects.map((reason, index) => anEvent({ id: `id.${index}`, reason })) as unknown as Batch;

describe("pubsub", () => {
  test("makes a topic once, takes one that is there, and makes one anew that was deleted", async () => {
    let there = true;
    const { sink, names } = await opened(
      (name) => {
        if (name === "create" && there) return googleError(409, "ALREADY_EXISTS", "Resource already exists");
        if (name === "create") there = true;
        return name === "publish" && !there ? googleError(404, "NOT_FOUND", "Resource not found") : undefined;
      },
      { create_topic: true },
    );
    await sink.deliver(events("A"), soon());
    await sink.deliver(events("A"), soon());
    expect(names()).toBe("create publish publish");
    there = false;
    await sink.deliver(events("A"), soon());
    expect(names()).toBe("create publish publish publish create publish");
  });

  test("uses a topic that it may not make, and says so", async () => {
    const { sink, lines, names } = await opened(
      (name) => (name === "create" ? googleError(403, "PERMISSION_DENIED", "not authorized") : undefined),
      { create_topic: true },
    );
    await sink.deliver(events("A"), soon());
    expect(names()).toBe("create publish");
    expect(lines.join("\n")).toContain("pubsub.topics.create");
  });

  test("says which topic is missing", async () => {
    const { sink } = await opened((name) => (name === "publish" ? googleError(404, "NOT_FOUND", "gone") : undefined));
    expect(await refusalText(sink.deliver(events("A"), soon()))).toStartWith(`not_found: topic ${TOPIC}: POST `);
  });

  test("sends the messages of each ordering key in a request of their own, and tells apart what failed", async () => {
    const { sink, calls } = await opened(
      (name, body) =>
        name === "publish" && JSON.stringify(body).includes('"orderingKey":"B"')
          ? googleError(429, "RESOURCE_EXHAUSTED", "slow down")
          : undefined,
      { orderingKey: "{{ .Reason }}", attributes: { kind: "{{ .Type }}" } },
    );
    const error = await refusalOf(sink.deliver(events("A", "B", "A", "C", "B"), soon()));
    expect(error.refused?.map(({ index, reason }) => `${index} ${reason}`)).toEqual(["1 throttled", "4 throttled"]);
    const sent = calls.map(({ messages }) => messages.map(({ attributes }) => attributes?.id).join(" "));
    expect(sent.sort()).toEqual(["id.0 id.2", "id.1 id.4", "id.3"]);
    expect(calls[0]?.messages[0]).toMatchObject({ orderingKey: "A", attributes: { id: "id.0", kind: "Warning" } });
  });

  test("cuts what is too long for an attribute or a key, and keeps it Unicode", async () => {
    const { sink, calls } = await opened(() => undefined, {
      orderingKey: "{{ .Reason }}",
      attributes: { m: "{{ .Message }}" },
    });
    await sink.deliver([anEvent({ reason: "ü".repeat(600), message: `${"x".repeat(1_022)}😀` })], soon());
    const [message] = calls[0]?.messages ?? [];
    expect(message?.orderingKey).toBe("ü".repeat(512));
    expect(message?.attributes?.m).toBe("x".repeat(1_022));
  });

  test("is the predecessor's message in compat: nothing but data", async () => {
    const { sink, calls } = await opened(() => undefined, { compat: true });
    await sink.deliver(events("A"), soon());
    expect(Object.keys(calls[0]?.messages[0] ?? {})).toEqual(["data"]);
  });

  test("talks to an emulator without a token", async () => {
    let authorization: string | null = "";
    const { sink: _, url } = await opened((__, ___, request) => {
      authorization = request.headers.get("authorization");
      return undefined;
    });
    process.env.PUBSUB_EMULATOR_HOST = url;
    const { logger } = recordingLogger();
    const context = createSinkContext({
      ...{ receiver: "it", logger, compat: false, compileTemplate: compileSimple, env: {} },
    });
    const config = pubsub.config(fields).parse({ gcloud_project_id: "my-project", topic: "events" });
    const sink = await pubsub.create(config, context);
    await sink.deliver(events("A"), soon());
    expect(authorization).toBeNull();
  });

  const denied = () => googleError(403, "PERMISSION_DENIED", "no pubsub.topics.get");
  const CHECKS: readonly (readonly [string, Answer, Readonly<Record<string, unknown>>, string])[] = [
    ["a topic", () => undefined, {}, "fine"],
    [
      "no right to look, but to publish",
      (name) => (name === "get" ? denied() : Response.json({ permissions: ["pubsub.topics.publish"] })),
      {},
      "fine",
    ],
    [
      "no right at all",
      (name) => (name === "get" ? denied() : undefined),
      {},
      `unauthorized: topic ${TOPIC}: it is missing, or we have no right`,
    ],
    ["no topic", () => googleError(404, "NOT_FOUND", "gone"), {}, `not_found: topic ${TOPIC}`],
    ["no topic, to be made", () => googleError(404, "NOT_FOUND", "gone"), { create_topic: true }, "fine"],
    ["not Google", () => new Response("a proxy", { status: 502 }), {}, "unavailable: "],
    ["a token that is refused", () => googleError(401, "UNAUTHENTICATED", "no"), {}, "unauthorized: "],
  ];
  for (const [what, answer, settings, said] of CHECKS) {
    test(`check: ${what}`, async () => {
      const { sink, names } = await opened(answer, settings);
      const text = await (sink.check?.(soon()) ?? Promise.reject()).then(
        () => "fine",
        (error) => refusalText(Promise.reject(error)),
      );
      expect(text).toStartWith(said);
      expect(names()).not.toContain("publish");
    });
  }
});
