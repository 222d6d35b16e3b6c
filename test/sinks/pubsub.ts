/** A strict fake on the API's published description; the real one is in test/e2e/pubsub.test.ts. */
import { type Fixture, httpDestination } from "../contract.ts";
import { GOOGLE_AUTH, GOOGLE_RETRIES } from "./about.ts";
import { called, DISCOVERY, GOOGLE_SECRETS, isAuthorized, serviceAccount } from "./google-fake.ts";
import { GOLDEN_LINE } from "./lines.ts";

export interface Message {
  readonly data: string;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly orderingKey?: string;
}

export default {
  open: (tls) =>
    httpDestination(
      (endpoint) => ({
        ...{ gcloud_project_id: "my-project", topic: "events", endpoint },
        credentials: JSON.stringify(serviceAccount()),
      }),
      (request, text) => {
        isAuthorized(request);
        const { name, parameters, body } = called(DISCOVERY.pubsub, request, text);
        if (parameters.topic !== "projects/my-project/topics/events") throw new Error(`topic ${parameters.topic}`);
        if (name === "projects.topics.get") return { texts: [], answer: Response.json({ name: parameters.topic }) };
        if (name !== "projects.topics.publish") throw new Error(name);
        const { messages } = body as { messages: readonly Message[] };
        if (messages.length === 0 || messages.length > 1_000) throw new Error(`${messages.length} messages`);
        if (new Set(messages.map(({ orderingKey }) => orderingKey)).size > 1) throw new Error("several ordering keys");
        return {
          texts: messages.map(({ data }) => Buffer.from(data, "base64").toString()),
          ids: messages.map(({ attributes }) => attributes?.id ?? ""),
          answer: Response.json({ messageIds: messages.map((_, index) => String(index)) }),
        };
      },
      tls,
    ),
  golden: GOLDEN_LINE.trimEnd(),
  secrets: GOOGLE_SECRETS,
  about: {
    auth: GOOGLE_AUTH,
    permissions:
      "Role `roles/pubsub.publisher` on the topic. With `create_topic` also `pubsub.topics.create` in the project (`roles/pubsub.editor` has it); without that right a topic that is there is used all the same.",
    limits:
      "1,000 messages and 10 MB a request, 10 MB a message ([quotas](https://cloud.google.com/pubsub/quotas#resource_limits))",
    order: "with `orderingKey`: per key; otherwise none",
    id: "attribute `id`",
    retries: GOOGLE_RETRIES,
    tested: [{ component: "pubsub", server: "Google's pstest", version: "2.8.0" }],
  },
  gone: "network",
  skip: {},
} satisfies Fixture;
