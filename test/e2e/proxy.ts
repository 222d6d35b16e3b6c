/** A man in the middle of a real API server and Petrel, who does what networks and load balancers do. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
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
  /** The last bytes of whatever comes next on the open watches arrive with this much time between them. */
  trickle(bytes: number, delayMs: number): void;
  /** Ends the open watches in the middle of a line. */
  cut(): void;
  close(): Promise<void>;
}

interface Stream {
  readonly response: ServerResponse;
  readonly upstream: AbortController;
  muted: boolean;
  /** What is being sent, so that bytes of two origins do not mix. */
  tail: Promise<void>;
  slow: { readonly bytes: number; readonly delayMs: number } | undefined;
}

export async function proxyTo(cluster: Cluster, kubeconfig: string, folder: string): Promise<Proxy> {
  const tls = await certificates(join(folder, "proxy-tls"));
  const streams = new Set<Stream>();

  async function send(stream: Stream, chunk: Uint8Array): Promise<void> {
    const slow = stream.slow;
    stream.slow = undefined;
    const cut = slow === undefined ? chunk.length : Math.max(0, chunk.length - slow.bytes);
    stream.response.write(chunk.subarray(0, cut));
    for (let i = cut; i < chunk.length; i++) {
      await Bun.sleep(slow?.delayMs ?? 0);
      stream.response.write(chunk.subarray(i, i + 1));
    }
  }

  function queue(stream: Stream, chunk: Uint8Array): void {
    stream.tail = stream.tail.then(() => send(stream, chunk));
  }

  /** Passes a watch on as it comes. */
  async function pass(source: ReadableStream<Uint8Array>, stream: Stream): Promise<void> {
    streams.add(stream);
    stream.response.on("close", () => {
      streams.delete(stream);
      stream.upstream.abort();
    });
    try {
      for await (const chunk of source) if (!stream.muted) queue(stream, chunk);
      await stream.tail;
      stream.response.end();
    } catch {
      stream.response.destroy();
    } finally {
      streams.delete(stream);
    }
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const headers = new Headers();
    for (const name of ["authorization", "accept", "content-type"]) {
      const value = request.headers[name];
      if (typeof value === "string") headers.set(name, value);
    }
    const upstream = new AbortController();
    const init = { headers, tls: { ca: cluster.ca }, signal: upstream.signal, timeout: false };
    const answered = await fetch(`${cluster.url}${request.url}`, init as RequestInit);
    response.writeHead(answered.status, {
      "content-type": answered.headers.get("content-type") ?? "application/json",
    });
    // The API server says at once that a watch is open, long before its first event.
    response.flushHeaders();
    if (answered.ok && answered.body !== null && /[?&]watch=(1|true)\b/.test(request.url ?? "")) {
      await pass(answered.body, { response, upstream, muted: false, tail: Promise.resolve(), slow: undefined });
    } else {
      response.end(await answered.bytes());
    }
  }

  const [cert, key] = await Promise.all([Bun.file(tls.serverCert).text(), Bun.file(tls.serverKey).text()]);
  const server = createServer({ cert, key }, (request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;

  const config = JSON.parse(await Bun.file(kubeconfig).text());
  config.clusters[0].cluster = { server: `https://127.0.0.1:${port}`, "certificate-authority": tls.ca };
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
      for (const stream of streams) queue(stream, chunk);
    },
    trickle(bytes, delayMs) {
      for (const stream of streams) stream.slow = { bytes, delayMs };
    },
    cut() {
      for (const stream of streams) {
        stream.response.write('{"type":"ADDED","object":{"metad');
        stream.response.socket?.destroySoon();
      }
    },
    async close() {
      for (const stream of streams) stream.upstream.abort();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
