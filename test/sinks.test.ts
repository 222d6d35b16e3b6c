/** The contract: what every sink keeps, whatever it talks to. A clause that does not apply is in the fixture's `skip`. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import type { z } from "zod";
import { loadSinks, SINK_NAMES } from "../sinks/index.ts";
import { fields } from "../src/config/fields.ts";
import { REASONS } from "../src/errors.ts";
import type { Event } from "../src/event.ts";
import type { Metrics } from "../src/metrics.ts";
import { createSinkContext } from "../src/pipeline/context.ts";
import type { Batch, Sink, SinkDefinition } from "../src/sink.ts";
import {
  anEvent,
  CLAUSES,
  type Clause,
  compileSimple,
  type Destination,
  type Fixture,
  HOSTILE,
  MARK,
  recordingLogger,
  refusalOf,
} from "./contract.ts";

const sinks = await loadSinks();
const SINKS = `${import.meta.dir}/../sinks`;
const fileName = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
const sourceFiles = readdirSync(SINKS).filter((name) => name.endsWith(".ts") && name !== "index.ts");

describe("the registry", () => {
  test("holds every file of sinks/, under its own name, in alphabetical order", () => {
    expect(sinks.map(({ name }) => `${fileName(name)}.ts`)).toEqual(sourceFiles.sort());
    expect(sinks.map(({ name }) => name)).toEqual([...SINK_NAMES]);
  });

  test("loads what is asked for, and knows nothing of other names", async () => {
    const some = await loadSinks(["webhook", "file", "nobody", "file"]);
    expect(some.map(({ name }) => name)).toEqual(["file", "webhook"]);
  });

  test("holds files of at most 150 lines, 80 in the median", () => {
    const lines = sourceFiles.map((name) => readFileSync(`${SINKS}/${name}`, "utf8").split("\n").length - 1);
    expect(Math.max(...lines)).toBeLessThanOrEqual(150);
    expect(lines.sort((a, b) => a - b)[lines.length >> 1]).toBeLessThanOrEqual(80);
  });
});

/** Every field with its path, also those of objects in objects. */
function everyField(schema: z.ZodType, path: string): [string, z.ZodType][] {
  const inner = "unwrap" in schema && typeof schema.unwrap === "function" ? (schema.unwrap() as z.ZodType) : schema;
  if (inner !== schema) return everyField(inner, path);
  const shape = "shape" in schema ? (schema.shape as Record<string, z.ZodType>) : {};
  return Object.entries(shape).flatMap(([key, field]) => [
    [`${path}.${key}`, field] as [string, z.ZodType],
    ...everyField(field, `${path}.${key}`),
  ]);
}

/** What the field stands for, said by itself or by what it wraps. */
function kindOf(field: z.ZodType): unknown {
  const own = field.meta()?.kind;
  if (own !== undefined || !("unwrap" in field) || typeof field.unwrap !== "function") return own;
  return kindOf(field.unwrap() as z.ZodType);
}

function make(definition: SinkDefinition, config: unknown, metrics?: Metrics): { sink: Promise<Sink>; logs: string[] } {
  const { logger, lines } = recordingLogger();
  const context = createSinkContext({
    receiver: "contract",
    logger,
    compat: false,
    compileTemplate: compileSimple,
    env: {},
    metrics,
  });
  const parsed = definition.config(fields).parse(config);
  return { sink: Promise.try(() => definition.create(parsed, context)), logs: lines };
}

const dispose = async (sink: Sink) => sink[Symbol.asyncDispose]?.();
const soon = (ms = 2_000) => AbortSignal.timeout(ms);
const numbered = (index: number): Event => anEvent({ id: `uid.${index}`, message: `event ${index}` });

interface Subject {
  readonly definition: SinkDefinition;
  readonly fixture: Fixture;
  readonly to: Destination;
  readonly config: unknown;
  readonly sink: Sink;
  readonly json: (text: string) => string;
}

const clauses: Readonly<Record<Clause, (subject: Subject) => Promise<void>>> = {
  async golden({ sink, to, fixture }) {
    await sink.deliver([anEvent()], soon());
    const [text] = await to.received(1);
    expect(text).toBe(fixture.golden);
  },

  async render({ sink, to, json }) {
    const { body } = sink.render([anEvent()]);
    await sink.deliver([anEvent()], soon());
    const [text = ""] = await to.received(1);
    expect(json(text)).toBe(json(body));
  },

  async "full batch in order"({ definition, config, sink, to, json }) {
    const parsed = definition.config(fields).parse(config);
    const { count } = definition.limits?.(parsed) ?? definition.batch;
    const events = Array.from({ length: Math.max(3, count) }, (_, index) => numbered(index));
    for (let at = 0; at < events.length; at += count) {
      await sink.deliver(events.slice(at, at + count) as unknown as Batch, soon());
    }
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

  async gone({ sink, to, fixture }) {
    await to.behave("gone");
    const { reason } = await refusalOf(sink.deliver([anEvent()], soon()));
    expect(reason).toBe(fixture.gone);
  },

  async hang({ sink, to, definition, config }) {
    await to.behave("hang");
    const { count } = definition.limits?.(definition.config(fields).parse(config) as never) ?? definition.batch;
    // More than what pipes and sockets hold on the way.
    const large = anEvent({ message: "x".repeat(count === 1 ? 10 : 200_000) });
    const started = performance.now();
    const { reason } = await refusalOf(sink.deliver([large], soon(30)));
    expect(reason).toBe("timeout");
    expect(performance.now() - started).toBeLessThan(500);
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
    setTimeout(() => stop.abort(), 10);
    expect((await refusalOf(work)).reason).toBe("timeout");
    await to.behave("accept");
  },

  async statuses({ sink, to }) {
    const rows = [
      [400, "rejected"],
      [401, "unauthorized"],
      [403, "unauthorized"],
      [404, "not_found"],
      [413, "too_large"],
      [429, "throttled"],
      [500, "unavailable"],
      [503, "unavailable"],
    ] as const;
    for (const [status, reason] of rows) {
      await to.behave({ status, headers: { "Retry-After": "3" } });
      const error = await refusalOf(sink.deliver([anEvent()], soon()));
      expect([status, error.reason as string, error.retryAfterMs]).toEqual([status, reason, 3_000]);
    }
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
      const { sink, logs } = make(definition, { ...to.config, ...secrets });
      const marked = await sink;
      const echo = { status: 401, body: `you said ${MARK}-header, ${MARK}-key, ${MARK}` };
      for (const how of [echo, "hang", "gone"] as const) {
        await to.behave(how);
        const error = await refusalOf(marked.deliver([anEvent()], soon(50)));
        seen.push(error.reason, Bun.inspect(error), String(error.stack), JSON.stringify(error));
      }
      await dispose(marked);
      seen.push(...logs);
    }
    expect(seen).toContain("unauthorized");
    expect(seen.join("\n")).not.toContain(MARK);
  },

  async "check sends nothing"({ sink, to, fixture }) {
    await sink.check?.(soon());
    expect(await to.received(0)).toHaveLength(0);
    await to.behave("gone");
    await dispose(sink);
    if (!fixture.checkIsBlind) await refusalOf(sink.check?.(soon()) ?? Promise.resolve());
  },

  async "open and dispose"({ definition, config, sink, to }) {
    await sink.deliver([numbered(1)], soon());
    await to.received(1);
    await dispose(sink);
    await dispose(sink);
    const again = await make(definition, config, to.metrics).sink;
    await again.deliver([numbered(2)], soon());
    expect((await to.received(1)).length).toBeGreaterThan(0);
    await dispose(again);
  },
};

for (const definition of sinks) {
  const { default: fixture }: { default: Fixture } = await import(`./sinks/${fileName(definition.name)}.ts`);
  describe(definition.name, () => {
    test("is described: a sentence for itself and for each field", () => {
      expect(definition.summary).toMatch(/^[A-Z].*[^.]\.$/);
      const described = everyField(definition.config(fields), definition.name);
      for (const [path, field] of described) expect(`${path}: ${field.description}`).toMatch(/: [A-Z`].*\.$/s);
    });

    test("takes its own example and no unknown key", () => {
      const schema = definition.config(fields);
      expect(schema.safeParse(definition.example).success).toBe(true);
      const { error } = schema.safeParse({ ...definition.example, notAKey: 1 });
      expect(error?.issues.map((issue) => issue.code === "unrecognized_keys" && issue.keys)).toEqual([["notAKey"]]);
    });

    test("has a marked secret for every field that may hold one", () => {
      const marked = JSON.stringify(fixture.secrets ?? []);
      for (const [path, field] of everyField(definition.config(fields), definition.name)) {
        const kind = kindOf(field);
        if (kind === "secret" || kind === "url") expect(marked).toContain(`"${path.split(".").at(-1)}":`);
      }
    });

    test("says how it proves who it is, by every setting that holds a secret", () => {
      for (const [path, field] of everyField(definition.config(fields), definition.name)) {
        const name = path.split(".").at(-1) ?? "";
        if (kindOf(field) === "secret" && name !== "proxy") expect(fixture.about.auth).toContain(`\`${name}\``);
      }
    });

    test("says what the event's id is good for, or why it carries none, and what it was tried against", () => {
      expect(fixture.about.id.startsWith("none: ")).toBe(!definition.carriesId);
      expect(fixture.about.tested.length).toBeGreaterThan(0);
      const { permissions, ...short } = fixture.about;
      for (const text of Object.values(short)) expect(String(text)).not.toMatch(/[\n|]/);
      expect(permissions).toMatch(/^[A-Z]/);
    });

    const reasons: Fixture["skip"] = definition.carriesId
      ? fixture.skip
      : { ...fixture.skip, "idempotent id": fixture.about.id };
    const skipped = Map.groupBy(Object.entries(reasons), ([, reason]) => reason);
    for (const [reason, entries] of skipped) {
      test.skip(`${definition.name}: ${entries.map(([clause]) => clause).join(", ")} (${reason})`, () => {});
    }

    for (const clause of CLAUSES) {
      if (reasons[clause] !== undefined) continue;
      test(clause, async () => {
        await using to = await fixture.open();
        const sink = await make(definition, to.config, to.metrics).sink;
        const json = fixture.json ?? ((text) => text);
        await clauses[clause]({ definition, fixture, to, config: to.config, sink, json });
        await dispose(sink);
      });
    }
  });
}
