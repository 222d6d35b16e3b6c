/** Another config while events come: nothing lost, nothing twice, and each receiver where it was. */
import { afterEach, expect, test } from "bun:test";
import type { Config, ReceiverConfig } from "../src/config/types.ts";
import { DeliveryError } from "../src/errors.ts";
import type { SinkContext } from "../src/sink.ts";
import {
  aConfig,
  anEventInput,
  aReceiver,
  type Deliver,
  eventually,
  memorySink,
  type Running,
  startTestPetrel,
} from "./harness.ts";

const AT = { line: 1, column: 1 };
const running: Running[] = [];
afterEach(async () => {
  for (const one of running.splice(0)) await one[Symbol.asyncDispose]();
});

/** Receivers are of sinks of their own names; `dead` refuses while `down` is true. */
async function aPetrel(...names: readonly string[]) {
  const got: Record<string, string[]> = {};
  const switches = { down: true };
  const created: Record<string, number> = {};
  /** How often it was made, as the store that it is lent says. */
  const remembered: Record<string, string | undefined> = {};
  const deliver =
    (name: string): Deliver =>
    (batch) => {
      if (name.startsWith("dead") && switches.down) throw new DeliveryError("unavailable", "down");
      got[name] = [...(got[name] ?? []), ...batch.map(({ reason }) => reason)];
    };
  const definitions = ["a", "b", "c", "dead"].map((name) => {
    const { definition } = memorySink(deliver(name), { name });
    return {
      ...definition,
      create: (config: never, context: SinkContext) => {
        created[name] = (created[name] ?? 0) + 1;
        context.store.set("times", String(Number(context.store.get("times") ?? "0") + 1));
        remembered[name] = context.store.get("times");
        return definition.create(config, context);
      },
    };
  });
  const configOf = (receivers: readonly ReceiverConfig[], changes: Partial<Config> = {}) =>
    aConfig({
      receivers,
      route: { drop: [], match: receivers.map(({ name }) => ({ receiver: name, at: AT })), routes: [], at: AT },
      shutdownTimeoutMs: 100,
      ...changes,
    });
  const one = await startTestPetrel({
    sinks: definitions,
    config: configOf(names.map((name) => aReceiver(name, { sink: name }))),
  });
  running.push(one);
  await eventually("the watch", () => one.petrel.unready() === undefined);
  let serial = 0;
  return {
    ...one,
    got,
    created,
    remembered,
    switches,
    put: (count: number) =>
      Array.from({ length: count }, () => one.server.put(anEventInput({ reason: `r${++serial}` })).event.reason ?? ""),
    async replace(receivers: readonly ReceiverConfig[], changes: Partial<Config> = {}) {
      await one.petrel.replace({
        config: configOf(receivers, changes),
        sinks: new Map(definitions.map((definition) => [definition.name, definition])),
        compileTemplate: (text) => () => text,
      });
    },
  };
}

test("kept, changed, added and removed receivers, each as it should", async () => {
  const { put, got, created, remembered, replace, petrel } = await aPetrel("a", "b", "dead");
  const before = put(5);
  await eventually("the first", () => got.a?.length === 5 && got.b?.length === 5);
  await replace([
    aReceiver("a", { sink: "a" }),
    aReceiver("b", { sink: "b", timeoutMs: 500 }),
    aReceiver("c", { sink: "c" }),
  ]);
  const after = put(5);
  await eventually("the rest", () => got.a?.length === 10 && got.b?.length === 10 && got.c?.length === 5);
  expect([got.a, got.b, got.c]).toEqual([[...before, ...after], [...before, ...after], after]);
  // Connections of what has not changed stay; the place of what has changed does.
  expect(created).toEqual({ a: 1, b: 2, c: 1, dead: 1 });
  // So does what it remembers.
  expect(remembered).toEqual({ a: "1", b: "2", c: "1", dead: "1" });
  // What the removed one did not deliver in its time is kept for somebody to look at.
  await eventually("the dead letters", () => petrel.status().deadLetters.count === 5);
  expect(petrel.deadLetters.letters.list({ limit: 10 }).map(({ receiver, reason }) => [receiver, reason])).toEqual(
    Array.from({ length: 5 }, () => ["dead", "removed"]),
  );
  expect(petrel.status().receivers.map(({ name, backlog }) => [name, backlog])).toEqual([
    ["a", 0],
    ["b", 0],
    ["c", 0],
  ]);
});

test("what waits is routed anew, and goes by the new settings", async () => {
  const { put, got, replace, switches } = await aPetrel("dead");
  const before = put(5);
  await eventually("a failure", () => got.dead === undefined);
  switches.down = false;
  const odd = { not: { reason: "r[135]$" } };
  await replace([aReceiver("dead", { sink: "dead", timeoutMs: 700 })], {
    route: { drop: [{ ...odd, at: AT }], match: [{ receiver: "dead", at: AT }], routes: [], at: AT },
  });
  await eventually("what is left", () => got.dead?.length === 3);
  expect(got.dead).toEqual(before.filter((reason) => /[135]$/.test(reason)));
});

test("a receiver that cannot be made: nothing changes", async () => {
  const { put, got, created, replace } = await aPetrel("a");
  await expect(
    replace([aReceiver("a", { sink: "a", timeoutMs: 300 }), aReceiver("x", { sink: "nowhere" })]),
  ).rejects.toThrow(/no sink is called nowhere/);
  const after = put(3);
  await eventually("them", () => got.a?.length === 3);
  expect(got.a).toEqual(after);
  expect(created.a).toBe(2);
});

test("every few milliseconds, under load: nothing lost, nothing twice, in order", async () => {
  const { put, got, replace } = await aPetrel("a", "b");
  const sent: string[] = [];
  for (let round = 0; round < 40; round++) {
    sent.push(...put(5));
    const changing = { sink: "a", timeoutMs: 300 + (round % 3) };
    await replace([aReceiver("a", changing), aReceiver("b", { sink: "b" })], {
      buffer: { events: round % 2 === 0 ? 10_000 : 5_000, bytes: 16 * 1024 * 1024 },
      excludeNamespaces: round % 4 === 0 ? ["elsewhere"] : [],
    });
  }
  await eventually("all", () => got.a?.length === sent.length && got.b?.length === sent.length);
  expect(got.a).toEqual(sent);
  expect(got.b).toEqual(sent);
});
