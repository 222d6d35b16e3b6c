/** When garbage is collected, beside when the engine does it by itself. */

/** Of events read; twice as often costs a tenth of a flood's speed and saves nothing in one, 8 MB in a list. */
const EVERY = 8 * 1024 * 1024;

/** In quieter times: this much, and this long after the last time. A few milliseconds every five seconds are nothing. */
const STEADY = 512 * 1024;
const STEADY_MS = 5_000;

let since = 0;
let collectedAt = 0;

/**
 * Tell it of the bytes of every event that was taken in, or read back from a disk; those of a list, which is held while it
 * is sorted, count twice.
 * Every 8 MiB the heap is collected whole, in a few milliseconds:
 * the engine waits until it has doubled, and gives back network buffers and texts long after they are garbage, which in
 * a flood is 20 MB more.
 */
export function tookIn(bytes: number, listed = false): void {
  since += listed ? 2 * bytes : bytes;
  if (since < STEADY) return;
  const now = performance.now();
  if (since < EVERY && now - collectedAt < STEADY_MS) return;
  since = 0;
  collectedAt = now;
  Bun.gc(true);
}

/** Of what was posted, and is garbage. */
const POSTED = 4 * 1024 * 1024;
/** Bytes that may be resident before more is done. */
const CROWDED = 94 * 1024 * 1024;

let garbage = 0;

/**
 * Tell it of garbage that whoever posts can make as fast as they like: it is collected beside the work and not instead of
 * it, because a watch must not wait for that. A little more is resident then; when it becomes much, memory goes first.
 */
export function wasted(bytes: number): void {
  garbage += bytes;
  if (garbage < POSTED) return;
  garbage = 0;
  Bun.gc(process.memoryUsage.rss() > CROWDED);
}
