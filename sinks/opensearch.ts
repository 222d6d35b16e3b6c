/** OpenSearch, on premises or at AWS. */
import { defineSink } from "../src/sink.ts";
import { environmentCredentials, signature } from "../src/wire/aws.ts";
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
          region: field.text().min(1).describe("Region of the domain or collection."),
          service: field.choice(["es", "aoss"]).default("es").describe("`es`: a domain; `aoss`: Serverless."),
        })
        .optional()
        .describe("Sign requests (SigV4) with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN."),
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
  updates: "all",
  create(config, context) {
    const { aws } = config;
    const options = { hosts: config.hosts, authorization: authorization(config, context) };
    if (!aws) return bulkSink(config, context, options);
    return bulkSink(config, context, {
      ...options,
      sign(request, body) {
        const { method, url, headers } = request;
        const scope = { ...aws, now: new Date() };
        const added = signature({ method, url, headers, body }, environmentCredentials(), scope);
        return { ...request, headers: [...headers, ...added] };
      },
    });
  },
});
