import { describe, expect, test } from "bun:test";
import type { EventInput, Stored } from "../../src/demo/event-store.ts";
import { createRecorder, type Occurrence, seeded } from "../../src/demo/recorder.ts";
import { OUTAGE, tellDay } from "../../src/demo/stories.ts";

const day = tellDay(seeded(1));
const all = day.stories.flatMap((story) => story.occurrences);

/** What Kubernetes 1.36 writes, by component and reason. */
const WORDINGS: Readonly<Record<string, RegExp>> = {
  "deployment-controller ScalingReplicaSet": /^Scaled (up|down) replica set \S+ from \d+ to \d+$/,
  "replicaset-controller SuccessfulCreate": /^Created pod: \S+$/,
  "replicaset-controller SuccessfulDelete": /^Deleted pod: \S+$/,
  "statefulset-controller SuccessfulCreate": /^Create Pod \S+ in StatefulSet \S+ successful$/,
  "job-controller SuccessfulCreate": /^Created pod: \S+$/,
  "job-controller Completed": /^Job completed$/,
  "cronjob-controller SuccessfulCreate": /^Created job \S+$/,
  "cronjob-controller SawCompletedJob": /^Saw completed job: \S+, condition: Complete$/,
  "default-scheduler Scheduled": /^Successfully assigned \S+\/\S+ to \S+$/,
  "default-scheduler FailedScheduling":
    /^0\/3 nodes are available: 3 Insufficient nvidia\.com\/gpu\. no new claims to deallocate, preemption: 0\/3 nodes are available: 3 Preemption is not helpful for scheduling\.$/,
  "cluster-autoscaler TriggeredScaleUp": /^pod triggered scale-up: \[\{\S+ \d+->\d+ \(max: \d+\)\}\]$/,
  "kubelet Pulling": /^Pulling image "\S+"$/,
  "kubelet Pulled":
    /^(Successfully pulled image "\S+" in \S+ \(\S+ including waiting\)\. Image size: \d+ bytes\.|Container image "\S+" already present on machine and can be accessed by the pod)$/,
  "kubelet Created": /^Container created$/,
  "kubelet Started": /^Container started$/,
  "kubelet Killing": /^(Stopping container \S+|Container \S+ failed liveness probe, will be restarted)$/,
  "kubelet BackOff": /^(Back-off pulling image "\S+"|Back-off restarting failed container \S+ in pod \S+_\S+\(\S+\))$/,
  "kubelet Failed": /^(Failed to pull image "\S+": .+|Error: (ErrImagePull|ImagePullBackOff))$/,
  "kubelet Unhealthy": /^(Readiness|Liveness) probe failed: .+$/,
  "kubelet Starting": /^Starting kubelet\.$/,
  "kubelet Rebooted": /^Node \S+ has been rebooted, boot id: [0-9a-f-]{36}$/,
  "kubelet NodeReady": /^Node \S+ status is now: NodeReady$/,
  "kubelet NodeHasSufficientMemory": /^Node \S+ status is now: NodeHasSufficientMemory$/,
  "kubelet NodeAllocatableEnforced": /^Updated Node Allocatable limit across pods$/,
  "node-controller NodeNotReady": /^(Node \S+ status is now: NodeNotReady|Node is not ready)$/,
  "node-controller RegisteredNode": /^Node \S+ event: Registered Node \S+ in Controller$/,
  "taint-eviction-controller TaintManagerEviction": /^Marking for deletion Pod \S+\/\S+$/,
};

describe("the day", () => {
  test("is the same for the same seed, and another for another", () => {
    expect(tellDay(seeded(1))).toEqual(day);
    expect(tellDay(seeded(2)).stories.map((story) => story.title)).toEqual(day.stories.map((story) => story.title));
    expect(tellDay(seeded(2)).objects[0]?.metadata.uid).not.toBe(day.objects[0]?.metadata.uid);
  });

  test("passes in time for demo --once, the outage included, each story in order", () => {
    expect(day.seconds).toBeLessThan(14);
    expect(OUTAGE.to).toBeLessThan(day.seconds - 2);
    for (const { occurrences } of day.stories) {
      expect(occurrences.map(({ at }) => at)).toEqual(occurrences.map(({ at }) => at).sort((a, b) => a - b));
    }
  });

  test("speaks as the components do, and leaves none of these wordings out", () => {
    const said = new Set<string>();
    for (const { by, reason, message } of all) {
      const key = `${by.component} ${reason}`;
      said.add(key);
      expect({ key, message }).toEqual({ key, message: expect.stringMatching(WORDINGS[key] ?? /never/) });
    }
    expect([...said].sort()).toEqual(Object.keys(WORDINGS).sort());
  });
});

describe("a recorder", () => {
  function recorded(...occurrences: Occurrence[]): EventInput[] {
    const events: EventInput[] = [];
    let now = Date.UTC(2026, 10, 21, 9);
    const target = {
      put(event: EventInput): Stored {
        events.push(event);
        return { key: "", version: 0, event: event as Stored["event"] };
      },
    };
    const record = createRecorder(target, { now: () => now, random: seeded(1) });
    for (const one of occurrences) {
      record(one);
      now += 1_500;
    }
    return events;
  }
  const find = (reason: string, component: string) => {
    const found = all.find((one) => one.reason === reason && one.by.component === component);
    if (!found) throw new Error(`the day has no ${reason} of ${component}`);
    return found;
  };

  test("of the old style counts what happens again", () => {
    const backOff = all.find(({ reason, type }) => reason === "BackOff" && type === "Warning") ?? find("BackOff", "");
    const [first, second, third] = recorded(backOff, backOff, { ...backOff, message: "another" });
    expect(first).toMatchObject({
      source: { component: "kubelet", host: "node-a" },
      reportingComponent: "kubelet",
      reportingInstance: "node-a",
      involvedObject: { kind: "Pod", namespace: "shop", fieldPath: "spec.containers{payments}" },
      count: 1,
      firstTimestamp: "2026-11-21T09:00:00Z",
      lastTimestamp: "2026-11-21T09:00:00Z",
    });
    expect(second).toEqual({ ...(first as EventInput), count: 2, lastTimestamp: "2026-11-21T09:00:01Z" });
    expect(third).toMatchObject({ message: "another", count: 1 });
    expect(third?.metadata.name).not.toBe(first?.metadata.name as string);
  });

  test("of the new style keeps a series and has neither source nor count", () => {
    const failed = find("FailedScheduling", "default-scheduler");
    const [first, second] = recorded(failed, failed);
    expect(first).toMatchObject({
      action: "Scheduling",
      eventTime: "2026-11-21T09:00:00.000000Z",
      reportingComponent: "default-scheduler",
    });
    expect(first).not.toHaveProperty("count");
    expect(first).not.toHaveProperty("source");
    expect(second).toEqual({
      ...(first as EventInput),
      series: { count: 2, lastObservedTime: "2026-11-21T09:00:01.500000Z" },
    });
  });

  test("puts the events of nodes into the namespace default, the kubelet's under the node's name", () => {
    const [ready, registered] = recorded(find("NodeReady", "kubelet"), find("RegisteredNode", "node-controller"));
    expect(ready?.metadata.namespace).toBe("default");
    expect(ready?.involvedObject).toMatchObject({ kind: "Node", uid: ready?.involvedObject?.name });
    expect(ready?.involvedObject).not.toHaveProperty("namespace");
    expect(registered?.involvedObject?.uid).toMatch(/^[0-9a-f]{8}-/);
  });
});
