/** Amazon SNS, standard and FIFO topics. */
import type { Event } from "../src/event.ts";
import { type Batch, defineSink } from "../src/sink.ts";
import { awsFields, openAws, refusalOf } from "../src/wire/aws-client.ts";
import { dedupId, groupId, idAttribute } from "../src/wire/aws-message.ts";
import { deliverEntries } from "../src/wire/entries.ts";
import { clipped } from "../src/wire/sink-http.ts";

/** Ten messages; a topic's MaximumMessageSize, 256 KiB unless raised, holds for a message and for their sum. */
const COUNT = 10;
const MAX_BYTES = 1024 * 1024;
const DEFAULT_BYTES = 256 * 1024;
/** @see https://docs.aws.amazon.com/sns/latest/api/API_Publish.html */
const SUBJECT_MAX = 99;

export default defineSink({
  name: "sns",
  title: "Amazon SNS",
  summary: "Publishes each event to an SNS topic, ten in a request; on a FIFO topic with its id for deduplication.",
  config: (field) =>
    field.object({
      topicARN: field.text().describe("ARN of the topic. One that ends in `.fifo` is a FIFO topic."),
      layout: field.layout().optional().describe("Fields to send instead of the whole event."),
      subject: field.template().optional().describe("Subject, which e-mails show."),
      messageGroupId: field
        .template()
        .optional()
        .describe("Message group, by default the involved object; FIFO topics keep order within it."),
      maxMessageBytes: field
        .bytes()
        .prefault("256KiB")
        .describe("The topic's MaximumMessageSize, which holds for a request as a whole too."),
      ...awsFields(field),
    }),
  example: { topicARN: "arn:aws:sns:eu-central-1:123456789012:kubernetes-events", subject: "{{ .Reason }}" },
  batch: { count: COUNT, bytes: MAX_BYTES },
  limits: ({ maxMessageBytes }) => ({ count: COUNT, bytes: Math.min(maxMessageBytes || DEFAULT_BYTES, MAX_BYTES) }),
  concurrency: 4,
  partial: true,
  carriesId: true,
  updates: "all",
  async create(config, context) {
    const payload = context.payload({ layout: config.layout });
    const group = config.messageGroupId === undefined ? undefined : context.template(config.messageGroupId);
    const subject = config.subject === undefined ? undefined : context.template(config.subject);
    const fifo = config.topicARN.endsWith(".fifo");
    const limits = { count: COUNT, bytes: Math.min(config.maxMessageBytes || DEFAULT_BYTES, MAX_BYTES) };
    const aws = openAws(config, context);
    const { SNSClient, PublishBatchCommand, GetTopicAttributesCommand } = await import("@aws-sdk/client-sns");
    const client = new SNSClient(aws.options);
    const TopicArn = config.topicARN;

    const entry = (event: Event, index: number) => {
      const value = {
        Id: String(index),
        Message: payload(event),
        ...(subject && { Subject: subjectOf(subject(event)) }),
        ...(!context.compat && { MessageAttributes: idAttribute(event) }),
        ...((fifo || group) && { MessageGroupId: groupId(group ? group(event) : event.objectKey, event) }),
        ...(fifo && { MessageDeduplicationId: dedupId(event) }),
      };
      // The id's attribute: name, type and value.
      const attribute = context.compat ? 0 : "idString".length + Buffer.byteLength(event.id);
      return { index, value, bytes: Buffer.byteLength(value.Message) + attribute };
    };

    return {
      render: (batch: Batch) => ({ body: batch.map(payload).join("\n") }),
      deliver: (batch, signal) =>
        deliverEntries(batch.map(entry), limits, async (entries) => {
          const answer = await aws.call("PublishBatch", signal, (options) =>
            client.send(
              new PublishBatchCommand({ TopicArn, PublishBatchRequestEntries: entries.map(({ value }) => value) }),
              options,
            ),
          );
          return (answer.Failed ?? []).map(({ Id, Code = "", Message = "", SenderFault = false }) =>
            refusalOf(Number(Id), Code, Message, SenderFault),
          );
        }),
      check: (signal) =>
        aws.probe("GetTopicAttributes", signal, (options) =>
          client.send(new GetTopicAttributesCommand({ TopicArn }), options),
        ),
      [Symbol.asyncDispose]: () => aws.close(client),
    };
  },
});

/** Printable ASCII that begins with no blank, which is what SNS takes. */
function subjectOf(text: string): string {
  const printable = text.replace(/[^\x20-\x7e]+/g, " ").trim();
  return clipped(printable === "" ? "-" : printable, SUBJECT_MAX).replace("…", ".");
}
