/** Elasticsearch, on premises or in Elastic's cloud. */
import { ConfigError } from "../src/errors.ts";
import { defineSink } from "../src/sink.ts";
import { BULK_BATCH, bulkFields, bulkSink } from "../src/wire/bulk.ts";
import { authorization } from "../src/wire/sink-http.ts";

export default defineSink({
  name: "elasticsearch",
  title: "Elasticsearch",
  summary: "Indexes events in Elasticsearch in bulk, each under its id, so that a repeat is stored once.",
  config: (field) =>
    field.object({
      ...bulkFields(field),
      cloudID: field.text().optional().describe("Cloud ID of a deployment in Elastic's cloud; goes before `hosts`."),
      apiKey: field.secret().optional().describe("API key, `id:key` or already encoded; goes before a user."),
      bearerToken: field.secret().optional().describe("Token of Bearer authorization; goes before a user."),
    }),
  example: {
    hosts: ["https://elasticsearch.example.com:9200"],
    apiKey: { env: "ELASTIC_API_KEY" },
    indexFormat: "kube-events-{2006.01.02}",
  },
  batch: BULK_BATCH,
  limits: (_, compat) => (compat ? { count: 1 } : BULK_BATCH),
  partial: true,
  carriesId: true,
  updates: "all",
  create(config, context) {
    const key = config.apiKey === undefined ? undefined : context.secret(config.apiKey);
    const other = authorization(config, context);
    const encoded = (text: string) => (text.includes(":") ? Buffer.from(text).toString("base64") : text);
    const scheme = context.compat ? "APIKey" : "ApiKey";
    return bulkSink(config, context, {
      hosts: config.cloudID ? [cloudHost(config.cloudID)] : config.hosts,
      authorization: () => (key?.reveal() ? `${scheme} ${encoded(key.reveal())}` : other()),
    });
  },
});

/** `name:base64(host$elasticsearch$kibana)`. @see https://www.elastic.co/docs/deploy-manage/deploy/elastic-cloud/find-cloud-id */
function cloudHost(id: string): string {
  const [host = "", uuid] = Buffer.from(id.slice(id.lastIndexOf(":") + 1), "base64")
    .toString()
    .split("$");
  if (uuid && /^[\w.-]+(:\d+)?$/.test(host) && /^[\w-]+$/.test(uuid)) return `https://${uuid}.${host}`;
  throw new ConfigError("elasticsearch.cloudID is not one: expected NAME:BASE64 as the deployment's page shows it");
}
