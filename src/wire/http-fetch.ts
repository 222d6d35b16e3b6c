/** HTTP through Bun's fetch: for what {@link connectionExchange} leaves out, which is proxies. */
import { DeliveryError } from "../errors.ts";
import { abortError } from "./abort.ts";
import type { Exchange, HttpResponse } from "./http.ts";
import { readCapped } from "./http-body.ts";
import type { TlsMaterial } from "./tls.ts";

export interface FetchOptions {
  readonly tls: (() => TlsMaterial) | undefined;
  readonly proxy: (() => string) | undefined;
  /** Told of each request that goes out; of its head, about. */
  readonly sent: (bytes: number) => void;
}

/** `: ` and the end of the line. */
const HEADER_BYTES = 4;

export function fetchExchange(options: FetchOptions): Exchange {
  return async ({ method, url, headers, body, signal, doing }) => {
    const sent = new Headers();
    // fetch wants one byte a character; these are the bytes of the UTF-8 text.
    for (const [name, value] of headers) sent.append(name, Buffer.from(value).toString("latin1"));
    const target = new URL(url);
    let bytes = method.length + url.href.length + 2 * HEADER_BYTES + (body === undefined ? 0 : Buffer.byteLength(body));
    for (const [name, value] of headers) bytes += name.length + value.length + HEADER_BYTES;
    options.sent(bytes);
    target.username = "";
    target.password = "";
    try {
      const response = await fetch(target, {
        method,
        headers: sent,
        body: body ?? null,
        signal,
        redirect: "manual",
        ...(options.tls && { tls: options.tls() }),
        ...(options.proxy && { proxy: options.proxy() }),
      });
      const text = await readCapped(response, doing);
      return { status: response.status, headers: new Map(response.headers), text } satisfies HttpResponse;
    } catch (error) {
      if (error instanceof DeliveryError) throw error;
      if (signal.aborted) throw abortError(signal, doing);
      // Only the code: message and cause of Bun's errors hold the whole URL.
      const code = error instanceof Error && "code" in error ? String(error.code) : "no connection";
      throw new DeliveryError("network", `${doing} failed: ${code}`);
    }
  };
}
