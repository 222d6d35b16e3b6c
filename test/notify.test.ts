/** What systemd is told, over real sockets. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir, uptime } from "node:os";
import { join } from "node:path";
import { type Notifier, openNotifier } from "../src/notify.ts";
import { recordingLogger } from "./kube/api-server.ts";
import { unixDatagramServer } from "./wire/unix-datagram-server.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "petrel-notify-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function opened(env: Readonly<Record<string, string>>, unhealthy: () => string | undefined = () => undefined) {
  const { logger, lines } = recordingLogger();
  const notifier = openNotifier({ env, pid: 42, logger, unhealthy });
  return { notifier, lines };
}

function mustOpen(...args: Parameters<typeof opened>): Notifier {
  const { notifier, lines } = opened(...args);
  if (!notifier) throw new Error(JSON.stringify(lines));
  return notifier;
}

/** Everything that has come. */
function received(server: { receive(): string | undefined }): string[] {
  const all: string[] = [];
  for (let one = server.receive(); one !== undefined; one = server.receive()) all.push(one);
  return all;
}

async function until(what: string, done: () => boolean): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!done()) {
    if (Date.now() > deadline) throw new Error(`${what}: not within 5 s`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test.each([
  ["a path", () => [join(folder, "notify"), join(folder, "notify")]],
  ["an abstract name", () => [`\0petrel-${process.pid}`, `@petrel-${process.pid}`]],
] as const)("start, reload and stop, to %s", async (_, names) => {
  const [path = "", socket = ""] = names();
  const server = unixDatagramServer(path);
  try {
    const notifier = mustOpen({ NOTIFY_SOCKET: socket });
    notifier.ready();
    notifier.reloading();
    notifier.ready();
    notifier.stopping();
    await notifier.close();
    const [ready, reloading, again, stopping, ...more] = received(server);
    expect([ready, again, stopping, more]).toEqual(["READY=1", "READY=1", "STOPPING=1", []]);
    const usec = Number(/^RELOADING=1\nMONOTONIC_USEC=(\d+)$/.exec(reloading ?? "")?.[1]);
    // CLOCK_MONOTONIC is the time since the boot, less what the machine slept.
    expect(usec).toBeGreaterThan(performance.now() * 1_000);
    expect(usec).toBeLessThan((uptime() + 1) * 1_000_000);
  } finally {
    server.close();
  }
});

test("the watchdog is fed twice in its time from the start on, but not while Petrel is stuck", async () => {
  const server = unixDatagramServer(join(folder, "notify"));
  let stuck: string | undefined;
  const env = { NOTIFY_SOCKET: join(folder, "notify"), WATCHDOG_USEC: "100000", WATCHDOG_PID: "42" };
  const { notifier, lines } = opened(env, () => stuck);
  try {
    notifier?.ready();
    const beganAt = performance.now();
    const all: string[] = [];
    await until("four times", () => {
      all.push(...received(server));
      return all.filter((one) => one === "WATCHDOG=1").length >= 4;
    });
    expect(all[0]).toBe("READY=1");
    expect(performance.now() - beganAt).toBeGreaterThan(190);
    stuck = "a delivery is overdue";
    await until("complaints", () => lines.length >= 2);
    received(server);
    await until("another", () => lines.length >= 4);
    expect(received(server)).toEqual([]);
    expect(lines[0]).toEqual({ level: "error", message: "does not feed systemd's watchdog", fields: { why: stuck } });
    stuck = undefined;
    await until("food", () => received(server).includes("WATCHDOG=1"));
  } finally {
    await notifier?.close();
    server.close();
  }
});

test.each([
  ["nobody watches", {}],
  ["another process is watched", { WATCHDOG_USEC: "1000", WATCHDOG_PID: "43" }],
  ["the time is none", { WATCHDOG_USEC: "0" }],
  ["the time is no number", { WATCHDOG_USEC: "soon" }],
])("no watchdog is fed when %s", async (_, env) => {
  const server = unixDatagramServer(join(folder, "notify"));
  const notifier = mustOpen({ NOTIFY_SOCKET: join(folder, "notify"), ...env });
  let timers = 0;
  const { setInterval } = globalThis;
  globalThis.setInterval = ((...args: Parameters<typeof setInterval>) => {
    timers++;
    return setInterval(...args);
  }) as typeof setInterval;
  try {
    notifier.ready();
  } finally {
    globalThis.setInterval = setInterval;
  }
  await notifier.close();
  expect({ timers, received: received(server) }).toEqual({ timers: 0, received: ["READY=1"] });
  server.close();
});

test("a socket that is not there is told of once, and found when it comes", async () => {
  const path = join(folder, "notify");
  const { notifier, lines } = opened({ NOTIFY_SOCKET: path });
  notifier?.ready();
  notifier?.ready();
  await until("a warning", () => lines.length > 0);
  expect(lines).toEqual([{ level: "warn", message: "telling systemd READY=1 failed: ENOENT", fields: {} }]);
  const server = unixDatagramServer(path);
  notifier?.stopping();
  await notifier?.close();
  expect(received(server)).toEqual(["STOPPING=1"]);
  server.close();
});

test.each(["vsock:2:1234", "relative", "@", "/"])("NOTIFY_SOCKET %p cannot be used, which is said", (socket) => {
  const { notifier, lines } = opened({ NOTIFY_SOCKET: socket });
  expect(notifier).toBeUndefined();
  expect(lines).toEqual([
    {
      level: "error",
      message: "cannot tell systemd anything: NOTIFY_SOCKET is neither a path nor the name of an abstract socket",
      fields: { socket },
    },
  ]);
});
