/** The image of eventrouter swapped for Petrel's: its flags, its config.json, its lines and frames, its counters. */
import { expect, test } from "bun:test";
import { anEventInput } from "../harness.ts";
import { eventually } from "./eventually.ts";
import { openRouter, type RouterOptions } from "./router.ts";

test("stdout under a key, each state once, counted by type, and exit code 0", async () => {
  await using router = await openRouter({ sink: "stdout", stdoutJSONNamespace: "k8s", "resync-interval": "1s" });
  router.api.put(anEventInput({ metadata: { name: "one", namespace: "shop" }, reason: "BackOff", type: "Warning" }));
  router.api.update("shop", "one", { count: 2 });
  router.api.put(anEventInput({ reason: "Pulled", type: "Normal" }));
  await eventually("three lines", 10_000, () => (router.lines.length === 3 ? undefined : `${router.lines.length}`));
  const said = router.lines.map((line) => (JSON.parse(line) as { readonly k8s: Record<string, never> }).k8s);
  expect(said).toMatchObject([
    { verb: "ADDED", event: { reason: "BackOff", count: 1 } },
    { verb: "UPDATED", event: { count: 2 }, old_event: { count: 1 } },
    { verb: "ADDED", event: { reason: "Pulled" } },
  ]);
  expect(Object.keys(said[1] ?? {})).toEqual(["verb", "event", "old_event"]);
  let text = "";
  const series = () => text.split("\n").filter((line) => /^heptio_.* [1-9]/.test(line));
  const labels = 'involved_object_kind="Pod",involved_object_namespace="shop",';
  await eventually("they are counted", 5_000, async () => {
    text = await router.metrics();
    return series().length === 2 ? undefined : text;
  });
  // No label of Petrel's own, and none for names.
  expect(series()).toEqual([
    `heptio_eventrouter_warnings_total{${labels}reason="BackOff",source="node-1"} 2`,
    `heptio_eventrouter_normal_total{${labels}reason="Pulled",source="node-1"} 1`,
  ]);
  expect(await router.stop()).toBe(0);
}, 60_000);

test("counters with names on request, without what is new with each run, in bounded series", async () => {
  await using router = await openRouter({ sink: "stdout", "enable-object-names": true });
  const put = (kind: string, name: string, type: string) =>
    router.api.put(anEventInput({ type, reason: "R", involvedObject: { kind, name, namespace: "shop" } }));
  put("Pod", "nightly-29384756-x7k2p", "Warning");
  put("Pod", "nightly-29384757-b2k4x", "Warning");
  put("Job", "nightly-29384757", "Odd");
  for (let n = 0; n < 1_500; n++) put("Pod", `pod-${n}-0`, "Normal");
  let text = "";
  const count = (name: string, kind: string, object: string): number =>
    Number(
      new RegExp(
        `^heptio_eventrouter_${name}_total\\{involved_object_kind="${kind}",involved_object_name="${object}",.*\\} (\\d+)$`,
        "m",
      ).exec(text)?.[1],
    );
  await eventually("they are counted", 10_000, async () => {
    text = await router.metrics();
    return count("normal", "other", "other") === 500 ? undefined : text.slice(-500);
  });
  expect(count("warnings", "Pod", "nightly")).toBe(2);
  expect(count("unknown", "Job", "nightly")).toBe(1);
  expect(count("normal", "Pod", "pod-0-0")).toBe(1);
  expect(text.split("\n").filter((line) => line.startsWith("heptio_eventrouter_normal_total{"))).toHaveLength(1_001);
  expect(await router.stop()).toBe(0);
}, 60_000);

test("http: frames, one after the other, in a body", async () => {
  let body = "";
  using far = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      body += await request.text();
      return new Response();
    },
  });
  await using router = await openRouter({ sink: "http", httpSinkUrl: `http://127.0.0.1:${far.port}/sink` });
  for (let n = 0; n < 20; n++) router.api.put(anEventInput({ message: `mëssage ${n}` }));
  const messages = (): readonly string[] => {
    const bytes = Buffer.from(body);
    const found: string[] = [];
    for (let at = 0; at < bytes.length; ) {
      const space = bytes.indexOf(" ", at);
      const end = space + 1 + Number(bytes.subarray(at, space).toString());
      const frame = bytes.subarray(space + 1, end).toString();
      const [, json = "null"] = /^<24>1 \S+ node-1 kubelet - - - (\{.*\})$/.exec(frame) ?? [];
      found.push((JSON.parse(json) as { readonly event?: { readonly message: string } })?.event?.message ?? frame);
      // The sample receiver of the original reads the counted bytes, and throws one more away.
      expect(bytes[end]).toBe(0x0a);
      at = end + 1;
    }
    return found;
  };
  await eventually("twenty frames", 10_000, () => (messages().length === 20 ? undefined : body.slice(-200)));
  expect(messages()).toEqual(Array.from({ length: 20 }, (_, n) => `mëssage ${n}`));
  expect(await router.stop()).toBe(0);
}, 60_000);

test("http: what eventrouter lost or told twice arrives once", async () => {
  const answers = [429, 500, 503];
  const frames: string[] = [];
  using far = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const body = await request.text();
      const status = answers.shift() ?? 200;
      if (status === 200) frames.push(...body.split("\n").filter((line) => line !== ""));
      return new Response("", { status });
    },
  });
  await using router = await openRouter({
    ...{ sink: "http", httpSinkUrl: `http://127.0.0.1:${far.port}/sink` },
    // As small as it goes: there it lost all but the event that was sent.
    ...{ httpSinkBufferSize: 1, httpSinkDiscardMessages: true, "resync-interval": "1s" },
  });
  const put = (name: string, more: Parameters<typeof anEventInput>[0] = {}) =>
    router.api.put(anEventInput({ metadata: { name, namespace: "shop" }, message: name, ...more }));
  put("first");
  // It does not fit the field of a frame: the whole request was lost.
  put("long", { source: { component: "a-very-long-component-name-that-exceeds-forty-eight-characters-x" } });
  // Its time was the year 1.
  const eventTime = `${new Date(Date.now() + 60_000).toISOString().slice(0, 19)}.123456Z`;
  put("new", { lastTimestamp: null, firstTimestamp: null, eventTime, source: {} });
  // A nil pointer, in a loop.
  put("typeless", { type: "" });
  router.api.update("shop", "first", { count: 2 });
  // An event that goes is no news, and what has not changed is none.
  router.api.remove("shop", "typeless");
  for (let n = 0; n < 40; n++) put(`many ${n}`);
  await eventually("all arrive", 20_000, () => (frames.length >= 45 ? undefined : `${frames.length}`));
  expect(await router.stop()).toBe(0);
  const said = frames.map((frame) => /^\d+ <24>1 (\S+) (\S+) (\S+) - - - (\{.*\})$/.exec(frame)?.slice(1) ?? [frame]);
  const told = said.map(([, , , json = "{}"]) => {
    const { verb, event } = JSON.parse(json) as { verb: string; event: { metadata: { name: string }; count: number } };
    return `${verb} ${event.metadata.name} ${event.count}`;
  });
  const many = Array.from({ length: 40 }, (_, n) => `ADDED many ${n} 1`);
  const others = ["ADDED first 1", "ADDED long 1", "ADDED new 1", "ADDED typeless 1", "UPDATED first 2"];
  expect(told.toSorted()).toEqual([...others, ...many].toSorted());
  expect(told.indexOf("ADDED first 1")).toBeLessThan(told.indexOf("UPDATED first 2"));
  const header = (name: string) => said[told.findIndex((one) => one.includes(` ${name} `))]?.slice(0, 3);
  expect(header("new")).toEqual([eventTime, "-", "-"]);
  expect(header("long")?.[2]).toBe("a-very-long-component-name-that-exceeds-forty-ei");
}, 60_000);

test("glog: lines with its prefix on standard error, in local time, between Petrel's own", async () => {
  const env = { TZ: "Asia/Tokyo" };
  await using router = await openRouter({ sink: "glog" }, { env });
  const before = Date.now();
  for (let n = 0; n < 50; n++) {
    const type = n % 2 === 0 ? "Normal" : "Warning";
    router.api.put(anEventInput({ type, reason: "BackOff", message: `mëssage ${n} ${"x".repeat(n * 100)}` }));
  }
  const line = /^I(\d\d)(\d\d) (\d\d:\d\d:\d\d)\.(\d\d\d)\d\d\d +\d+ glogsink\.go:42\] (\{.*\})$/;
  const told = () => router.errors.flatMap((one) => line.exec(one) ?? []).length / 6;
  await eventually("fifty lines", 10_000, () => (told() === 50 ? undefined : `${told()}`));
  expect(await router.stop()).toBe(0);
  expect(router.lines).toEqual([]);
  const events = router.errors.flatMap((one) => {
    const [, month, day, time, millis, json = ""] = line.exec(one) ?? [];
    if (month === undefined) return [];
    const at = Date.parse(`${new Date().getFullYear()}-${month}-${day}T${time}.${millis}+09:00`);
    expect(at).toBeGreaterThanOrEqual(before - 1);
    expect(at).toBeLessThanOrEqual(Date.now() + 1);
    return [JSON.parse(json) as { readonly verb: string; readonly event: { readonly message: string } }];
  });
  expect(events.map(({ verb, event }) => [verb, event.message.length])).toEqual(
    Array.from({ length: 50 }, (_, n) => ["ADDED", `mëssage ${n} `.length + n * 100]),
  );
  // What is no event's is a line of Petrel's, and whole.
  expect(router.errors.filter((one) => one.includes("glogsink") !== line.test(one))).toEqual([]);
}, 60_000);

test.each<[RouterOptions, NodeJS.Signals]>([
  [
    { args: ["-v=3", "-logtostderr=true", "-vmodule=sink*=2", "-log_backtrace_at=a.go:1"], kubeconfig: "flag" },
    "SIGTERM",
  ],
  [{ args: ["-alsologtostderr", "-stderrthreshold", "INFO", "-log_dir", "/nowhere"], kubeconfig: "key" }, "SIGINT"],
  [
    { args: ["--v", "9", "--log_link", "/nowhere", "--logbuflevel", "-1"], env: { WATCH_NAMESPACE: "shop" } },
    "SIGTERM",
  ],
])(
  "its flags, where its cluster is, and exit code 0: %j",
  async (options, signal) => {
    await using router = await openRouter({ sink: "glog" }, options);
    router.api.put(anEventInput({ metadata: { name: "a.1", namespace: "elsewhere" }, message: "elsewhere" }));
    router.api.put(anEventInput({ message: "here" }));
    const told = () => router.errors.filter((line) => line.includes(" glogsink.go:42] "));
    await eventually("it is told", 10_000, () =>
      told().at(-1)?.includes('"here"') ? undefined : router.errors.join("\n"),
    );
    expect(await router.stop(signal)).toBe(0);
    expect(told()).toHaveLength(options.env ? 1 : 2);
    const unused = router.errors.filter((line) => line.startsWith("petrel: -log_dir is not used"));
    expect(unused).toHaveLength(options.args?.includes("-log_dir") ? 1 : 0);
  },
  60_000,
);
