/** Google Cloud Pub/Sub. */
import type { Event } from "../src/event.ts";
import { defineSink } from "../src/sink.ts";
import { googleFields, googleTokens } from "../src/wire/google-auth.ts";
import { PUBSUB_LIMITS, pubsubTopic } from "../src/wire/pubsub.ts";
import { clippedBytes, openHttp, templatedTexts } from "../src/wire/sink-http.ts";

const SCOPE = "https://www.googleapis.com/auth/pubsub";
/** Bytes of an attribute's value, and of an ordering key. @see https://cloud.google.com/pubsub/quotas#resource_limits */
const TEXT_BYTES = 1_024;

export default defineSink({
  name: "pubsub",
  title: "Google Cloud Pub/Sub",
  summary: "Publishes each event to a Pub/Sub topic, many in a request, with its id as an attribute.",
  config: (field) =>
    field.object({
      gcloud_project_id: field.text().describe("Project of the topic."),
      topic: field.text().describe("Name of the topic."),
      create_topic: field.flag().default(false).describe("Create the topic when it is missing."),
      orderingKey: field
        .template()
        .optional()
        .describe(
          "Messages with the same key reach subscriptions with message ordering in order, as with `{{ .InvolvedObject.UID }}`; each key costs a request of its own.",
        ),
      attributes: field.templates().default({}).describe("Attributes beside `id`, the event's id."),
      layout: field.layout().optional().describe("Fields to send instead of the whole event."),
      ...googleFields(field),
    }),
  example: {
    gcloud_project_id: "my-project",
    topic: "kubernetes-events",
    create_topic: true,
    attributes: { reason: "{{ .Reason }}", namespace: "{{ .InvolvedObject.Namespace }}" },
  },
  // base64 makes a third more of it.
  batch: { count: PUBSUB_LIMITS.count, bytes: 4 * 1024 * 1024, eventBytes: PUBSUB_LIMITS.bytes },
  concurrency: 4,
  carriesId: true,
  updates: "all",
  create(config, context) {
    const payload = context.payload({ layout: config.layout });
    const attributes = templatedTexts(config.attributes, context);
    const key = config.orderingKey === undefined ? undefined : context.template(config.orderingKey);
    const http = openHttp(config, context);
    const emulator = process.env.PUBSUB_EMULATOR_HOST;
    const usesEmulator = config.endpoint === undefined && Boolean(emulator);
    const topic = pubsubTopic({
      project: config.gcloud_project_id,
      topic: config.topic,
      create: config.create_topic,
      base: usesEmulator ? `http://${emulator}` : (config.endpoint ?? "https://pubsub.googleapis.com"),
      http,
      tokens: usesEmulator ? undefined : googleTokens(config, SCOPE, http, context),
      log: context.log,
    });
    const message = (event: Event) => {
      const orderingKey = key ? clippedBytes(key(event), TEXT_BYTES) : "";
      const named = attributes(event);
      const texts = Object.entries<string>(named).map(([name, text]) => [name, clippedBytes(text, TEXT_BYTES)]);
      // The predecessor sent none.
      if (!context.compat) texts.unshift(["id", clippedBytes(event.id, TEXT_BYTES)]);
      const value = {
        data: Buffer.from(payload(event)).toString("base64"),
        ...(texts.length > 0 && { attributes: Object.fromEntries(texts) }),
        ...(orderingKey !== "" && { orderingKey }),
      };
      return { json: JSON.stringify(value), orderingKey };
    };
    return {
      render: (batch) => ({ body: batch.map(payload).join("\n") }),
      deliver: (batch, signal) => topic.publish(batch.map(message), signal),
      check: (signal) => topic.check(signal),
      async [Symbol.asyncDispose]() {
        http[Symbol.dispose]();
      },
    };
  },
});
