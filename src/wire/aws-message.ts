/** What SQS and SNS messages have in common. */
import type { Fields } from "../config/fields.ts";
import type { Refusal } from "../errors.ts";
import type { Event } from "../event.ts";
import type { SinkContext, TemplateText } from "../sink.ts";
import { awsFields, refusalOf } from "./aws-client.ts";

/** Settings of both; `fifo` is what keeps order. */
export const messageFields = (field: Fields, fifo: "queues" | "topics") => ({
  layout: field.layout().optional().describe("Fields to send instead of the whole event."),
  messageGroupId: field
    .template()
    .optional()
    .describe(`Message group, by default the involved object; FIFO ${fifo} keep order within it.`),
  ...awsFields(field),
});

/** Characters that ids of SQS and SNS may hold. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html */
const NOT_IN_IDS = /[^A-Za-z0-9!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]/;
const ID_MAX = 128;

function asId(text: string): string {
  if (text !== "" && text.length <= ID_MAX && !NOT_IN_IDS.test(text)) return text;
  return `sha256-${new Bun.CryptoHasher("sha256").update(text).digest("hex")}`;
}

/** The event's id as a message attribute, by which any consumer can drop a repeat. */
function idAttribute(event: Event) {
  // No attribute may be empty, nor hold control characters.
  const text = event.id.replace(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd]/gu, "\ufffd");
  return { id: { DataType: "String", StringValue: text === "" ? "-" : text } } as const;
}

/**
 * What goes with a message's text: the id as an attribute, the group in which order is kept, and by what a FIFO queue or
 * topic drops a repeat within five minutes. `bytes`: of the attribute's name, type and value, which count.
 */
export function messageExtras(
  { messageGroupId }: { readonly messageGroupId?: TemplateText | undefined },
  context: SinkContext,
  fifo: boolean,
) {
  const group = messageGroupId === undefined ? undefined : context.template(messageGroupId);
  return (event: Event) => {
    const id = context.compat ? undefined : idAttribute(event);
    const named = group ? group(event) : event.objectKey;
    const extras = {
      ...(id && { MessageAttributes: id }),
      // Standard ones take a group too, for fairness. An empty one is the event's own.
      ...((fifo || group) && { MessageGroupId: asId(named === "" ? event.id : named) }),
      ...(fifo && { MessageDeduplicationId: asId(event.id) }),
    };
    return { extras, bytes: id ? "idString".length + Buffer.byteLength(id.id.StringValue) : 0 };
  };
}

interface Failed {
  readonly Id?: string | undefined;
  readonly Code?: string | undefined;
  readonly Message?: string | undefined;
  readonly SenderFault?: boolean | undefined;
}

/** Entries of a batch that AWS did not take, in a 200. Their ids are their places. */
export function refusalsOf(failed: readonly Failed[] = []): Refusal[] {
  return failed.map(({ Id, Code = "", Message = "", SenderFault = false }) =>
    refusalOf(Number(Id), Code, Message, SenderFault),
  );
}
