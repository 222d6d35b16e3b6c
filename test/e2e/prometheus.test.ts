/** The prometheus receiver, scraped by a real Prometheus. */
import { beforeAll, expect, test } from "bun:test";
import { component, type Running } from "../testbed/component.ts";
import { command } from "../testbed/place.ts";
import { describeReal } from "../testbed/suite.ts";
import { eventually } from "./eventually.ts";
import { type Flow, flow } from "./flow.ts";

describeReal("prometheus", ["prometheus"], () => {
  let server: Running;
  beforeAll(async () => {
    server = await component("prometheus");
    const response = await fetch(`${server.env.URL}/api/v1/status/buildinfo`);
    console.log(`prometheus ${((await response.json()) as { data: { version: string } }).data.version}`);
  }, 300_000);

  /** Label values (of `by`, joined) to number, of one instance. */
  async function query(expression: string, by: readonly string[]): Promise<Record<string, number>> {
    const response = await fetch(`${server.env.URL}/api/v1/query?${new URLSearchParams({ query: expression })}`);
    const { data } = (await response.json()) as {
      data: { result: { metric: Record<string, string>; value: [number, string] }[] };
    };
    return Object.fromEntries(
      data.result.map(({ metric, value }) => [by.map((label) => metric[label]).join(" "), Number(value[1])]),
    );
  }
  const scrape = (events: Flow) =>
    Bun.write(server.env.TARGETS ?? "", JSON.stringify([{ targets: [events.petrel.address] }]));
  const sees = (expression: string, by: readonly string[], expected: Record<string, number>) =>
    eventually(expression, 20_000, async () => {
      const found = await query(expression, by);
      return Bun.deepEquals(found, expected) ? undefined : JSON.stringify(found).slice(0, 2_000);
    });

  test("a thousand events by type, and by pod in no more series than allowed; promtool has nothing to say", async () => {
    await using events = await flow([
      { name: "types", prometheus: {} },
      {
        name: "pods",
        prometheus: { name: "pods_total", labels: { pod: "{{ .InvolvedObject.Name }}" }, maxSeries: 150 },
      },
      { name: "fork", prometheus: { reasonFilter: { Pod: ["BackOff"] }, maxSeries: 300 } },
    ]);
    await scrape(events);
    events.write(500);
    for (const name of ["types", "pods", "fork"]) await events.delivered(name);
    const of = `{instance="${events.petrel.address}"}`;
    const rows = (each: number) => ({
      "types shop Pod BackOff Normal": each,
      "types shop Pod BackOff Warning": each,
      "types other other other other": 0,
    });
    const labels = ["receiver", "namespace", "kind", "reason", "type"];
    await sees(`kubernetes_events_total${of}`, labels, rows(250));
    events.write(500);
    for (const name of ["types", "pods", "fork"]) await events.delivered(name);
    await sees(`kubernetes_events_total${of}`, labels, rows(500));
    // 200 pods have five events each; 150 of them have a series.
    await sees(`count(pods_total${of})`, [], { "": 151 });
    await sees(`sum(pods_total${of})`, [], { "": 1_000 });
    await sees(`pods_total{instance="${events.petrel.address}",pod="other"}`, ["pod"], { other: 250 });
    await sees(`pods_total{instance="${events.petrel.address}",pod="pod-7"}`, ["pod"], { "pod-7": 5 });
    await sees(`count(event_exporter_pod_event_count${of} == 1)`, [], { "": 200 });
    const { text } = await events.petrel.get("/metrics");
    const own = text.split("\n").filter((line) => /^(# (HELP|TYPE) )?(kubernetes_events|pods)_total/.test(line));
    expect(own.length).toBe(2 * 2 + 3 + 151);
    const promtool = [server.env.PROMTOOL ?? "", "check", "metrics"];
    await command(promtool, {
      env: { LD_LIBRARY_PATH: server.env.LIBRARIES ?? "" },
      input: `${own.join("\n")}\n`,
      deadlineMs: 20_000,
    });
  }, 120_000);

  test("events go on being counted while Prometheus is dead, and it reads on when it is back", async () => {
    await using events = await flow([{ name: "types", prometheus: { labels: { reason: "{{ .Reason }}" } } }]);
    await scrape(events);
    const of = `kubernetes_events_total{instance="${events.petrel.address}",reason="BackOff"}`;
    events.write(500);
    await sees(of, ["reason"], { BackOff: 500 });
    await server.kill("prometheus");
    events.write(250);
    await events.delivered("types");
    await server.start("prometheus");
    events.write(250);
    await sees(of, ["reason"], { BackOff: 1_000 });
  }, 120_000);
});
