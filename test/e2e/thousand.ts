/** A thousand events through the executable into a real server that dies in mid-stream, compared id by id. */
import { expect } from "bun:test";
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createApiServer } from "../../src/demo/api-server.ts";
import type { Running } from "../testbed/component.ts";
import { eventually } from "./eventually.ts";
import { startExecutable } from "./executable.ts";

const EVENTS = 1_000;

/**
 * Writes 500 events, kills the server's process, writes 250 to a dead one, starts it and writes the last 250.
 * @param receiver the receiver's settings, `name` excepted.
 * @param stored ids that the server holds now, by its own API.
 * @returns how often Petrel retried, and how many ids came more than once.
 */
export async function thousand(options: {
  readonly server: Running;
  readonly process: string;
  readonly receiver: Readonly<Record<string, unknown>>;
  readonly stored: () => Promise<readonly string[]>;
}): Promise<{ readonly retried: number; readonly repeated: number }> {
  const { server, stored } = options;
  const api = await createApiServer();
  const folder = mkdtempSync(join(tmpdir(), "petrel-e2e-"));
  const kubeconfig = join(folder, "kubeconfig");
  await Bun.write(
    kubeconfig,
    JSON.stringify({
      "current-context": "x",
      clusters: [{ name: "x", cluster: { server: api.url } }],
      users: [{ name: "x", user: {} }],
      contexts: [{ name: "x", context: { cluster: "x", user: "x" } }],
    }),
  );
  const written: string[] = [];
  const write = (count: number) => {
    for (let i = 0; i < count; i++) {
      const n = written.length;
      const time = `${new Date().toISOString().slice(0, 19)}Z`;
      const { event } = api.put({
        metadata: { name: `pod-${n}.1`, namespace: `ns-${n % 3}` },
        involvedObject: {
          kind: "Pod",
          namespace: `ns-${n % 3}`,
          name: `pod-${n}`,
          uid: `pod-uid-${n}`,
          apiVersion: "v1",
        },
        reason: "Tested",
        message: `message ${n} <ü 😀> "quoted"\n`,
        type: n % 2 === 0 ? "Normal" : "Warning",
        count: 1,
        firstTimestamp: time,
        lastTimestamp: time,
      });
      written.push(`${event.metadata.uid}.${event.metadata.resourceVersion}`);
    }
  };
  const petrel = await startExecutable(
    folder,
    {
      omitLookup: true,
      route: { routes: [{ match: [{ receiver: "it" }] }] },
      receivers: [{ name: "it", retry: { min: "100ms", max: "500ms" }, timeout: "10s", ...options.receiver }],
    },
    kubeconfig,
  );
  try {
    const delivered = (count: number) =>
      eventually(`${count} events delivered`, 60_000, async () => {
        const now = await petrel.metric("petrel_events_delivered_total", 'receiver="it"');
        return now >= count ? undefined : `${now}`;
      });
    write(500);
    await delivered(100);
    await server.kill(options.process);
    write(250);
    await eventually("Petrel has noticed", 20_000, async () =>
      (await petrel.metric("petrel_events_retried_total", 'receiver="it"')) > 0 ? undefined : "no retry",
    );
    await server.start(options.process);
    write(250);
    await delivered(EVENTS);
    let ids: readonly string[] = [];
    await eventually("all ids are stored", 30_000, async () => {
      ids = await stored();
      const missing = new Set(written).difference(new Set(ids));
      return missing.size === 0 ? undefined : `${missing.size} are missing`;
    });
    expect([...new Set(ids)].sort()).toEqual([...written].sort());
    expect(await petrel.metric("petrel_events_dropped_total", 'receiver="it"')).toBe(0);
    const retried = await petrel.metric("petrel_events_retried_total", 'receiver="it"');
    return { retried, repeated: ids.length - new Set(ids).size };
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${petrel.stderr().slice(-4_000)}`);
  } finally {
    await petrel.stop();
    await api.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
