/** A thousand events through the executable: from the simulated API server to a real receiver, told apart by their ids. */
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ApiServer, createApiServer } from "../../src/demo/api-server.ts";
import { eventually } from "./eventually.ts";
import { type PetrelProcess, startExecutable } from "./executable.ts";
import { arrivedFrom } from "./receivers.ts";

export interface Flow extends AsyncDisposable {
  readonly server: ApiServer;
  readonly petrel: PetrelProcess;
  readonly folder: string;
  /** Writes this many new events; adds their ids to {@link ids}. */
  write(count: number): void;
  /** `<uid>.<resourceVersion>` of every event written, in order. */
  readonly ids: readonly string[];
  /** Waits until the receiver has taken all that was written. */
  delivered(receiver: string, deadlineMs?: number): Promise<void>;
}

/** A Petrel that sends every event to every one of `receivers`. */
export async function flow(
  receivers: readonly Record<string, unknown>[],
  env: Record<string, string> = {},
): Promise<Flow> {
  const folder = mkdtempSync(join(tmpdir(), "petrel-thousand-"));
  const server = await createApiServer();
  const kubeconfig = join(folder, "kubeconfig");
  const context = { name: "c", context: { cluster: "c", user: "u" } };
  const access = { clusters: [{ name: "c", cluster: { server: server.url } }], users: [{ name: "u", user: {} }] };
  await Bun.write(kubeconfig, JSON.stringify({ ...access, contexts: [context], "current-context": "c" }));
  const config = {
    logFormat: "json",
    omitLookup: true,
    shutdownTimeout: "3s",
    route: { routes: [{ match: receivers.map(({ name }) => ({ receiver: name })) }] },
    receivers,
  };
  const petrel = await startExecutable(folder, config, kubeconfig, { env }).catch(async (error: unknown) => {
    await server.stop();
    throw error;
  });
  const ids: string[] = [];
  const at = `${new Date().toISOString().slice(0, 19)}Z`;
  return {
    server,
    petrel,
    folder,
    ids,
    write(count) {
      for (let i = 0; i < count; i++) {
        const n = ids.length;
        const stored = server.put({
          metadata: { name: `pod-${n}.1`, namespace: "shop" },
          // Several events an object, so that order has something to be kept by.
          involvedObject: { kind: "Pod", namespace: "shop", name: `pod-${n % 200}`, uid: `pod-uid-${n % 200}` },
          reason: "BackOff",
          message: `message ${n} <ü> 日本`,
          type: n % 2 === 0 ? "Warning" : "Normal",
          count: 1,
          firstTimestamp: at,
          lastTimestamp: at,
          source: { component: "kubelet", host: "node-1" },
        } as Parameters<ApiServer["put"]>[0]);
        ids.push(`${stored.event.metadata.uid}.${stored.version}`);
      }
    },
    delivered: (receiver, deadlineMs = 60_000) =>
      eventually(`${receiver} took ${ids.length} events`, deadlineMs, async () => {
        const taken = await petrel.metric("petrel_events_delivered_total", `receiver="${receiver}"`);
        if (taken >= ids.length) return undefined;
        return `${taken}; ${petrel.stderr().split("\n").slice(-3).join("\n")}`;
      }),
    async [Symbol.asyncDispose]() {
      await petrel.stop();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Ids of events as they arrived: the JSON that every receiver without a layout sends. */
export const idsOf = (texts: readonly string[]): string[] => texts.map((text) => arrivedFrom(text).id);

/** Whether events of one object arrived in the order of their versions; the first that did not, else undefined. */
export function disorder(texts: readonly string[]): string | undefined {
  const last = new Map<string, number>();
  for (const text of texts) {
    const { event, version } = arrivedFrom(text);
    const { name } = event.involvedObject;
    if (version < (last.get(name) ?? 0)) return `${name}: ${version} after ${last.get(name)}`;
    last.set(name, version);
  }
  return undefined;
}
