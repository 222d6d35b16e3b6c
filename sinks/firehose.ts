/** Amazon Data Firehose. */
import type { Event } from "../src/event.ts";
import { type Batch, defineSink } from "../src/sink.ts";
import { awsFields, openAws, refusalsAt } from "../src/wire/aws-client.ts";
import { deliverEntries } from "../src/wire/entries.ts";

/** Bytes before base64. @see https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html */
const REQUEST = { count: 500, bytes: 4_000_000, entryBytes: 1_024_000 } as const;

export default defineSink({
  name: "firehose",
  title: "Amazon Data Firehose",
  summary:
    "Puts each event into a Firehose stream as a line of JSON, up to 500 in a request, and retries exactly those that failed.",
  config: (field) =>
    field.object({
      deliveryStreamName: field.text().describe("Name of the stream."),
      newline: field
        .flag()
        .default(true)
        .describe("End each record with a line break; without, events run together in what Firehose writes."),
      layout: field.layout().optional().describe("Fields to send instead of the whole event."),
      deDot: field.flag().default(false).describe("Write `_` for `.` in the names of labels and annotations."),
      ...awsFields(field),
    }),
  example: { deliveryStreamName: "kubernetes-events", region: "eu-central-1" },
  batch: { count: REQUEST.count, bytes: REQUEST.bytes, eventBytes: REQUEST.entryBytes, lingerMs: 1_000 },
  partial: true,
  carriesId: false,
  updates: "all",
  async create(config, context) {
    const payload = context.payload({ layout: config.layout, deDot: config.deDot });
    const end = config.newline && !context.compat ? "\n" : "";
    const aws = openAws(config, context);
    const { FirehoseClient, PutRecordBatchCommand, DescribeDeliveryStreamCommand } = await import(
      "@aws-sdk/client-firehose"
    );
    const client = new FirehoseClient(aws.options);
    const DeliveryStreamName = config.deliveryStreamName;

    const entry = (event: Event, index: number) => {
      const Data = Buffer.from(payload(event) + end);
      return { index, value: { Data }, bytes: Data.length };
    };

    return {
      render: (batch: Batch) => ({ body: batch.map((event) => payload(event) + end).join("") }),
      deliver: (batch, signal) =>
        deliverEntries(batch.map(entry), REQUEST, async (entries) => {
          const { FailedPutCount = 0, RequestResponses = [] } = await aws.call("PutRecordBatch", signal, (options) =>
            client.send(
              new PutRecordBatchCommand({ DeliveryStreamName, Records: entries.map(({ value }) => value) }),
              options,
            ),
          );
          return FailedPutCount === 0 ? [] : refusalsAt(entries, RequestResponses, false);
        }),
      check: (signal) =>
        aws.probe("DescribeDeliveryStream", signal, (options) =>
          client.send(new DescribeDeliveryStreamCommand({ DeliveryStreamName }), options),
        ),
      [Symbol.asyncDispose]: () => aws.close(client),
    };
  },
});
