/** Amazon SNS, standard and FIFO topics. */
import type { Event } from "../src/event.ts";
import { type Batch, defineSink } from "../src/sink.ts";
import { openAws } from "../src/wire/aws-client.ts";
import { messageExtras, messageFields, refusalsOf } from "../src/wire/aws-message.ts";
import { deliverEntries } from "../src/wire/entries.ts";
import { clipped } from "../src/wire/sink-http.ts";

/** Ten messages; a topic's MaximumMessageSize, 256 KiB unless raised, holds for a message and for their sum. */
const COUNT = 10;
const MAX_BYTES = 1024 * 1024;
const DEFAULT_BYTES = 256 * 1024;
const LINGER_MS = 200;
/** @see https://docs.aws.amazon.com/sns/latest/api/API_Publish.html */
const SUBJECT_MAX = 99;

export default defineSink({
  name: "sns",
  title: "Amazon SNS",
  summary: "Publishes each event to an SNS topic, ten in a request; on a FIFO topic with its id for deduplication.",
  config: (field) =>
    field.object({
      topicARN: field.text().describe("ARN of the topic. One that ends in `.fifo` is a FIFO topic."),
      subject: field.template().optional().describe("Subject, which e-mails show."),
      maxMessageBytes: field
        .bytes()
        .prefault("256KiB")
        .describe("The topic's MaximumMessageSize, which holds for a request as a whole too."),
      ...messageFields(field, "topics"),
    }),
  example: { topicARN: "arn:aws:sns:eu-central-1:123456789012:kubernetes-events", subject: "{{ .Reason }}" },
  batch: { count: COUNT, bytes: MAX_BYTES, lingerMs: LINGER_MS },
  limits: ({ maxMessageBytes: max }) => ({
    ...{ count: COUNT, bytes: Math.min(max || DEFAULT_BYTES, MAX_BYTES), lingerMs: LINGER_MS },
  }),
  concurrency: 4,
  partial: true,
  carriesId: true,
  updates: "all",
  async create(config, context) {
    const payload = context.payload({ layout: config.layout });
    const subject = config.subject === undefined ? undefined : context.template(config.subject);
    const extrasOf = messageExtras(config, context, config.topicARN.endsWith(".fifo"));
    const limits = { count: COUNT, bytes: Math.min(config.maxMessageBytes || DEFAULT_BYTES, MAX_BYTES) };
    const aws = openAws(config, context);
    const { SNSClient, PublishBatchCommand, GetTopicAttributesCommand } = await import("@aws-sdk/client-sns");
    const client = new SNSClient(aws.options);
    const TopicArn = config.topicARN;

    const entry = (event: Event, index: number) => {
      const { extras, bytes } = extrasOf(event);
      const Message = payload(event);
      const value = {
        ...{ Id: String(index), Message, ...(subject && { Subject: subjectOf(subject(event)) }) },
        ...extras,
      };
      return { index, value, bytes: Buffer.byteLength(Message) + bytes };
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
          return refusalsOf(answer.Failed);
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
