/** Events to try templates on: each is what some writer really sends, and lacks what others have. */
import type { Event } from "../event.ts";
import { normalise } from "../normalise.ts";

export interface Sample {
  /** What it is, for a finding: `an old-style event`. */
  readonly name: string;
  readonly event: Event;
}

const UID = "5f0c1d0e-8a67-4a3c-9a53-2f1b7c1e9d01";

/** core/v1 as kubelet and controllers write it: counted, with whole-second times; the object was looked up. */
const COUNTED = {
  apiVersion: "v1",
  kind: "Event",
  metadata: {
    name: "web-7d4b9c6f5-x2x9k.17aa",
    namespace: "shop",
    uid: UID,
    resourceVersion: "101",
    creationTimestamp: "2026-11-20T21:44:18Z",
  },
  type: "Warning",
  reason: "BackOff",
  message: "Back-off restarting failed container web in pod web-7d4b9c6f5-x2x9k",
  count: 7,
  firstTimestamp: "2026-11-20T21:44:18Z",
  lastTimestamp: "2026-11-20T21:51:02Z",
  source: { component: "kubelet", host: "node-1" },
  reportingComponent: "kubelet",
  reportingInstance: "node-1",
  involvedObject: {
    apiVersion: "v1",
    kind: "Pod",
    namespace: "shop",
    name: "web-7d4b9c6f5-x2x9k",
    uid: UID,
    resourceVersion: "55",
    fieldPath: "spec.containers{web}",
    labels: { app: "web", "app.kubernetes.io/name": "web" },
    annotations: { "example.com/team": "shop" },
    ownerReferences: [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: "web-7d4b9c6f5", uid: UID, controller: true }],
  },
};

/** events.k8s.io/v1 as the scheduler writes it: no count, no source, no old times; a series and a related object. */
const SERIES = {
  apiVersion: "events.k8s.io/v1",
  kind: "Event",
  metadata: { name: "web.17ab", namespace: "default", uid: UID, resourceVersion: "102", creationTimestamp: null },
  type: "Normal",
  reason: "Scheduled",
  note: "Successfully assigned default/web to node-1",
  action: "Binding",
  eventTime: "2026-11-20T21:46:34.727123Z",
  series: { count: 3, lastObservedTime: "2026-11-20T21:49:00.000000Z" },
  deprecatedFirstTimestamp: null,
  deprecatedLastTimestamp: null,
  reportingController: "default-scheduler",
  reportingInstance: "sched-1",
  regarding: { apiVersion: "v1", kind: "Pod", namespace: "default", name: "web" },
  related: { apiVersion: "v1", kind: "Node", name: "node-1" },
};

/** As somebody writes it by hand: next to nothing, about an object without a namespace. */
const BARE = {
  apiVersion: "v1",
  kind: "Event",
  metadata: { name: "by-hand", namespace: "default" },
  involvedObject: { kind: "Node", name: "node-1" },
};

/** Made anew, because few commands need them. */
export function sampleEvents(): readonly Sample[] {
  return [
    { name: "an old-style event, with a count", event: normalise(COUNTED) },
    { name: "a new-style event, with a series and no count", event: normalise(SERIES) },
    { name: "an event without times, about an object of which no labels or owners are known", event: normalise(BARE) },
  ];
}
