import { afterEach, describe, expect, test } from "bun:test";
import teams from "../../sinks/teams.ts";
import { fields } from "../../src/config/fields.ts";
import type { Event } from "../../src/event.ts";
import { createSinkContext } from "../../src/pipeline/context.ts";
import { anEvent, compileSimple, recordingLogger, refusalOf } from "../contract.ts";
import { type RawServer, rawServer } from "../wire/raw-server.ts";

const servers: RawServer[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server[Symbol.dispose]();
});

async function setUp(settings: object, { compat = false, text = "", status = 200 } = {}) {
  const server = rawServer(() => [`HTTP/1.1 ${status} OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`]);
  servers.push(server);
  const options = { receiver: "t", logger: recordingLogger().logger, compat, compileTemplate: compileSimple, env: {} };
  const endpoint = `http://127.0.0.1:${server.port}/x`;
  const config = teams.config(fields).parse({ endpoint, title: "{{ .Reason }}", ...settings });
  const sink = await teams.create(config, createSinkContext(options));
  const deliver = async (change: Partial<Event> = {}) => {
    await sink.deliver([anEvent(change)], AbortSignal.timeout(1_000));
    return JSON.parse(server.requests.at(-1)?.body ?? "");
  };
  return { deliver, server };
}

describe("teams", () => {
  test("cuts the text of a card that Teams would lose, by bytes", async () => {
    const { deliver, server } = await setUp({});
    const { attachments } = await deliver({ message: "日本_".repeat(20_000) });
    expect(Buffer.byteLength(server.requests[0]?.body ?? "")).toBeLessThanOrEqual(28 * 1024);
    expect(attachments[0].content.body[1].text).toEndWith("…");
    const facts = await setUp({ layout: { all: "{{ .Message }}" } });
    expect((await refusalOf(facts.deliver({ message: "x".repeat(40_000) }))).reason).toBe("too_large");
  });

  test("has the exporter's layout keys for title and text, and other keys for facts", async () => {
    const { deliver } = await setUp({ layout: { message: "m {{ .Type }}", reason: "r", other: 5 } });
    const { attachments } = await deliver();
    expect(attachments[0].content.body.map((one: Record<string, unknown>) => one.text ?? one.facts)).toEqual([
      ...["r", "m Warning", [{ title: "other", value: "5" }]],
    ]);
  });

  test("sends a card of the user's own, or a connector's", async () => {
    const card = await setUp({
      card: { type: "AdaptiveCard", version: "1.5", body: [{ type: "TextBlock", text: "{{ .Type }}" }] },
    });
    expect((await card.deliver()).attachments[0].content).toEqual({
      ...{ type: "AdaptiveCard", version: "1.5", body: [{ type: "TextBlock", text: "Warning" }] },
    });
    const old = await setUp({ format: "messageCard", layout: { a: "b" } });
    expect(await old.deliver()).toEqual({
      ...{ "@type": "MessageCard", "@context": "http://schema.org/extensions", summary: "BackOff", title: "BackOff" },
      ...{ text: "Back-off <restarting> failed container", sections: [{ facts: [{ name: "a", value: "b" }] }] },
    });
  });

  test("reads what a connector hides in a 200", async () => {
    for (const [code, reason] of [
      [429, "throttled"],
      [413, "too_large"],
      [503, "unavailable"],
      [400, "rejected"],
    ] as const) {
      const text = `Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error ${code} with ContextId x`;
      expect((await refusalOf((await setUp({}, { text })).deliver())).reason).toBe(reason);
    }
  });

  test("takes what a flow refuses for its own sake for no fault of the event", async () => {
    const disabled = { error: { code: "WorkflowTriggerIsNotEnabled", message: "trigger is not enabled" } };
    for (const [text, reason] of [
      [JSON.stringify(disabled), "not_found"],
      ["Bad payload received by generic incoming webhook.", "rejected"],
      ['{"error":"x"}', "rejected"],
    ] as const)
      expect((await refusalOf((await setUp({}, { text, status: 400 })).deliver())).reason).toBe(reason);
    await (await setUp({}, { status: 202 })).deliver();
  });

  test("in compat prints metadata as Go does, and headers as they are", async () => {
    const { deliver, server } = await setUp(
      { layout: { message: "<m>" }, headers: { "X-T": "{{ .Reason }}" } },
      { compat: true },
    );
    expect(await deliver()).toEqual({
      summary: "event",
      text: "Event: <m> \nStatus: %!s(<nil>) \nMetadata: %!s(<nil>)",
    });
    expect(server.requests[0]?.head).toContain("X-T: {{ .Reason }}");
    expect(server.requests[0]?.body).toContain("\\u003cm\\u003e");
    const whole = await setUp({}, { compat: true });
    const metadata = { name: "n", labels: { b: "2", a: "1" }, creationTimestamp: null, generation: 3 };
    expect((await whole.deliver({ metadata })).text).toEndWith(
      "Metadata: map[creationTimestamp:%!s(<nil>) generation:%!s(float64=3) labels:map[a:1 b:2] name:n]",
    );
  });
});
