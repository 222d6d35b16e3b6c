/** Event Hubs' Kafka endpoint, by the fake broker of the kafka receiver; a real Kafka is in test/e2e/eventhubs.test.ts. */
import { type Fixture, MARK } from "../contract.ts";
import kafka from "./kafka.ts";
import { GOLDEN_LINE } from "./lines.ts";

const HUB = "SharedAccessKeyName=k;SharedAccessKey=a-key-of-the-hub;EntityPath=events";

export default {
  async open(tls) {
    const to = await kafka.open(tls);
    const [broker] = (to.config as { readonly brokers: readonly string[] }).brokers;
    const emulator = tls ? "" : ";UseDevelopmentEmulator=true";
    return {
      ...to,
      config: { connectionString: `Endpoint=sb://${broker}/;${HUB}${emulator}` },
      [Symbol.asyncDispose]: () => to[Symbol.asyncDispose](),
    };
  },
  golden: `poduid-1 ${GOLDEN_LINE.trimEnd()}`,
  json: kafka.json,
  secrets: [
    {
      connectionString: `Endpoint=sb://127.0.0.1:PORT/;SharedAccessKeyName=k;SharedAccessKey=${MARK};EntityPath=events;UseDevelopmentEmulator=true`,
    },
    {
      ...{ connectionString: "", namespace: "127.0.0.1:PORT", eventHub: "events" },
      entra: {
        ...{ tenantId: "t", clientId: "c", clientSecret: MARK },
        authorityHost: `http://${MARK}-user:${MARK}-pass@127.0.0.1:1/${MARK}`,
      },
    },
  ],
  about: {
    auth: "`connectionString` with a shared access key, or an identity at Microsoft Entra ID: what Azure's tools find (environment, AKS workload identity, managed identity), or `entra` with `clientSecret` or a token file.",
    permissions:
      "The claim **Send** of a shared access policy, or the role **Azure Event Hubs Data Sender** on the hub or the namespace. The namespace must have its Kafka endpoint, that is the Standard tier or a higher one.",
    limits:
      "1 MB a request and an event ([quotas](https://learn.microsoft.com/en-us/azure/event-hubs/event-hubs-quotas), [clients](https://learn.microsoft.com/en-us/azure/event-hubs/apache-kafka-configurations))",
    order: "per `partitionKey`: the object, unless it says otherwise",
    id: "property `id`",
    retries: kafka.about.retries,
    tested: kafka.about.tested,
  },
  gone: "network",
  skip: kafka.skip,
} satisfies Fixture;
