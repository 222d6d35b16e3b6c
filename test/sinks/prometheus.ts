/** Petrel's own metrics; test/e2e/prometheus.test.ts has the real server, which reads them. */

import { createMetrics } from "../../src/metrics.ts";
import type { Fixture } from "../contract.ts";
import { IN_MEMORY } from "./about.ts";

export default {
  async open() {
    const metrics = createMetrics();
    /** A series as often as it has counted. */
    const counted = () =>
      [
        ...metrics.expose("prometheus").matchAll(/^kubernetes_events_total\{receiver="contract",(.*)\} (\d+)$/gm),
      ].flatMap(([, labels = "", value]) => new Array<string>(Number(value)).fill(labels));
    return {
      config: { labels: { type: "{{ .Type }}", reason: "{{ .Reason }}" } },
      metrics,
      behave: async () => {},
      received: async () => counted(),
      async [Symbol.asyncDispose]() {},
    };
  },
  golden: 'type="Warning",reason="BackOff"',
  json: (text) => {
    const labels = /^type="((?:[^"\\]|\\.)*)",reason="((?:[^"\\]|\\.)*)"$/.exec(text);
    if (!labels) return text;
    const [type, reason] = labels.slice(1).map((value) => JSON.parse(`"${value}"`));
    return JSON.stringify({ metric: "kubernetes_events_total", labels: { type, reason } });
  },
  about: {
    auth: "None of its own: who may read Petrel's metrics may read these.",
    permissions: "None.",
    limits: "`maxSeries` series",
    order: "none: it counts",
    id: "none: a counter holds no ids; Petrel drops repeats before",
    retries: "none: memory takes everything",
    tested: [{ component: "prometheus", server: "Prometheus", version: "2.42.0" }],
  },
  templates: { labels: { value: { named: "T-{{ .Reason }}-T" }, gives: "T-BackOff-T" } },
  gone: "internal",
  skip: { ...IN_MEMORY, "more events than a delivery takes": "a counter cannot tell one event from another" },
} satisfies Fixture;
