/** The API server through a proxy, on Bun's fetch: the one thing that our own sockets leave out. */
import { ConnectionError, type HttpStream, type StreamRequest } from "../wire/http-stream.ts";
import { codeOf } from "./credentials-error.ts";

export interface ProxiedRequest extends StreamRequest {
  /** Absent: the proxy of the environment. */
  readonly proxy: string | undefined;
}

export interface Proxied {
  /** As that of `Streams`. */
  send(request: ProxiedRequest): Promise<HttpStream>;
  close(): void;
}

export function createProxied(): Proxied {
  // A pool of its own: a connection that a client certificate opened serves nobody else.
  const session = new Bun.FetchSession();
  return {
    async send({ method = "GET", url, headers, body, tls, proxy, signal }) {
      const init: BunFetchRequestInit & { readonly timeout: false } = {
        session,
        method,
        headers,
        ...(body === undefined ? {} : { body }),
        // A redirect would carry the credentials to another server.
        redirect: "manual",
        signal,
        // Bun ends a silent body after some minutes otherwise; who reads a stream watches over it.
        timeout: false,
        ...(tls === undefined ? {} : { tls: { ...tls } }),
        // As client-go: the kubeconfig's proxy is used whatever NO_PROXY says.
        ...(proxy === undefined ? {} : { proxy: { url: proxy, respectNoProxy: false } }),
      };
      const response = await unlessLost(fetch(url, init), signal);
      return {
        status: response.status,
        header: (name) => response.headers.get(name) ?? undefined,
        async read(take) {
          const reader = response.body?.getReader();
          for (;;) {
            const part = await unlessLost(reader?.read(), signal);
            if (part === undefined || part.done) return;
            await take(part.value);
          }
        },
      };
    },
    close: () => session.close(),
  };
}

/** Bun's own errors carry the URL and are never passed on. */
async function unlessLost<T>(work: T | Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await work;
  } catch (error) {
    signal.throwIfAborted();
    throw new ConnectionError(codeOf(error));
  }
}
