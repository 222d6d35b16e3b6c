/** One delivery in as few requests as a destination's limits allow, whose answers tell which event was not taken. */
import { DeliveryError, REASONS, type Refusal } from "../errors.ts";

/** An entry of a request: its place in the batch, and its bytes as the destination counts them. */
export interface Entry<T> {
  readonly index: number;
  readonly bytes: number;
  readonly value: T;
}

/** What one request may hold. */
export interface RequestLimits {
  readonly count: number;
  readonly bytes: number;
  /** Bytes of one entry at most; a larger one is refused without being sent. Default: `bytes`. */
  readonly entryBytes?: number;
  /** Nothing goes out after a request that failed: for batches that may hold several events of one object. */
  readonly inOrder?: boolean;
}

function cut<T>(entries: readonly Entry<T>[], limits: RequestLimits): Entry<T>[][] {
  const parts: Entry<T>[][] = [];
  let part: Entry<T>[] = [];
  let bytes = 0;
  for (const entry of entries) {
    if (part.length > 0 && (part.length === limits.count || bytes + entry.bytes > limits.bytes)) {
      parts.push(part);
      part = [];
      bytes = 0;
    }
    part.push(entry);
    bytes += entry.bytes;
  }
  if (part.length > 0) parts.push(part);
  return parts;
}

/**
 * Sends a batch, one request after the other; `send` returns the entries that were not taken. A request that is refused
 * for the sake of an event is sent again in halves, until that event is alone. Rejects with DeliveryError: of the request
 * when it was the only one, else with everything that was refused.
 */
export async function deliverEntries<T>(
  entries: readonly Entry<T>[],
  limits: RequestLimits,
  send: (entries: readonly Entry<T>[]) => Promise<readonly Refusal[]>,
): Promise<void> {
  const max = limits.entryBytes ?? limits.bytes;
  const refused: Refusal[] = [];
  for (const { index, bytes } of entries) {
    const message = `the event has ${bytes} bytes, and the destination takes ${max} at most`;
    if (bytes > max) refused.push({ index, reason: "too_large", message });
  }
  let retryAfterMs: number | undefined;
  const queue = cut(
    entries.filter(({ bytes }) => bytes <= max),
    limits,
  );
  let stopped: Pick<Refusal, "reason" | "message"> | undefined;
  for (let part = queue.shift(); part; part = queue.shift()) {
    if (stopped && limits.inOrder) {
      const { reason, message } = stopped;
      for (const { index } of part) refused.push({ index, reason, message });
      continue;
    }
    try {
      const left = await send(part);
      refused.push(...left);
      stopped ??= left.find(({ reason }) => REASONS[reason] !== "event");
    } catch (error) {
      if (!(error instanceof DeliveryError)) throw error;
      if (part.length === entries.length) throw error;
      const { reason, message } = error;
      if (REASONS[reason] === "event" && part.length > 1) {
        const middle = part.length >> 1;
        queue.unshift(part.slice(0, middle), part.slice(middle));
        continue;
      }
      retryAfterMs = error.retryAfterMs ?? retryAfterMs;
      if (REASONS[reason] !== "event") stopped = error;
      for (const { index } of part) refused.push({ index, reason, message });
    }
  }
  const [first] = refused;
  if (first === undefined) return;
  if (entries.length === 1) throw new DeliveryError(first.reason, first.message, { retryAfterMs });
  const message = `${refused.length} of ${entries.length} events failed: ${first.message}`;
  throw new DeliveryError(first.reason, message, { refused, retryAfterMs });
}
