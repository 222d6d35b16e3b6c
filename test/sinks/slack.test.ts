import { afterEach, describe, expect, test } from "bun:test";
import slack from "../../sinks/slack.ts";
import { fields } from "../../src/config/fields.ts";
import { parseConfig } from "../../src/config/load.ts";
import type { Event } from "../../src/event.ts";
import { createSinkContext } from "../../src/pipeline/context.ts";
import { createMemoryStore } from "../../src/pipeline/store.ts";
import type { Store } from "../../src/sink.ts";
import { anEvent, compileSimple, recordingLogger, refusalOf } from "../contract.ts";

const servers: Bun.Server<undefined>[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true);
});

type Answer = (method: string, message: Record<string, unknown>) => Response;

async function setUp(settings: object, answer?: Answer, compat = false, store?: Store) {
  const came: { method: string; type: string | null; text: string }[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const method = new URL(request.url).pathname.slice(1);
      const text = await request.text();
      came.push({ method, type: request.headers.get("content-type"), text });
      const message = text.startsWith("{") ? JSON.parse(text) : {};
      return answer?.(method, message) ?? Response.json({ ok: true, channel: "C1", ts: `${came.length}.0` });
    },
  });
  servers.push(server);
  const { logger, lines } = recordingLogger();
  const options = { receiver: "s", logger, compat, compileTemplate: compileSimple, env: {}, store };
  const url = `http://127.0.0.1:${server.port}`;
  const own =
    "hook" in settings ? { url: `${url}/hook` } : { token: "xoxb-1", channel: "#c", apiUrl: url, ...settings };
  const sink = await slack.create(slack.config(fields).parse(own), createSinkContext(options));
  const deliver = (change: Partial<Event> = {}) => sink.deliver([anEvent(change)], AbortSignal.timeout(1_000));
  const messages = () => came.map(({ method, text }) => [method, JSON.parse(text)] as const);
  return { sink, deliver, came, messages, lines };
}

describe("slack", () => {
  test("says what each of Slack's answers means", async () => {
    const rows = [
      ["ratelimited", "throttled"],
      ["internal_error", "unavailable"],
      ["invalid_auth", "unauthorized"],
      ["missing_scope", "unauthorized"],
      ["channel_not_found", "not_found"],
      ["not_in_channel", "not_found"],
      ["is_archived", "not_found"],
      ["msg_too_long", "too_large"],
      ["msg_blocks_too_long", "too_large"],
      ["invalid_blocks", "rejected"],
      ["something_new", "rejected"],
    ] as const;
    for (const [error, reason] of rows) {
      const { deliver } = await setUp({}, () => Response.json({ ok: false, error }));
      const refusal = await refusalOf(deliver());
      expect([error, refusal.reason as string]).toEqual([error, reason]);
      expect(refusal.message).toContain(error);
    }
    const { deliver } = await setUp({}, () => new Response("<html>log in</html>"));
    expect((await refusalOf(deliver())).reason).toBe("unavailable");
  });

  test("posts through an incoming webhook, and understands its words", async () => {
    const rows = [
      ["invalid_payload", 400, "rejected"],
      ["action_prohibited", 403, "unauthorized"],
      ["channel_is_archived", 410, "not_found"],
      ["no_service", 404, "not_found"],
      ["rate_limited", 429, "throttled"],
      ["rollup_error", 500, "throttled"],
    ] as const;
    for (const [text, status, reason] of rows) {
      const { deliver } = await setUp({ hook: true }, () => new Response(text, { status }));
      expect([text, (await refusalOf(deliver())).reason as string]).toEqual([text, reason]);
    }
    const { deliver, messages } = await setUp({ hook: true }, () => new Response("ok"));
    await deliver();
    expect(messages()).toEqual([["hook", { text: "Back-off &lt;restarting&gt; failed container" }]]);
  });

  test("keeps threads by key, marks the complete one and forgets it", async () => {
    const settings = { threadKey: "{{ .Type }}", completionCondition: "{{ .Action }}", message: "m" };
    const { deliver, messages } = await setUp(settings);
    await deliver();
    await deliver();
    await deliver({ action: "done" });
    await deliver({ action: " " });
    const base = { channel: "#c", text: "m" };
    expect(messages()).toEqual([
      ["chat.postMessage", base],
      ["chat.postMessage", { ...base, channel: "C1", thread_ts: "1.0" }],
      ["chat.postMessage", { ...base, channel: "C1", thread_ts: "1.0" }],
      ["reactions.add", { channel: "C1", timestamp: "1.0", name: "white_check_mark" }],
      ["chat.postMessage", base],
    ]);
  });

  test("goes on with the threads that its store holds, and opens one for what it has forgotten", async () => {
    const store = createMemoryStore({ entries: 1, size: 1_000 });
    store.set("Warning", '{"Timestamp":"7.0","ChannelID":"C7"}');
    const { deliver, messages } = await setUp({ threadKey: "{{ .Type }}", message: "m" }, undefined, false, store);
    await deliver();
    await deliver({ type: "Normal" });
    await deliver();
    expect(messages().map(([, message]) => message.thread_ts)).toEqual(["7.0", undefined, undefined]);
    expect(store.get("Warning")).toBe('{"Timestamp":"3.0","ChannelID":"C1"}');
    store.set("Warning", "not JSON");
    await deliver();
    expect(messages().at(-1)?.[1].thread_ts).toBeUndefined();
  });

  test("does not post again because a reaction failed", async () => {
    const settings = { threadKey: "{{ .Type }}", completionCondition: "{{ .Type }}", message: "m" };
    const answer: Answer = (method) =>
      Response.json(
        method === "reactions.add" ? { ok: false, error: "missing_scope" } : { ok: true, channel: "C", ts: "1" },
      );
    const { deliver, came, lines } = await setUp(settings, answer);
    await deliver();
    expect(came.map(({ method }) => method)).toEqual(["chat.postMessage", "reactions.add"]);
    expect(lines.join()).toContain("a thread could not be marked as complete");
  });

  test("renders blocks, and escapes what an event says in them", async () => {
    const blocks = [{ type: "section", text: { type: "mrkdwn", text: "<!here> {{ .Message }}" } }];
    const { deliver, messages } = await setUp({ blocks, username: "{{ .Type }}" });
    await deliver({ message: "<!channel> & co" });
    expect(messages()[0]?.[1]).toEqual({
      ...{ channel: "#c", text: "&lt;!channel&gt; &amp; co", username: "Warning" },
      blocks: [{ type: "section", text: { type: "mrkdwn", text: "<!here> &lt;!channel&gt; &amp; co" } }],
    });
  });

  test("check asks who the token is", async () => {
    const { sink, came } = await setUp({}, () => Response.json({ ok: false, error: "invalid_auth" }));
    expect((await refusalOf(sink.check?.(AbortSignal.timeout(1_000)) ?? Promise.resolve())).reason).toBe(
      "unauthorized",
    );
    expect(came.map(({ method }) => method)).toEqual(["auth.test"]);
  });

  test("in compat sends the exporter's form, everything escaped and an attachment only with fields", async () => {
    const settings = { message: "a <b> & c", title: "t", color: "c" };
    const { deliver, came } = await setUp(settings, undefined, true);
    await deliver();
    expect(came[0]).toEqual({
      ...{ method: "chat.postMessage", type: "application/x-www-form-urlencoded" },
      text: "channel=%23c&text=a+%26lt%3Bb%26gt%3B+%26amp%3B+c&token=xoxb-1",
    });
    const more = await setUp({ ...settings, fields: { z: "1", a: "{{ .Message }}" } }, undefined, true);
    await more.deliver();
    expect(new URLSearchParams(more.came[0]?.text).get("attachments")).toBe(
      '[{"color":"c","author_name":"","title":"t","fields":[{"title":"a","value":"Back-off <restarting> failed container","short":false},{"title":"z","value":"1","short":false}],"blocks":null,"footer":""}]',
    );
  });

  test("takes the keys that people write", () => {
    const yaml = (key: string) =>
      `route: { match: [{ receiver: a }] }\nreceivers:\n  - name: a\n    slack: { ${key}: "https://hooks.slack.com/services/x", text: "{{ .Reason }}" }\n`;
    for (const key of ["webhook", "webhookUrl", "endpoint", "URL"]) {
      const { config, findings } = parseConfig(yaml(key), { file: "c.yaml", env: {} });
      expect(config?.receivers[0]?.config).toMatchObject({
        url: "https://hooks.slack.com/services/x",
        message: "{{ .Reason }}",
      });
      expect(findings.map(({ code }) => code)).toEqual(["alias-key", "alias-key"]);
    }
  });
});
