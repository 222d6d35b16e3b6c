/** Amazon EventBridge. */
import type { Event } from "../src/event.ts";
import { type Batch, defineSink } from "../src/sink.ts";
import { awsFields, openAws, refusalsAt } from "../src/wire/aws-client.ts";
import { deliverEntries } from "../src/wire/entries.ts";
import { newestMs } from "../src/wire/event-time.ts";

/** @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html */
const COUNT = 10;
const MAX_BYTES = 1024 * 1024;
/** What the size of an entry counts for its time. */
const TIME_BYTES = 14;

export default defineSink({
  name: "eventbridge",
  title: "Amazon EventBridge",
  summary: "Puts each event on an EventBridge bus, ten in a request, and retries exactly those that the bus refused.",
  config: (field) =>
    field.object({
      detailType: field.template().default("Kubernetes Event").describe("The detail-type that rules match."),
      source: field
        .template()
        .default("kubernetes")
        .describe("The source that rules match; must not begin with `aws.`."),
      eventBusName: field.text().default("default").describe("Name or ARN of the bus."),
      details: field.layout().optional().describe("Fields of the detail instead of the whole event."),
      maxRequestBytes: field
        .bytes()
        .prefault("1MiB")
        .describe("Bytes that the bus takes in a request; 256KiB in China's regions."),
      ...awsFields(field),
    }),
  example: { detailType: "{{ .Reason }}", source: "my-cluster", eventBusName: "kubernetes", region: "eu-central-1" },
  batch: { count: COUNT, bytes: MAX_BYTES, lingerMs: 200 },
  concurrency: 4,
  partial: true,
  carriesId: false,
  updates: "all",
  async create(config, context) {
    const detail = context.payload({ layout: config.details });
    const detailType = context.template(config.detailType);
    const source = context.template(config.source);
    const limits = { count: COUNT, bytes: Math.min(config.maxRequestBytes, MAX_BYTES) };
    const aws = openAws(config, context);
    const { EventBridgeClient, PutEventsCommand, DescribeEventBusCommand } = await import(
      "@aws-sdk/client-eventbridge"
    );
    const client = new EventBridgeClient(aws.options);

    const entry = (event: Event, index: number) => {
      const value = {
        Detail: detail(event),
        DetailType: detailType(event),
        Source: source(event),
        EventBusName: config.eventBusName,
        // The predecessor sent the time of sending.
        Time: context.compat ? new Date() : new Date(newestMs(event, Date.now())),
      };
      const texts = value.Detail + value.DetailType + value.Source;
      return { index, value, bytes: Buffer.byteLength(texts) + TIME_BYTES };
    };

    return {
      render: (batch: Batch) => ({ body: batch.map(detail).join("\n") }),
      deliver: (batch, signal) =>
        deliverEntries(batch.map(entry), limits, async (entries) => {
          const { FailedEntryCount = 0, Entries = [] } = await aws.call("PutEvents", signal, (options) =>
            client.send(new PutEventsCommand({ Entries: entries.map(({ value }) => value) }), options),
          );
          // What is not one of the service's own troubles (InternalFailure …) is wrong with the entry.
          return FailedEntryCount === 0 ? [] : refusalsAt(entries, Entries, true);
        }),
      check: (signal) =>
        aws.probe("DescribeEventBus", signal, (options) =>
          client.send(new DescribeEventBusCommand({ Name: config.eventBusName }), options),
        ),
      [Symbol.asyncDispose]: () => aws.close(client),
    };
  },
});
