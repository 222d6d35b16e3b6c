/** Azure Event Grid: custom topics, and topics of a namespace. */
import { type CloudEvent, structured } from "../src/cloudevents.ts";
import { type Batch, defineSink } from "../src/sink.ts";
import { entraField } from "../src/wire/entra.ts";
import { EVENTGRID_LIMITS, eventGridEvent, openEventGrid } from "../src/wire/eventgrid.ts";

export default defineSink({
  name: "eventgrid",
  title: "Azure Event Grid",
  summary: "Publishes each event to an Event Grid topic as a CloudEvent, many in a request.",
  config: (field) =>
    field.object({
      endpoint: field
        .url()
        .describe("Endpoint of a custom topic, as the portal shows it, or host of the namespace of `topic`."),
      topic: field.text().optional().describe("Topic of a namespace; without it `endpoint` is a custom topic's."),
      schema: field
        .choice(["cloudevents", "eventgrid"])
        .default("cloudevents")
        .describe("Input schema of a custom topic: CloudEvents 1.0, or Event Grid's own."),
      key: field.secret().optional().describe("Access key; without it and `sasToken`, the identity of `entra` counts."),
      sasToken: field.secret().optional().describe("Shared access signature, `r=…&e=…&s=…`."),
      entra: entraField(field),
      layout: field.layout().optional().describe("Fields of the data instead of the whole event."),
      ...field.connection(),
    }),
  example: {
    endpoint: "https://my-topic.westeurope-1.eventgrid.azure.net/api/events",
    key: { env: "EVENTGRID_KEY" },
  },
  batch: { ...EVENTGRID_LIMITS, eventBytes: EVENTGRID_LIMITS.bytes },
  concurrency: 4,
  modes: ["batch"],
  onlyCloudEvents: true,
  carriesId: true,
  updates: "all",
  create(config, context) {
    const events = context.cloudEvents({ layout: config.layout });
    const topic = openEventGrid(config, context);
    const encoded: (event: CloudEvent) => string = config.schema === "eventgrid" ? eventGridEvent : structured;
    const all = (batch: Batch) =>
      batch.flatMap((event, index) => events(event).map((one) => ({ json: encoded(one), index })));
    return {
      render: (batch) => ({
        body: all(batch)
          .map(({ json }) => json)
          .join("\n"),
      }),
      deliver: (batch, signal) => topic.post(all(batch), signal),
      check: (signal) => topic.check(signal),
      async [Symbol.asyncDispose]() {
        topic[Symbol.dispose]();
      },
    };
  },
});
