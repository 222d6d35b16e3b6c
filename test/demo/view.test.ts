import { describe, expect, test } from "bun:test";
import type { Entry } from "../../src/demo/ledger.ts";
import { clip, type DemoState, draw, milliseconds, type ReceiverState } from "../../src/demo/view.ts";

const receiver = (name: string, more: Partial<ReceiverState> = {}): ReceiverState => ({
  name,
  delivered: 0,
  failed: 0,
  retried: 0,
  dropped: 0,
  waiting: 0,
  p50: Number.NaN,
  p99: Number.NaN,
  trouble: undefined,
  ...more,
});

const entry = (more: Partial<Entry>): Entry => ({
  id: "u.1",
  writtenAt: 0,
  object: "Pod/payments-ngdtk98f9x-kkvd8",
  type: "Normal",
  reason: "Started",
  message: "Container started",
  count: 1,
  routed: [true, false],
  arrived: [true, false],
  ...more,
});

const STATE: DemoState = {
  day: 1,
  speed: 1,
  startedAt: 0,
  written: 96,
  stories: [
    { title: "a rollout, pod by pod", told: 30, total: 30 },
    { title: "a crash loop", told: 10, total: 27 },
    { title: "a pod that fits nowhere yet", told: 0, total: 15 },
  ],
  receivers: [
    receiver("archive", { delivered: 89, p50: 1.26, p99: 7.9 }),
    receiver("pager", {
      delivered: 1,
      failed: 14,
      retried: 14,
      waiting: 2,
      p50: 5.6,
      p99: 1713,
      trouble: "answers 503",
    }),
  ],
  recent: [
    entry({ writtenAt: 1_000, reason: "Pulling", message: 'Pulling image "x"', routed: [false, false], arrived: [] }),
    entry({ writtenAt: 65_000, reason: "BackOff", type: "Warning", count: 4, message: "Back-off restarting\nfailed" }),
    entry({
      writtenAt: 68_000,
      object: "ReplicaSet/checkout-rtk87b9v6j",
      reason: "TaintManagerEviction",
      message: "Marking for deletion Pod shop/cart-5nbvntbthr-jpgl4, because its node does not answer",
      routed: [true, true],
    }),
  ],
  arrivals: true,
  cpu: 4.06,
  memoryBytes: 73_400_000,
  logged: "INF petrel runs",
  ending: false,
  color: false,
  unicode: true,
};
const NOW = 68_250;

test("80 columns, 24 lines", () => {
  expect(`\n${draw(STATE, 80, 24, NOW)}\n`).toBe(`
 petrel demo   a simulated cluster, watched by the real pipeline    day 1, 1:08
────────────────────────────────────────────────────────────────────────────────
 ✓ a rollout, pod by pod    ━━━━━━━━━━     a pod that fits nowhere… ╌╌╌╌╌╌╌╌╌╌
 › a crash loop             ━━━━╌╌╌╌╌╌
────────────────────────────────────────────────────────────────────────────────
 receiver     delivered    failed   retried   waiting    p50 ms    p99 ms
 archive             89         0         0         0       1.3       7.9
 pager                1        14        14         2       5.6      1713
────────────────────────────────────────────────────────────────────────────────
   ago reason               object                                archive pager
  0.3s TaintManagerEviction ReplicaSet/checkout-rtk87b9v6j           ●      ○
  3.3s BackOff ×4           payments-ngdtk98f9x-kkvd8                ●      ·
   67s Pulling              payments-ngdtk98f9x-kkvd8                ·      ·








────────────────────────────────────────────────────────────────────────────────
 96 events   0 lost   cpu 4.1 %   73 MB   pager down, 2 waiting
 your cluster: petrel run --kubeconfig ~/.kube/config -c petrel.yaml
`);
});

test("120 columns, 20 lines, without Unicode: messages, and what is the matter with a receiver", () => {
  const calm = STATE.receivers.map((one) => ({ ...one, trouble: undefined }));
  expect(`\n${draw({ ...STATE, unicode: false, speed: 4, receivers: calm }, 120, 20, NOW)}\n`).toBe(`
 petrel demo   a simulated cluster, watched by the real pipeline                                      day 1, 1:08 at 4x
------------------------------------------------------------------------------------------------------------------------
 v a rollout, pod by pod                        ==========     a pod that fits nowhere yet                  ..........
 > a crash loop                                 ====......
------------------------------------------------------------------------------------------------------------------------
 receiver     delivered    failed   retried   waiting    p50 ms    p99 ms
 archive             89         0         0         0       1.3       7.9
 pager                1        14        14         2       5.6      1713
------------------------------------------------------------------------------------------------------------------------
   ago reason                 object                         message                                      archive pager
  0.3s TaintManagerEviction   ReplicaSet/checkout-rtk87b9v6j Marking for deletion Pod shop/cart-5nbvntbt~    *      o
  3.3s BackOff x4             Pod/payments-ngdtk98f9x-kkvd8  Back-off restarting failed                      *      .
   67s Pulling                Pod/payments-ngdtk98f9x-kkvd8  Pulling image "x"                               .      .




------------------------------------------------------------------------------------------------------------------------
 96 events   0 lost   cpu 4.1 %   73 MB, cluster and view included   INF petrel runs
 your cluster: petrel run --kubeconfig ~/.kube/config -c petrel.yaml                                        ctrl-c ends
`);
  const [, trouble] = draw(STATE, 120, 20, NOW).match(/^ pager .*1713(.*)$/m) ?? [];
  expect(trouble?.trim()).toBe("answers 503");
});

const visible = (line: string) => Bun.stripANSI(line).length;

describe("every size gets exactly its lines, none too long", () => {
  const many = { ...STATE, receivers: Array.from({ length: 9 }, (_, index) => receiver(`receiver-number-${index}`)) };
  test.each([
    [80, 24],
    [120, 40],
    [40, 12],
    [10, 5],
    [1, 1],
    [300, 100],
  ])("%i x %i", (width, height) => {
    for (const state of [
      STATE,
      many,
      { ...STATE, color: true },
      { ...STATE, receivers: [], stories: [], recent: [] },
    ]) {
      const lines = draw(state, width, height, NOW).split("\n");
      expect(lines).toHaveLength(height);
      expect(Math.max(...lines.map(visible))).toBeLessThanOrEqual(width);
    }
  });
});

test("colour changes nothing but the colour", () => {
  const plain = draw(STATE, 100, 30, NOW).split("\n");
  const coloured = draw({ ...STATE, color: true }, 100, 30, NOW).split("\n");
  expect(coloured.map((line) => Bun.stripANSI(line).trimEnd())).toEqual(plain);
  expect(plain.join("")).not.toContain("\x1b");
  const warning = coloured.find((line) => line.includes("BackOff"));
  expect(warning).toContain("\x1b[33mBackOff");
});

test("where nothing is known of arrivals, the route is shown", () => {
  const text = draw({ ...STATE, arrivals: false }, 80, 24, NOW);
  expect(text).toMatch(/TaintManagerEviction .*●\s+●$/m);
});

test.each([
  ["short", 10, "short"],
  ["exactly ten", 11, "exactly ten"],
  ["much too long", 8, "much to…"],
  ["two\nlines\tof text", 40, "two lines of text"],
  ["word ends here", 6, "word…"],
  ["anything", 0, ""],
])("clip %j to %i", (text, length, wanted) => {
  expect(clip(text, length, "…")).toBe(wanted);
});

test.each([
  [Number.NaN, ""],
  [0.04, "0.0"],
  [9.94, "9.9"],
  [9.96, "10"],
  [1713.2, "1713"],
])("%f ms", (ms, wanted) => {
  expect(milliseconds(ms)).toBe(wanted);
});
