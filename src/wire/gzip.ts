/** Bodies that are compressed before they go out. */
import { gzipSync } from "bun";

/**
 * Up to here the event loop waits for less than a millisecond; a batch of 4 MiB would stop it for 30 to 70. In another
 * thread the same takes 0.1 ms more, which a small body is not worth.
 */
const AT_ONCE = 64 * 1024;

/** At gzip's usual level, which leaves about a sixth of events as JSON. Large ones are compressed beside the event loop. */
export function gzipped(body: string | Uint8Array): Uint8Array | Promise<Uint8Array> {
  return body.length <= AT_ONCE ? gzipSync(body as string | Uint8Array<ArrayBuffer>) : inThread(body);
}

async function inThread(body: string | Uint8Array): Promise<Uint8Array> {
  const { gzip } = await import("node:zlib");
  return new Promise((resolve, reject) => {
    gzip(body, (error, packed) => (error ? reject(error) : resolve(packed)));
  });
}
