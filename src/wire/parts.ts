/** One delivery in several requests, for destinations that do not say which event of a request they refuse. */
import { DeliveryError, REASONS, type Refusal } from "../errors.ts";

/** Positions in the batch. */
export type Part = readonly number[];

/**
 * Sends the parts one after the other. A part that is refused for the sake of an event is sent again in halves, until
 * that event is alone: for destinations that keep what was good of a refused request, and take a repeat for what it is.
 * Rejects with the DeliveryError of the only part, or with one that lists what was refused.
 */
export async function deliverParts(parts: readonly Part[], send: (part: Part) => Promise<void>): Promise<void> {
  const refused: Refusal[] = [];
  let retryAfterMs: number | undefined;
  const queue = [...parts];
  for (let part = queue.shift(); part; part = queue.shift()) {
    try {
      await send(part);
    } catch (error) {
      if (!(error instanceof DeliveryError)) throw error;
      const { reason, message } = error;
      if (REASONS[reason] === "event" && part.length > 1) {
        const middle = part.length >> 1;
        queue.unshift(part.slice(0, middle), part.slice(middle));
        continue;
      }
      if (parts.length === 1 && part === parts[0]) throw error;
      if (error.retryAfterMs !== undefined) retryAfterMs = Math.max(retryAfterMs ?? 0, error.retryAfterMs);
      for (const index of part) refused.push({ index, reason, message });
    }
  }
  const [first] = refused;
  if (first) throw new DeliveryError(first.reason, first.message, { refused, retryAfterMs });
}
