import { afterEach, describe, expect, test } from "bun:test";
import bigquery from "../../sinks/bigquery.ts";
import { fields } from "../../src/config/fields.ts";
import type { Event } from "../../src/event.ts";
import { createSinkContext } from "../../src/pipeline/context.ts";
import type { Batch } from "../../src/sink.ts";
import { anEvent, compileSimple, recordingLogger, refusalOf, refusalText } from "../contract.ts";
import { bigQueryProject } from "./bigquery.ts";
import { googleError, serviceAccount } from "./google-fake.ts";

const soon = () => AbortSignal.timeout(2_000);
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A sink and a project; `first` may answer in the project's place. */
async function opened(
  first: (request: Request, path: string) => Response | undefined = () => undefined,
  settings: Readonly<Record<string, unknown>> = {},
) {
  const project = bigQueryProject();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const text = await request.text();
      return first(request, new URL(request.url).pathname) ?? project.answer(request, text).answer;
    },
  });
  closing.push(() => server.stop(true));
  const { logger } = recordingLogger();
  const context = createSinkContext({
    ...{ receiver: "it", logger, compat: false, compileTemplate: compileSimple, env: {} },
  });
  const config = bigquery.config(fields).parse({
    ...{ project: "my-project", dataset: "kubernetes", table: "events", endpoint: `http://127.0.0.1:${server.port}` },
    ...{ credentials: JSON.stringify(serviceAccount()), ...settings },
  });
  return { ...project, sink: await bigquery.create(config, context) };
}

const labelled = (id: string, labels: Record<string, string>, change: Partial<Event> = {}) =>
  anEvent({ id, involvedObject: { ...anEvent().involvedObject, labels }, ...change });
const one = (...events: Event[]) => events as unknown as Batch;

describe("bigquery", () => {
  test("makes dataset, table and columns once, and adds the columns that later events need", async () => {
    const { sink, calls, datasets, tables, rows } = await opened(undefined, { location: "EU" });
    await sink.deliver(one(labelled("1", { app: "web" })), soon());
    expect(calls.splice(0)).toEqual([
      "tables.get",
      "tables.insert",
      "datasets.insert",
      "tables.insert",
      "tables.get",
      "tabledata.insertAll",
    ]);
    expect(datasets.get("kubernetes")).toBe("EU");
    await sink.deliver(one(labelled("2", { app: "db" })), soon());
    expect(calls.splice(0)).toEqual(["tabledata.insertAll"]);
    await sink.deliver(one(labelled("3", { "app.kubernetes.io/tier": "x" })), soon());
    expect(calls.splice(0)).toEqual(["tables.patch", "tabledata.insertAll"]);
    expect(JSON.stringify(tables.get("kubernetes.events")?.fields)).toContain(
      '{"name":"app_kubernetes_io_tier","type":"STRING"}',
    );
    expect(rows.map(({ insertId }) => insertId)).toEqual(["1", "2", "3"]);
  });

  test("fits rows to the columns of a table that is there", async () => {
    const { sink, datasets, tables, rows } = await opened(undefined, { layout: { count: 7, reason: "{{ .Reason }}" } });
    datasets.set("kubernetes", "US");
    tables.set("kubernetes.events", { version: 1, fields: [{ name: "Count", type: "STRING" }] });
    await sink.deliver(one(anEvent()), soon());
    expect(rows.map(({ json }) => json)).toEqual([{ Count: "7", reason: "BackOff" }]);
  });

  test("tells the rows that BigQuery refuses from the others, which are stored", async () => {
    const { sink, rows, datasets, tables } = await opened();
    datasets.set("kubernetes", "US");
    tables.set("kubernetes.events", { version: 1, fields: [{ name: "reason", type: "INTEGER" }] });
    const error = await refusalOf(
      sink.deliver(
        one(anEvent({ id: "1", reason: "12" }), anEvent({ id: "2" }), anEvent({ id: "3", reason: "13" })),
        soon(),
      ),
    );
    expect(error.refused).toEqual([{ index: 1, reason: "rejected", message: "invalid (reason): no INTEGER" }]);
    expect(rows.map(({ insertId }) => insertId)).toEqual(["1", "3"]);
  });

  const ROW_ERRORS = [
    ["stopped", "", "unavailable"],
    ["timeout", "", "timeout"],
    ["backendError", "", "unavailable"],
    ["quotaExceeded", "", "quota"],
    ["rateLimitExceeded", "", "throttled"],
    ["invalid", "no such field: labels.x.", "unavailable"],
    ["invalid", "Invalid timestamp", "rejected"],
  ] as const;
  test("knows the reasons of row errors", async () => {
    for (const [reason, message, meaning] of ROW_ERRORS) {
      const { sink } = await opened((_, path) =>
        path.endsWith("insertAll")
          ? Response.json({ insertErrors: [{ index: 0, errors: [{ reason, message, location: "" }] }] })
          : undefined,
      );
      const error = await refusalOf(sink.deliver(one(anEvent(), anEvent({ id: "2" })), soon()));
      expect([reason, error.refused?.map((row) => `${row.index} ${row.reason}`)]).toEqual([reason, [`0 ${meaning}`]]);
    }
  });

  const ERRORS = [
    [403, "PERMISSION_DENIED", "accessDenied", "unauthorized"],
    [403, "PERMISSION_DENIED", "rateLimitExceeded", "throttled"],
    [403, "PERMISSION_DENIED", "quotaExceeded", "quota"],
    [400, "INVALID_ARGUMENT", "invalid", "rejected"],
    [503, "UNAVAILABLE", "backendError", "unavailable"],
  ] as const;
  test("knows the reasons of errors", async () => {
    for (const [status, code, reason, meaning] of ERRORS) {
      const { sink } = await opened(() => googleError(status, code, "no", reason));
      expect(await refusalText(sink.deliver(one(anEvent()), soon()))).toStartWith(
        `${meaning}: table my-project.kubernetes.events: `,
      );
    }
  });

  test("looks again when somebody else has changed the table, and makes one anew that was deleted", async () => {
    const { sink, tables, rows } = await opened();
    await sink.deliver(one(labelled("1", { a: "x" })), soon());
    const table = tables.get("kubernetes.events");
    if (table) table.version = 9;
    expect(await refusalText(sink.deliver(one(labelled("2", { b: "x" })), soon()))).toStartWith("unavailable: ");
    await sink.deliver(one(labelled("2", { b: "x" })), soon());
    expect(rows).toHaveLength(2);
  });

  test("tries again what streaming cannot find yet, although it was made", async () => {
    let late = 2;
    const { sink, rows } = await opened((_, path) =>
      path.endsWith("insertAll") && late-- > 0
        ? googleError(404, "NOT_FOUND", "Not found: Table", "notFound")
        : undefined,
    );
    for (let i = 0; i < 2; i++)
      expect((await refusalOf(sink.deliver(one(anEvent()), soon()))).reason).toBe("unavailable");
    await sink.deliver(one(anEvent()), soon());
    expect(rows).toHaveLength(1);
  });

  test("has the exporter's settings: rows in a request, and how long it waits for them", () => {
    const parse = (more: object) =>
      bigquery
        .config(fields)
        .parse({ project: "p", dataset: "d", table: "t", max_retries: 3, timeout_seconds: 60, ...more });
    const limits = (more: object) => {
      const { count, lingerMs } = bigquery.limits?.(parse(more)) ?? bigquery.batch;
      return [count, lingerMs];
    };
    expect(limits({})).toEqual([1_000, 1_000]);
    expect(limits({ batch_size: 5, interval_seconds: 10 })).toEqual([5, 10_000]);
    expect(limits({ batch_size: 0 })).toEqual([1, 1_000]);
    expect(limits({ batch_size: 100_000 })).toEqual([50_000, 1_000]);
  });

  test("check looks at the table, and takes one that will be made", async () => {
    const { sink, calls } = await opened();
    await sink.check?.(soon());
    expect(calls).toEqual(["tables.get"]);
    const project = await opened(() => googleError(404, "NOT_FOUND", "Not found: Project my-project", "notFound"));
    expect(await refusalText(project.sink.check?.(soon()) ?? Promise.resolve())).toStartWith("not_found: ");
    const denied = await opened(() => googleError(403, "PERMISSION_DENIED", "Access Denied", "accessDenied"));
    expect(await refusalText(denied.sink.check?.(soon()) ?? Promise.resolve())).toStartWith("unauthorized: ");
  });
});
