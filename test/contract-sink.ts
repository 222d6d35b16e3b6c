/** The clauses of the contract that a sink keeps by itself. */
import { expect } from "bun:test";
import { REASONS } from "../src/errors.ts";
import type { SINK_CLAUSES } from "./clauses.ts";
import { anEvent, HOSTILE, MARK, refusalOf } from "./contract.ts";
import { openProxy } from "./contract-proxy.ts";
import {
  batchOf,
  type Clauses,
  dispose,
  limitsOf,
  makeSink,
  numbered,
  type Subject,
  soon,
} from "./contract-subject.ts";
import { templatesInAllTexts } from "./contract-templates.ts";

/** What an abort may take to be heeded. */
const HEEDED_MS = 100;

/** It fails, in a way that is tried again, and works when the destination does. */
async function passingTrouble({ sink, to }: Subject): Promise<string> {
  const { reason } = await refusalOf(sink.deliver([anEvent()], soon()));
  expect([reason, REASONS[reason]]).toEqual([reason, "retry"]);
  const before = (await to.received(0)).length;
  await to.behave("accept");
  await sink.deliver([anEvent()], soon());
  expect((await to.received(before + 1)).length).toBe(before + 1);
  return reason;
}

const STATUSES = [
  [400, "rejected"],
  [401, "unauthorized"],
  [403, "unauthorized"],
  [404, "not_found"],
  [409, "rejected"],
  [413, "too_large"],
  [429, "throttled"],
  [500, "unavailable"],
  [503, "unavailable"],
] as const;

export const sinkClauses: Clauses<(typeof SINK_CLAUSES)[number]> = {
  async golden({ sink, to, fixture, logs }) {
    const before = logs.length;
    await sink.deliver([anEvent()], soon());
    const texts = await to.received(1);
    expect(texts).toEqual([fixture.golden]);
    // Of what went well the runtime tells, in numbers.
    expect(logs.slice(before)).toEqual([]);
  },

  async render({ sink, to, json }) {
    const { body } = sink.render([anEvent()]);
    await sink.deliver([anEvent()], soon());
    const [text = ""] = await to.received(1);
    expect(json(text)).toBe(json(body));
  },

  async "full batch in order"(subject) {
    const { sink, to, json } = subject;
    const { count } = limitsOf(subject);
    const events = Array.from({ length: Math.max(3, count) }, (_, index) => numbered(index));
    for (let at = 0; at < events.length; at += count) await sink.deliver(batchOf(events.slice(at, at + count)), soon());
    const texts = await to.received(events.length);
    expect(texts).toHaveLength(events.length);
    const messages = texts.map((text) => JSON.parse(json(text)).message);
    if (messages[0] !== undefined) expect(messages).toEqual(events.map((event) => event.message));
  },

  async "hostile events"({ sink, to, json }) {
    let taken = 0;
    for (const event of HOSTILE) {
      try {
        await sink.deliver([event], soon());
        taken++;
      } catch (error) {
        const { reason } = await refusalOf(Promise.reject(error));
        expect(REASONS[reason]).toBe("event");
      }
    }
    const texts = await to.received(taken);
    expect(texts).toHaveLength(taken);
    for (const text of texts) expect(JSON.parse(json(text))).toBeObject();
    expect(taken).toBeGreaterThanOrEqual(HOSTILE.length - 1);
  },

  async "idempotent id"({ sink, to }) {
    await sink.deliver([numbered(1)], soon());
    await sink.deliver([numbered(1)], soon());
    await sink.deliver([numbered(2)], soon());
    await to.received(3);
    expect(to.ids?.()).toEqual(["uid.1", "uid.1", "uid.2"]);
  },

  async gone({ sink, to, fixture, definition, config }) {
    await to.behave("gone");
    expect((await refusalOf(sink.deliver([anEvent()], soon()))).reason).toBe(fixture.gone);
    // One that is made while nobody is there is as good: no start fails for it.
    const late = await makeSink(definition, config, to.metrics).sink;
    expect((await refusalOf(late.deliver([anEvent()], soon()))).reason).toBe(fixture.gone);
    await dispose(late);
  },

  async reset(subject) {
    // Both: a connection that was good before, and one that is made anew.
    for (let time = 0; time < 2; time++) {
      await subject.to.behave("reset");
      expect(await passingTrouble(subject)).toBe("network");
    }
  },

  async "lost answer"({ sink, to, definition, fixture }) {
    await sink.deliver([numbered(0)], soon());
    await to.received(1);
    await to.behave("lost");
    const { reason } = await refusalOf(sink.deliver([numbered(1)], soon()));
    expect(reason).toBe("network");
    await to.behave("accept");
    await sink.deliver([numbered(1)], soon());
    await to.received(3);
    // What was taken comes again, and can be told by its id.
    if (definition.carriesId && fixture.skip["idempotent id"] === undefined)
      expect([...new Set(to.ids?.())]).toEqual(["uid.0", "uid.1"]);
  },

  async hang(subject) {
    const { sink, to } = subject;
    await to.behave("hang");
    // More than what pipes and sockets hold on the way.
    const large = anEvent({ message: "x".repeat(limitsOf(subject).count === 1 ? 10 : 200_000) });
    const signal = soon(30);
    let aborted = 0;
    signal.addEventListener("abort", () => {
      aborted = performance.now();
    });
    const { reason } = await refusalOf(sink.deliver([large], signal));
    expect(reason).toBe("timeout");
    expect(performance.now() - aborted).toBeLessThan(HEEDED_MS);
  },

  async "slow answer"({ sink, to }) {
    await to.behave("slow");
    await sink.deliver([numbered(1)], soon(5_000));
    await sink.deliver([numbered(2)], soon(5_000));
    expect(await to.received(2)).toHaveLength(2);
  },

  async garbage(subject) {
    await subject.to.behave("garbage");
    await passingTrouble(subject);
  },

  async "aborted before"({ sink, to }) {
    const { reason } = await refusalOf(sink.deliver([anEvent()], AbortSignal.abort()));
    expect(reason).toBe("timeout");
    expect(await to.received(0)).toHaveLength(0);
  },

  async "aborted during"({ sink, to }) {
    await to.behave("hang");
    const stop = new AbortController();
    const work = sink.deliver([anEvent({ message: "x".repeat(200_000) })], stop.signal);
    let aborted = 0;
    setTimeout(() => {
      aborted = performance.now();
      stop.abort();
    }, 10);
    expect((await refusalOf(work)).reason).toBe("timeout");
    expect(performance.now() - aborted).toBeLessThan(HEEDED_MS);
    await to.behave("accept");
  },

  async statuses({ sink, to }) {
    const date = new Date(Date.now() + 60_000).toUTCString();
    for (const [status, reason] of STATUSES) {
      await to.behave({ status, headers: { "Retry-After": "3" } });
      const error = await refusalOf(sink.deliver([anEvent()], soon()));
      expect([status, error.reason as string, error.retryAfterMs]).toEqual([status, reason, 3_000]);
    }
    await to.behave({ status: 503, headers: { "Retry-After": date } });
    const { retryAfterMs } = await refusalOf(sink.deliver([anEvent()], soon()));
    expect(retryAfterMs).toBeWithin(55_000, 60_001);
    await to.behave("accept");
    await sink.deliver([anEvent()], soon());
    expect(await to.received(1)).toHaveLength(1);
  },

  async "no secret shown"({ definition, fixture }) {
    const seen: string[] = [];
    for (const settings of fixture.secrets ?? []) {
      await using to = await fixture.open();
      const port = /:(\d+)/.exec(JSON.stringify(to.config))?.[1] ?? "";
      const secrets = JSON.parse(JSON.stringify(settings).replaceAll("PORT", port));
      const { sink, logs } = makeSink(definition, { ...to.config, ...secrets });
      const marked = await sink;
      const echo = { status: 401, body: `you said ${MARK}-header, ${MARK}-key, ${MARK}` };
      for (const how of [echo, "hang", "gone"] as const) {
        await to.behave(how);
        const patience = how === "hang" ? 25 : 2_000;
        const error = await refusalOf(marked.deliver([anEvent()], soon(patience)));
        seen.push(error.reason, Bun.inspect(error), String(error.stack), JSON.stringify(error));
        const checked = await (marked.check?.(soon(patience)) ?? Promise.resolve()).catch((failed: unknown) => failed);
        seen.push(Bun.inspect(checked), String(checked));
      }
      await dispose(marked);
      seen.push(...logs);
    }
    expect(seen).toContain("unauthorized");
    expect(
      seen
        .join("\n")
        .split("\n")
        .filter((line) => line.includes(MARK)),
    ).toEqual([]);
  },

  async "check sends nothing"({ sink, to, fixture }) {
    await sink.check?.(soon());
    expect(await to.received(0)).toHaveLength(0);
    await to.behave("gone");
    await dispose(sink);
    if (!fixture.checkIsBlind) await refusalOf(sink.check?.(soon()) ?? Promise.resolve());
  },

  async "check tells credentials from address"({ definition, fixture, to }) {
    const [credentials = {}] = fixture.secrets ?? [];
    const port = /:(\d+)/.exec(JSON.stringify(to.config))?.[1] ?? "";
    const settings = JSON.parse(JSON.stringify(credentials).replaceAll("PORT", port));
    const sink = await makeSink(definition, { ...to.config, ...settings }).sink;
    const ask = async () => {
      try {
        return { remark: await sink.check?.(soon()) };
      } catch (error) {
        return { refused: (await refusalOf(Promise.reject(error))).reason };
      }
    };
    await to.behave({ status: 401, body: "who are you" });
    const denied = await ask();
    // Where nothing but an event would show it, it says so.
    if (denied.refused !== "unauthorized") expect(denied).toEqual({ remark: expect.stringContaining("not checked") });
    await to.behave("gone");
    expect(await ask()).toEqual({ refused: fixture.gone });
    await dispose(sink);
  },

  async "open and dispose"({ definition, config, sink, to }) {
    await sink.deliver([numbered(1)], soon());
    await to.received(1);
    await dispose(sink);
    await dispose(sink);
    const again = await makeSink(definition, config, to.metrics).sink;
    await again.deliver([numbered(2)], soon());
    expect((await to.received(1)).length).toBeGreaterThan(0);
    await dispose(again);
    await dispose(await makeSink(definition, config, to.metrics).sink);
  },

  "templates in all texts": templatesInAllTexts,

  async proxy({ definition, to, config }) {
    await using proxy = await openProxy();
    const sink = await makeSink(definition, { ...config, proxy: `http://me:word@127.0.0.1:${proxy.port}` }).sink;
    await sink.deliver([numbered(1)], soon());
    expect(await to.received(1)).toHaveLength(1);
    expect(proxy.asked().length).toBeGreaterThan(0);
    for (const { authorization } of proxy.asked()) expect(authorization).toBe(`Basic ${btoa("me:word")}`);
    await dispose(sink);
  },
};
