/** Bodies of answers: nobody may fill our memory with one. */
import { DeliveryError } from "../errors.ts";

/** Bytes of an answer that are read at most; the answer to a bulk request of 10,000 events has about 3 MB. */
export const BODY_MAX = 16 * 1024 * 1024;

export function bodyTooLong(doing: string): DeliveryError {
  return new DeliveryError("network", `${doing} answered with more than ${BODY_MAX / 1024 / 1024} MiB`);
}

export async function readCapped(response: Response, doing: string): Promise<string> {
  if (response.body === null) return "";
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    if (size > BODY_MAX) throw bodyTooLong(doing);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
