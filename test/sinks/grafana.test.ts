import { describe, expect, test } from "bun:test";
import grafana from "../../sinks/grafana.ts";
import { fields } from "../../src/config/fields.ts";
import type { Event } from "../../src/event.ts";
import { createSinkContext } from "../../src/pipeline/context.ts";
import { anEvent, compileSimple, recordingLogger } from "../contract.ts";

async function annotation(settings: object, change: Partial<Event> = {}) {
  const options = {
    receiver: "g",
    logger: recordingLogger().logger,
    compat: false,
    compileTemplate: compileSimple,
    env: {},
  };
  const config = grafana.config(fields).parse({ url: "http://g", title: "{{ .Reason }}", tags: [], ...settings });
  const sink = await grafana.create(config, createSinkContext(options));
  return JSON.parse(sink.render([anEvent(change)]).body);
}

describe("grafana", () => {
  test("sends Graphite's format, with tags that Graphite leaves whole", async () => {
    expect(await annotation({ format: "graphite", tags: "a b:c" })).toEqual({
      ...{ what: "BackOff", tags: ["a_b_c"], when: 1795211118 },
      data: "Back-off <restarting> failed container",
    });
  });

  test("keeps tags within what Grafana takes, and marks a dashboard's panel", async () => {
    const tags = Array.from({ length: 30 }, (_, index) => `${index} {{ .Message }}`);
    const got = await annotation({ tags, dashboardUID: "d", panelId: 3, title: "" }, { message: '"'.repeat(300) });
    expect(JSON.stringify(got.tags).length).toBeLessThanOrEqual(500);
    expect(got.tags.length).toBeGreaterThan(1);
    expect([got.dashboardUID, got.panelId, got.time, got.timeEnd]).toEqual(["d", 3, 1795211118000, undefined]);
    expect(got.text).toBe('"'.repeat(300));
  });
});
