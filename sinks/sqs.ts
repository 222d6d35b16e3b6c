/** Amazon SQS, standard and FIFO queues. */
import type { Event } from "../src/event.ts";
import { type Batch, defineSink } from "../src/sink.ts";
import { openAws } from "../src/wire/aws-client.ts";
import { messageExtras, messageFields, refusalsOf } from "../src/wire/aws-message.ts";
import { deliverEntries } from "../src/wire/entries.ts";

/** @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html */
const REQUEST = { count: 10, bytes: 1024 * 1024 } as const;
/** U+FFFE and U+FFFF are no characters to SQS; JSON has escaped the control characters, which are none either. */
const NOT_ALLOWED = /[\ufffe\uffff]/g;

export default defineSink({
  name: "sqs",
  title: "Amazon SQS",
  summary: "Sends each event to an SQS queue, ten in a request; on a FIFO queue with its id for deduplication.",
  config: (field) =>
    field.object({
      queueName: field.text().describe("Name of the queue, or its URL. A name that ends in `.fifo` is a FIFO queue."),
      ...messageFields(field, "queues"),
    }),
  example: { queueName: "kubernetes-events.fifo", region: "eu-central-1" },
  batch: { count: REQUEST.count, bytes: REQUEST.bytes, lingerMs: 200 },
  concurrency: 4,
  partial: true,
  carriesId: true,
  updates: "all",
  async create(config, context) {
    const payload = context.payload({ layout: config.layout });
    const extrasOf = messageExtras(config, context, config.queueName.endsWith(".fifo"));
    const aws = openAws(config, context);
    const { SQSClient, SendMessageBatchCommand, GetQueueUrlCommand } = await import("@aws-sdk/client-sqs");
    const client = new SQSClient(aws.options);
    let queueUrl = /^https?:/.test(config.queueName) ? config.queueName : undefined;

    const urlOf = async (signal: AbortSignal): Promise<string> => {
      queueUrl ??= (
        await aws.call("GetQueueUrl", signal, (options) =>
          client.send(new GetQueueUrlCommand({ QueueName: config.queueName }), options),
        )
      ).QueueUrl;
      return queueUrl ?? "";
    };
    const body = (event: Event) => payload(event).replace(NOT_ALLOWED, "\ufffd");
    const entry = (event: Event, index: number) => {
      const { extras, bytes } = extrasOf(event);
      const value = { Id: String(index), MessageBody: body(event), ...extras };
      return { index, value, bytes: Buffer.byteLength(value.MessageBody) + bytes };
    };

    return {
      render: (batch: Batch) => ({ body: batch.map(body).join("\n") }),
      async deliver(batch, signal) {
        const QueueUrl = await urlOf(signal);
        await deliverEntries(batch.map(entry), REQUEST, async (entries) => {
          const answer = await aws.call("SendMessageBatch", signal, (options) =>
            client.send(new SendMessageBatchCommand({ QueueUrl, Entries: entries.map(({ value }) => value) }), options),
          );
          return refusalsOf(answer.Failed);
        });
      },
      async check(signal) {
        // GetQueueUrl needs a right of its own, which delivery needs as well.
        queueUrl = /^https?:/.test(config.queueName) ? config.queueName : undefined;
        const QueueUrl = await urlOf(signal);
        const { GetQueueAttributesCommand } = await import("@aws-sdk/client-sqs");
        return aws.probe("GetQueueAttributes", signal, (options) =>
          client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["QueueArn"] }), options),
        );
      },
      [Symbol.asyncDispose]: () => aws.close(client),
    };
  },
});
