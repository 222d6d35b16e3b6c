/** OpenSearch, on premises or at AWS. */
import { defineSink } from "../src/sink.ts";
import { signature } from "../src/wire/aws.ts";
import { identityFields, openIdentity } from "../src/wire/aws-client.ts";
import { BULK_BATCH, bulkFields, bulkSink } from "../src/wire/bulk.ts";
import { authorization } from "../src/wire/sink-http.ts";

export default defineSink({
  name: "opensearch",
  title: "OpenSearch",
  summary: "Indexes events in OpenSearch in bulk, each under its id, so that a repeat is stored once.",
  config: (field) =>
    field.object({
      ...bulkFields(field),
      bearerToken: field.secret().optional().describe("Token of Bearer authorization; goes before a user."),
      aws: field
        .object({
          service: field.choice(["es", "aoss"]).default("es").describe("`es`: a domain; `aoss`: Serverless."),
          ...identityFields(field),
        })
        .optional()
        .describe("Sign requests (SigV4), for OpenSearch at AWS."),
    }),
  example: {
    hosts: ["https://opensearch.example.com:9200"],
    username: "petrel",
    password: { file: "/etc/petrel/opensearch-password" },
    index: "kube-events",
    dataStream: true,
  },
  batch: BULK_BATCH,
  limits: (_, compat) => (compat ? { count: 1 } : BULK_BATCH),
  partial: true,
  carriesId: true,
  updates: "all",
  async create(config, context) {
    const { aws, proxy } = config;
    const options = { hosts: config.hosts, authorization: authorization(config, context) };
    if (!aws) return bulkSink(config, context, options);
    const identity = await openIdentity({ ...aws, proxy }, context);
    const sink = bulkSink(config, context, {
      ...options,
      async sign(request, body) {
        const { method, url, headers, signal } = request;
        const { region, credentials } = await identity.current(signal);
        const scope = { region, service: aws.service, now: new Date() };
        return { ...request, headers: [...headers, ...signature({ method, url, headers, body }, credentials, scope)] };
      },
    });
    return {
      ...sink,
      async [Symbol.asyncDispose]() {
        await sink[Symbol.asyncDispose]?.();
        await identity.close();
      },
    };
  },
});
