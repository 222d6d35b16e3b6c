/** Petrel from the bytes of a watch to its sinks, without a socket on either side, so that two runs do the same. */
import { withParts } from "../../../src/cli/with-parts.ts";
import { parseConfig } from "../../../src/config/load.ts";
import type { ApiClient, ApiRequest, ApiStream } from "../../../src/kube/client.ts";
import { createLogger } from "../../../src/logger.ts";
import { createMetrics } from "../../../src/metrics.ts";
import { createMeters } from "../../../src/pipeline/meters.ts";
import { createPipeline } from "../../../src/pipeline/pipeline.ts";
import type { SinkDefinition } from "../../../src/sink.ts";
import { startWatches } from "../../../src/watches.ts";
import { anEvent } from "../an-event.ts";

/** As much as a socket brings at once. */
const CHUNK = 64 * 1024;

let serial = 0;

/** The JSON of an event that was not there before. */
export function nextEvent(): string {
  serial++;
  return anEvent(serial, serial + 1_000, 1);
}

/** The next events as chunks of a watch. */
export function watched(events: number): readonly Uint8Array[] {
  const all = Buffer.from(Array.from({ length: events }, () => `{"type":"ADDED","object":${nextEvent()}}\n`).join(""));
  return Array.from({ length: Math.ceil(all.length / CHUNK) }, (_, index) =>
    Uint8Array.from(all.subarray(index * CHUNK, (index + 1) * CHUNK)),
  );
}

export interface InMemory {
  /** Resolves when the chunks were taken in; delivering goes on. */
  say(chunks: readonly Uint8Array[]): Promise<void>;
}

/**
 * Starts it. `delivered` hears of each batch that the sink took, which is then over.
 * @param text the config; its receivers have one kind of sink.
 */
export async function startInMemory(text: string, delivered: (events: number) => void): Promise<InMemory> {
  const { config, findings } = parseConfig(text, { file: "guard.yaml", env: {} });
  if (!config) throw new Error(`the config is wrong: ${JSON.stringify(findings)}`);
  const parts = await withParts(config, {});
  const logger = createLogger({ level: "error", format: "json" });
  const metrics = createMetrics();
  const meters = createMeters(metrics);
  const now = (): number => performance.timeOrigin + performance.now();
  const sinks = new Map([...parts.sinks].map(([name, sink]) => [name, told(sink, delivered)]));
  const pipeline = await createPipeline({
    ...{ ...parts, sinks, logger, metrics, meters, env: {}, now, random: Math.random },
    lookup: () => undefined,
  });
  const server = memoryServer();
  startWatches({ config, client: server.client, pipeline, logger, meters, metrics, now });
  const take = await server.opened;
  return {
    async say(chunks) {
      for (const chunk of chunks) {
        await take(chunk);
        // From a socket, each would come in a turn of its own.
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}

function told(definition: SinkDefinition, delivered: (events: number) => void): SinkDefinition {
  return {
    ...definition,
    async create(settings, context) {
      const sink = await definition.create(settings, context);
      return {
        ...sink,
        async deliver(batch, signal) {
          await sink.deliver(batch, signal);
          delivered(batch.length);
        },
      };
    },
  };
}

type Take = Parameters<ApiStream["read"]>[0];

/** An API server that lists nothing; what takes the bytes of its first watch comes by `opened`. */
function memoryServer(): { readonly client: ApiClient; readonly opened: Promise<Take> } {
  const { promise: opened, resolve: open } = Promise.withResolvers<Take>();
  const list = Buffer.from('{"kind":"EventList","apiVersion":"v1","metadata":{"resourceVersion":"999"},"items":[]}');
  const client: ApiClient = {
    server: "memory",
    namespace: "default",
    async stream(_, { verb, signal }: ApiRequest): Promise<ApiStream> {
      const read = async (take: Take): Promise<void> => {
        if (verb === "list") return await take(list);
        open(take);
        return await new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
      };
      return { status: 200, read, close() {} };
    },
    json: () => Promise.reject(new Error("nothing here asks for this")),
    close() {},
  };
  return { client, opened };
}
