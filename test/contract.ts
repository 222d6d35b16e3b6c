/** What the tests of sinks share: events, a small template engine, and destinations that misbehave on request. */
import type { Event } from "../src/event.ts";
import type { Fields, Logger } from "../src/logger.ts";

/** `{{ .Reason }}`, `{{ .Message }}` …: top-level fields by the exporter's names; any other throws for every event. */
export function compileSimple(text: string): (event: Event) => string {
  const parts = text.split(/\{\{-?\s*(.*?)\s*-?\}\}/);
  return (event) =>
    parts
      .map((part, index) => {
        if (index % 2 === 0) return part;
        const [, name = ""] = /^\.(\w+)$/.exec(part) ?? [];
        const value = (event as unknown as Record<string, unknown>)[name.charAt(0).toLowerCase() + name.slice(1)];
        if (typeof value !== "string" && typeof value !== "number") throw new Error(`can't evaluate ${part}`);
        return String(value);
      })
      .join("");
}

/** The event of every golden text; `change` is merged over it. */
export function anEvent(change: Partial<Event> = {}): Event {
  return {
    id: "ba30f343-3351.101",
    objectKey: "poduid-1",
    metadata: {
      name: "web-1.17aa",
      namespace: "default",
      uid: "ba30f343-3351",
      resourceVersion: "101",
      creationTimestamp: "2026-11-20T21:44:18Z",
    },
    reason: "BackOff",
    message: "Back-off <restarting> failed container",
    source: { component: "kubelet", host: "node-1" },
    firstTimestamp: "2026-11-20T21:44:18Z",
    lastTimestamp: "2026-11-20T21:45:18Z",
    count: 7,
    type: "Warning",
    eventTime: null,
    action: "",
    reportingComponent: "",
    reportingInstance: "",
    clusterName: "",
    involvedObject: {
      kind: "Pod",
      namespace: "default",
      name: "web-1",
      uid: "poduid-1",
      apiVersion: "v1",
      resourceVersion: "55",
      labels: { app: "web", "app.kubernetes.io/name": "web" },
      deleted: false,
    },
    ...change,
  };
}

/** A logger whose lines can be looked at. */
export function recordingLogger(): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  const at = (level: string, added: Fields) => (message: string, fields?: Fields) => {
    lines.push(`${level} ${message} ${JSON.stringify({ ...added, ...fields })}`);
  };
  const make = (added: Fields): Logger => ({
    debug: at("debug", added),
    info: at("info", added),
    warn: at("warn", added),
    error: at("error", added),
    with: (fields) => make({ ...added, ...fields }),
  });
  return { logger: make({}), lines };
}
