/** A man in the middle of a real API server and Petrel, who does what networks and load balancers do. */
import { join } from "node:path";
import { certificates } from "../testbed/certs.ts";
import type { Cluster } from "../testbed/kube-cluster.ts";

export interface Proxy {
  /** A kubeconfig like the one given, with this proxy as the server. */
  readonly kubeconfig: string;
  /** Watches of events that are open now. */
  open(): number;
  /** From now on the open watches bring nothing; new connections are as good as ever. */
  mute(): void;
  /** Sends bytes to every open watch, as if the API server had; between two of its lines. */
  inject(bytes: string | Uint8Array): void;
  /** The end of whatever comes next on the open watches arrives with this much time between its bytes. */
  trickle(bytes: number, delayMs: number): void;
  /** Ends the open watches in the middle of a line. */
  cut(): void;
  close(): Promise<void>;
}

interface Stream {
  muted: boolean;
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  readonly upstream: AbortController;
  tail: Promise<void>;
  slow: { bytes: number; delayMs: number } | undefined;
}

export async function proxyTo(cluster: Cluster, kubeconfig: string, folder: string): Promise<Proxy> {
  const tls = await certificates(join(folder, "proxy-tls"));
  const streams = new Set<Stream>();

  async function send(stream: Stream, chunk: Uint8Array): Promise<void> {
    const slow = stream.slow;
    if (slow === undefined) {
      stream.controller.enqueue(chunk);
      return;
    }
    stream.slow = undefined;
    const cut = Math.max(0, chunk.length - slow.bytes);
    stream.controller.enqueue(chunk.subarray(0, cut));
    for (let i = cut; i < chunk.length; i++) {
      await Bun.sleep(slow.delayMs);
      stream.controller.enqueue(chunk.subarray(i, i + 1));
    }
  }

  function watch(url: string, headers: Headers): Promise<Response> {
    const upstream = new AbortController();
    const answer = fetch(url, {
      headers,
      tls: { ca: cluster.ca },
      signal: upstream.signal,
      timeout: false,
    } as RequestInit);
    return answer.then((response) => {
      if (!response.ok || response.body === null) return response;
      const source = response.body;
      let entry: Stream | undefined;
      const body = new ReadableStream<Uint8Array>({
        async start(controller) {
          const stream: Stream = { muted: false, controller, upstream, tail: Promise.resolve(), slow: undefined };
          entry = stream;
          streams.add(stream);
          const pump = async () => {
            for await (const chunk of source) {
              if (!stream.muted) stream.tail = stream.tail.then(() => send(stream, chunk));
            }
            await stream.tail;
            controller.close();
          };
          pump()
            .catch(() => {
              if (!stream.muted) controller.error(new Error("cut"));
            })
            .finally(() => streams.delete(stream));
        },
        cancel() {
          if (entry !== undefined) streams.delete(entry);
          upstream.abort();
        },
      });
      return new Response(body, { status: response.status, headers: { "content-type": "application/json" } });
    });
  }

  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    tls: { cert: Bun.file(tls.serverCert), key: Bun.file(tls.serverKey) },
    async fetch(request) {
      const { pathname, search, searchParams } = new URL(request.url);
      const url = `${cluster.url}${pathname}${search}`;
      const headers = new Headers(request.headers);
      headers.delete("host");
      // Its answers are passed on as they are read, so they must not be packed.
      headers.delete("accept-encoding");
      if (searchParams.get("watch") === "true" || searchParams.get("watch") === "1") return watch(url, headers);
      const response = await fetch(url, {
        method: request.method,
        headers,
        tls: { ca: cluster.ca },
        signal: AbortSignal.timeout(30_000),
      });
      return new Response(await response.arrayBuffer(), {
        status: response.status,
        headers: { "content-type": response.headers.get("content-type") ?? "application/json" },
      });
    },
  });

  const config = JSON.parse(await Bun.file(kubeconfig).text());
  config.clusters[0].cluster = { server: `https://127.0.0.1:${server.port}`, "certificate-authority": tls.ca };
  const own = join(folder, "proxy.kubeconfig");
  await Bun.write(own, JSON.stringify(config));

  return {
    kubeconfig: own,
    open: () => streams.size,
    mute() {
      for (const stream of streams) stream.muted = true;
    },
    inject(bytes) {
      const chunk = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
      for (const stream of streams) stream.tail = stream.tail.then(() => send(stream, chunk));
    },
    trickle(bytes, delayMs) {
      for (const stream of streams) stream.slow = { bytes, delayMs };
    },
    cut() {
      for (const stream of streams) {
        stream.controller.enqueue(new TextEncoder().encode('{"type":"ADDED","object":{"metad'));
        stream.upstream.abort();
      }
    },
    async close() {
      for (const stream of streams) stream.upstream.abort();
      await server.stop(true);
    },
  };
}
