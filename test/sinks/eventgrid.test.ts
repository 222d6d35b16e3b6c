import { afterEach, describe, expect, test } from "bun:test";
import { AzureKeyCredential, AzureSASCredential, EventGridPublisherClient } from "@azure/eventgrid";
import eventgrid from "../../sinks/eventgrid.ts";
import { fields } from "../../src/config/fields.ts";
import { formOf } from "../../src/form.ts";
import { friendlyCloudEvent } from "../../src/friendly/parse.ts";
import { createSinkContext } from "../../src/pipeline/context.ts";
import type { Batch } from "../../src/sink.ts";
import { anEvent, compileSimple, recordingLogger, refusalOf, refusalText } from "../contract.ts";
import { takeGrid } from "./eventgrid.ts";

const NOW = "2026-11-21T00:00:00.000Z";
const soon = () => AbortSignal.timeout(2_000);
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

interface Seen {
  readonly to: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A topic that takes everything, unless `answer` has another. */
function aTopic(answer: (request: Request, body: string) => Response | undefined = () => undefined) {
  const seen: Seen[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const body = await request.text();
      seen.push({ to: `${request.method} ${pathname}${search}`, headers: Object.fromEntries(request.headers), body });
      return answer(request, body) ?? new Response("");
    },
  });
  closing.push(() => server.stop(true));
  return { seen, url: `http://127.0.0.1:${server.port}` };
}

async function aSink(settings: object, friendly: "off" | "withRaw" = "off") {
  const { logger } = recordingLogger();
  const context = createSinkContext({
    ...{ receiver: "it", logger, compat: false, compileTemplate: compileSimple, env: {} },
    form: formOf({ friendly }, eventgrid),
    friendly: friendlyCloudEvent,
    clock: () => Date.parse(NOW),
  });
  return await eventgrid.create(eventgrid.config(fields).parse(settings), context);
}
const batch = (...ids: string[]) => ids.map((id) => anEvent({ id, message: `message of ${id}` })) as unknown as Batch;

/** What decides about a request, of those that came. */
const requests = (seen: readonly Seen[]) =>
  seen.map(({ to, headers, body }) => ({
    to,
    type: headers["content-type"],
    key: headers["aeg-sas-key"],
    sas: headers["aeg-sas-token"],
    events: JSON.parse(body) as Record<string, unknown>[],
  }));

describe("eventgrid", () => {
  const { time, data } = { time: "2026-11-20T21:45:18.000Z", data: { said: "<once> & again", n: 1 } };
  const layout = { said: "<once> & again", n: 1 };

  test("makes the requests that Azure's own SDK makes, in both schemas", async () => {
    const theirs = aTopic();
    const ours = aTopic();
    const insecure = { allowInsecureConnection: true, retryOptions: { maxRetries: 0 } };
    const cloud = {
      ...{ type: "Kubernetes.Events.Raw", source: "/clusters/unknown-cluster/namespaces/default", id: "1" },
      ...{ subject: "Pod/web-1", time: new Date(time), data, datacontenttype: "application/json" },
      extensionAttributes: { recordedtime: NOW, severitytext: "WARN", severitynumber: 13 },
    };
    const grid = {
      ...{ id: "1", eventType: "Kubernetes.Events.Raw", eventTime: new Date(time), dataVersion: "1.0", data },
      subject: "/clusters/unknown-cluster/namespaces/default/Pod/web-1",
    };
    const at = `${theirs.url}/api/events`;
    await new EventGridPublisherClient(at, "CloudEvent", new AzureKeyCredential("a-key"), insecure).send([
      cloud,
      { ...cloud, id: "2" },
    ]);
    await new EventGridPublisherClient(at, "EventGrid", new AzureSASCredential("r=x&e=y&s=z"), insecure).send([
      grid,
      { ...grid, id: "2" },
    ]);

    await (await aSink({ endpoint: `${ours.url}/api/events`, key: "a-key", layout })).deliver(batch("1", "2"), soon());
    const own = { schema: "eventgrid", sasToken: "r=x&e=y&s=z", layout };
    await (await aSink({ endpoint: `${ours.url}/api/events`, ...own })).deliver(batch("1", "2"), soon());

    const inMs = (events: readonly Record<string, unknown>[]) =>
      events.map((event) => {
        const name = "time" in event ? "time" : "eventTime";
        return { ...event, [name]: Date.parse(String(event[name])) };
      });
    const [ourCloud, ourGrid] = requests(ours.seen).map((one) => ({ ...one, events: inMs(one.events) }));
    const [theirCloud, theirGrid] = requests(theirs.seen).map((one) => ({ ...one, events: inMs(one.events) }));
    expect(ourCloud).toEqual(theirCloud);
    expect(ourGrid).toEqual({ ...theirGrid, type: "application/json" } as never);
    // A charset is no part of that media type, and JSON is UTF-8 anyway (RFC 8259).
    expect(theirGrid?.type).toStartWith("application/json");
  });

  test("publishes to topics of namespaces, extension attributes included", async () => {
    const { seen, url } = aTopic();
    await (await aSink({ endpoint: url, topic: "my topic", key: "a-key" })).deliver(batch("1"), soon());
    await (await aSink({ endpoint: url, topic: "t", sasToken: "r=x" })).deliver(batch("1"), soon());
    expect(seen.map(({ to, headers }) => [to, headers["content-type"], headers.authorization])).toEqual([
      [
        "POST /topics/my%20topic:publish?api-version=2024-06-01",
        "application/cloudevents-batch+json; charset=utf-8",
        "SharedAccessKey a-key",
      ],
      [
        "POST /topics/t:publish?api-version=2024-06-01",
        "application/cloudevents-batch+json; charset=utf-8",
        "SharedAccessSignature r=x",
      ],
    ]);
    expect(JSON.parse(seen[0]?.body ?? "")[0]).toMatchObject({
      severitytext: "WARN",
      severitynumber: 13,
      recordedtime: NOW,
    });
    expect(aSink({ endpoint: url, topic: "t", schema: "eventgrid", key: "k" })).rejects.toThrow(
      "take CloudEvents only",
    );
  });

  test("says who it is to Entra, and asks again when its token is refused", async () => {
    let tokens = 0;
    const entra = aTopic(() => Response.json({ access_token: `token-${++tokens}`, expires_in: 3_600 }));
    const grid = aTopic((request) =>
      request.headers.get("authorization") === "Bearer token-1" && grid.seen.length === 2
        ? new Response("revoked", { status: 401 })
        : undefined,
    );
    const identity = { tenantId: "t", clientId: "c", clientSecret: "s", authorityHost: entra.url };
    const sink = await aSink({ endpoint: grid.url, entra: identity });
    await sink.deliver(batch("1"), soon());
    expect((await refusalOf(sink.deliver(batch("2"), soon()))).reason).toBe("unauthorized");
    await sink.deliver(batch("2"), soon());
    expect(grid.seen.map(({ headers }) => headers.authorization)).toEqual([
      "Bearer token-1",
      "Bearer token-1",
      "Bearer token-2",
    ]);
    expect(entra.seen[0]?.body).toContain("scope=https%3A%2F%2Feventgrid.azure.net%2F.default");
  });

  test("what is valid for a topic in Event Grid's schema, whatever an event says", async () => {
    const taken: string[] = [];
    const { url } = aTopic((request, body) => {
      taken.push(...takeGrid("eventgrid", request, body).texts);
      return undefined;
    });
    const sink = await aSink({ endpoint: url, key: "k", schema: "eventgrid" });
    const bare = anEvent({
      involvedObject: { deleted: false },
      lastTimestamp: null,
      firstTimestamp: null,
      metadata: {},
    });
    await sink.deliver([anEvent(), bare], soon());
    expect(taken.map((text) => JSON.parse(text)).map(({ subject, eventTime }) => [subject, eventTime])).toEqual([
      ["/clusters/unknown-cluster/namespaces/default/Pod/web-1", "2026-11-20T21:45:18Z"],
      ["/clusters/unknown-cluster", NOW],
    ]);
  });

  test("sends what happened beside the raw event, where it is asked to", async () => {
    const { seen, url } = aTopic();
    const sink = await aSink({ endpoint: url, key: "k" }, "withRaw");
    const scaled = anEvent({
      reason: "ScalingReplicaSet",
      message: "Scaled up replica set web-1 to 3",
      source: { component: "deployment-controller" },
      involvedObject: { ...anEvent().involvedObject, kind: "Deployment", name: "web" },
    });
    await sink.deliver([scaled], soon());
    const types = (JSON.parse(seen[0]?.body ?? "[]") as { type: string }[]).map(({ type }) => type);
    expect(types).toEqual(["Kubernetes.Events.Raw", "Kubernetes.Autoscaling.Deployment.V1.ScaleOut"]);
  });

  test("cuts a delivery where a request would be larger than a topic takes, and refuses what alone is", async () => {
    const { seen, url } = aTopic();
    const sink = await aSink({ endpoint: url, key: "k", layout: { message: "{{ .Message }}" } });
    const sized = (id: string, length: number) => anEvent({ id, message: "x".repeat(length) });
    const error = await refusalOf(
      sink.deliver(
        [sized("1", 600_000), sized("2", 600_000), sized("3", 1_000_000), sized("4", 10)] as unknown as Batch,
        soon(),
      ),
    );
    expect(error.refused?.map(({ index, reason }) => `${index} ${reason}`)).toEqual(["2 too_large"]);
    expect(seen.map(({ body }) => (JSON.parse(body) as { id: string }[]).map(({ id }) => id))).toEqual([
      ["1"],
      ["2", "4"],
    ]);
    for (const { body } of seen) expect(Buffer.byteLength(body)).toBeLessThanOrEqual(1_000_000);
  });

  const ANSWERS = [
    [{}, 400, "bad", "rejected"],
    [{}, 413, "", "too_large"],
    [{}, 503, "ServerBusy", "throttled"],
    [{ topic: "t" }, 403, '{"error":{"message":"Quota exceeded"}}', "throttled"],
    [{ topic: "t" }, 403, '{"error":{"message":"Event is too large"}}', "too_large"],
    [{ topic: "t" }, 403, "no right", "unauthorized"],
    [{ topic: "t" }, 410, "", "not_found"],
  ] as const;
  test("knows what a topic's answers mean", async () => {
    for (const [settings, status, text, reason] of ANSWERS) {
      const { url } = aTopic(() => new Response(text, { status }));
      const sink = await aSink({ endpoint: url, key: "k", ...settings });
      expect([status, text, (await refusalOf(sink.deliver(batch("1"), soon()))).reason as string]).toEqual([
        status,
        text,
        reason,
      ]);
    }
  });

  test("check posts nothing, asks Entra, and says what it cannot know", async () => {
    const { seen, url } = aTopic();
    expect(await (await aSink({ endpoint: url, key: "k" })).check?.(soon())).toStartWith("not checked: topic and key");
    const entra = aTopic(() => Response.json({ error: "invalid_client" }, { status: 401 }));
    const identity = { tenantId: "t", clientId: "c", clientSecret: "s", authorityHost: entra.url };
    const sink = await aSink({ endpoint: url, entra: identity });
    expect(await refusalText(sink.check?.(soon()) ?? Promise.resolve())).toStartWith("unauthorized: POST ");
    expect(seen).toEqual([]);
  });
});
