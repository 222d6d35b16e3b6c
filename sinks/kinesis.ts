/** Amazon Kinesis Data Streams. */
import type { Event } from "../src/event.ts";
import { type Batch, defineSink } from "../src/sink.ts";
import { awsFields, openAws, refusalsAt } from "../src/wire/aws-client.ts";
import { deliverEntries } from "../src/wire/entries.ts";

/** A request may have 10 MiB by newer documentation, 5 by older. A record has 1 MiB unless the stream was set to more, up to 10. */
const REQUEST = { count: 500, bytes: 5 * 1024 * 1024, entryBytes: 10 * 1024 * 1024 } as const;
/** @see https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecordsRequestEntry.html */
const KEY_MAX = 256;

export default defineSink({
  name: "kinesis",
  aliases: ["kineis"],
  title: "Amazon Kinesis",
  summary: "Puts each event into a Kinesis data stream, up to 500 in a request, and retries exactly those that failed.",
  config: (field) =>
    field.object({
      streamName: field.text().describe("Name or ARN of the stream."),
      partitionKey: field.template().optional().describe("What decides about the shard; by default the event's uid."),
      layout: field.layout().optional().describe("Fields to send instead of the whole event."),
      ...awsFields(field),
    }),
  example: { streamName: "kubernetes-events", region: "eu-central-1" },
  batch: { count: REQUEST.count, bytes: REQUEST.bytes, eventBytes: REQUEST.entryBytes, lingerMs: 200 },
  partial: true,
  carriesId: false,
  updates: "all",
  async create(config, context) {
    const payload = context.payload({ layout: config.layout });
    const key = config.partitionKey === undefined ? undefined : context.template(config.partitionKey);
    const aws = openAws(config, context);
    const { KinesisClient, PutRecordsCommand, DescribeStreamSummaryCommand } = await import("@aws-sdk/client-kinesis");
    // The client's own HTTP/2 has no use here: every answer is short.
    const client = new KinesisClient(aws.options);
    const stream = config.streamName.startsWith("arn:")
      ? { StreamARN: config.streamName }
      : { StreamName: config.streamName };

    const entry = (event: Event, index: number) => {
      const Data = Buffer.from(payload(event));
      const text = key ? key(event) : event.metadata.uid || event.id;
      const PartitionKey = [...(text || event.id || "-")].slice(0, KEY_MAX).join("");
      return { index, value: { Data, PartitionKey }, bytes: Data.length + Buffer.byteLength(PartitionKey) };
    };

    return {
      render: (batch: Batch) => ({ body: batch.map(payload).join("\n") }),
      deliver: (batch, signal) =>
        deliverEntries(batch.map(entry), REQUEST, async (entries) => {
          const { FailedRecordCount = 0, Records = [] } = await aws.call("PutRecords", signal, (options) =>
            client.send(new PutRecordsCommand({ ...stream, Records: entries.map(({ value }) => value) }), options),
          );
          return FailedRecordCount === 0 ? [] : refusalsAt(entries, Records, false);
        }),
      check: (signal) =>
        aws.probe("DescribeStreamSummary", signal, (options) =>
          client.send(new DescribeStreamSummaryCommand(stream), options),
        ),
      [Symbol.asyncDispose]: () => aws.close(client),
    };
  },
});
