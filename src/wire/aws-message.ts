/** What SQS and SNS messages have in common. */
import type { Event } from "../event.ts";

/** Characters that ids of SQS and SNS may hold. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html */
const NOT_IN_IDS = /[^A-Za-z0-9!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]/;
const ID_MAX = 128;

function asId(text: string): string {
  if (text !== "" && text.length <= ID_MAX && !NOT_IN_IDS.test(text)) return text;
  return `sha256-${new Bun.CryptoHasher("sha256").update(text).digest("hex")}`;
}

/** By which a FIFO queue or topic drops a repeat within five minutes. */
export const dedupId = (event: Event): string => asId(event.id);

/** In which a FIFO queue or topic keeps order; an empty one is the event's own. */
export const groupId = (text: string, event: Event): string => asId(text === "" ? event.id : text);

/** The event's id as a message attribute, by which any consumer can drop a repeat. */
export function idAttribute(event: Event): { id: { DataType: "String"; StringValue: string } } {
  // No attribute may be empty, nor hold control characters.
  const text = event.id.replace(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd]/gu, "\ufffd");
  return { id: { DataType: "String", StringValue: text === "" ? "-" : text } };
}
