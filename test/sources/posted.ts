/** Events as people post them. */
import type { HttpSourceConfig } from "../../src/config/types.ts";

export const HTTP: HttpSourceConfig = { address: "127.0.0.1:0", maxBody: 64 * 1024, dedupWindowMs: 600_000 };

/** As core/v1 has it; the id of the n-th is `u-n.n`. */
export function core(n: number, changes: object = {}): Record<string, unknown> {
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: `web-${n}.1`, namespace: "shop", uid: `u-${n}`, resourceVersion: `${n}` },
    involvedObject: { kind: "Pod", namespace: "shop", name: `web-${n}`, uid: `p-${n}` },
    reason: "BackOff",
    message: `message ${n}`,
    type: "Warning",
    count: 1,
    firstTimestamp: "2026-11-20T10:00:00Z",
    lastTimestamp: "2026-11-20T10:00:00Z",
    ...changes,
  };
}

/** The same event in the shape of events.k8s.io/v1. */
export function newer(n: number): Record<string, unknown> {
  return {
    apiVersion: "events.k8s.io/v1",
    kind: "Event",
    metadata: { name: `web-${n}.1`, namespace: "shop", uid: `u-${n}`, resourceVersion: `${n}` },
    regarding: { kind: "Pod", namespace: "shop", name: `web-${n}`, uid: `p-${n}` },
    reason: "BackOff",
    note: `message ${n}`,
    type: "Warning",
    eventTime: "2026-11-20T10:00:00.000000Z",
    reportingController: "kubelet",
  };
}

export function cloudEvent(n: number, changes: object = {}): Record<string, unknown> {
  return {
    specversion: "1.0",
    id: `c-${n}`,
    source: "/clusters/edge",
    type: "Kubernetes.Events.Raw",
    datacontenttype: "application/json",
    data: core(n),
    ...changes,
  };
}
