/**
 * A strict fake on the service's published definition, whose CloudEvents the CloudEvents SDK must be able to read, too:
 * there is no Event Grid to run.
 * @see https://learn.microsoft.com/en-us/azure/event-grid/post-to-custom-topic
 */
import { CloudEvent, HTTP } from "cloudevents";
import { type Fixture, httpDestination, MARK, type Taken } from "../contract.ts";
import definition from "../fixtures/azure/eventgrid.json" with { type: "json" };
import { HTTP_RETRIES } from "./about.ts";

export const KEY = "an-access-key-of-the-fake";

type Name = keyof typeof definition.definitions;
const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** Throws for an event that the definition does not allow. */
function validate(name: Name, event: Readonly<Record<string, unknown>>): void {
  const {
    required,
    properties,
    additionalProperties = false,
  } = definition.definitions[name] as {
    required: readonly string[];
    properties: Readonly<Record<string, { type: string; format?: string; readOnly?: boolean }>>;
    additionalProperties?: boolean;
  };
  for (const key of required) if (!event[key]) throw new Error(`${name}: ${key} is missing or empty`);
  for (const [key, value] of Object.entries(event)) {
    const known = properties[key];
    if (known === undefined) {
      if (!additionalProperties) throw new Error(`${name}: ${key} is not known`);
      // An extension attribute.
      if (!/^[a-z0-9]{1,20}$/.test(key)) throw new Error(`${name}: ${key} is no name`);
      continue;
    }
    if (known.readOnly || typeof value !== known.type) throw new Error(`${name}: ${key}`);
    if (known.format === "date-time" && !RFC3339.test(String(value))) throw new Error(`${name}: ${key} is no time`);
  }
  if (name !== "CloudEventEvent") return;
  const headers = { "content-type": "application/cloudevents+json" };
  const read = HTTP.toEvent({ headers, body: JSON.stringify(event) });
  if (!(read instanceof CloudEvent) || !read.validate()) throw new Error("no CloudEvent");
}

/** What a topic makes of a request: its events, valid, the time of their making apart. */
export function takeGrid(schema: "cloudevents" | "eventgrid", request: Request, body: string): Taken {
  const path = schema === "cloudevents" ? "/api/events?overload=cloudEvent" : "/api/events";
  const { consumes, items } = definition.paths[path];
  if (request.headers.get("content-type") !== consumes) throw new Error(`${request.headers.get("content-type")}`);
  if (Buffer.byteLength(body) > 1_048_576) return { texts: [], answer: new Response("", { status: 413 }) };
  const events = JSON.parse(body) as Readonly<Record<string, unknown>>[];
  if (!Array.isArray(events) || events.length === 0) throw new Error("no array");
  for (const event of events) validate(items as Name, event);
  return {
    texts: events.map((event) => JSON.stringify("recordedtime" in event ? { ...event, recordedtime: "NOW" } : event)),
    ids: events.map(({ id }) => String(id)),
    answer: new Response(""),
  };
}

export default {
  open: (tls) =>
    httpDestination(
      (endpoint) => ({ endpoint, key: KEY }),
      (request, body) => {
        const { pathname, search } = new URL(request.url);
        if (request.method !== "POST" || pathname + search !== "/api/events?api-version=2018-01-01")
          throw new Error(`${request.method} ${pathname}${search}`);
        if (request.headers.get("aeg-sas-key") !== KEY) throw new Error("aeg-sas-key");
        return takeGrid("cloudevents", request, body);
      },
      tls,
    ),
  golden:
    '{"specversion":"1.0","id":"ba30f343-3351.101","source":"/clusters/unknown-cluster/namespaces/default","type":"Kubernetes.Events.Raw","subject":"Pod/web-1","time":"2026-11-20T21:45:18Z","dataschema":"urn:petrel:schema:Kubernetes.Events.Raw","recordedtime":"NOW","severitytext":"WARN","severitynumber":13,"datacontenttype":"application/json","data":{"metadata":{"name":"web-1.17aa","namespace":"default","uid":"ba30f343-3351","resourceVersion":"101","creationTimestamp":"2026-11-20T21:44:18Z"},"reason":"BackOff","message":"Back-off <restarting> failed container","source":{"component":"kubelet","host":"node-1"},"firstTimestamp":"2026-11-20T21:44:18Z","lastTimestamp":"2026-11-20T21:45:18Z","count":7,"type":"Warning","eventTime":null,"reportingComponent":"","reportingInstance":"","clusterName":"","involvedObject":{"kind":"Pod","namespace":"default","name":"web-1","uid":"poduid-1","apiVersion":"v1","resourceVersion":"55","labels":{"app":"web","app.kubernetes.io/name":"web"},"deleted":false}}}',
  json: (text) => JSON.stringify(JSON.parse(text).data),
  secrets: [
    { key: MARK },
    { key: "", sasToken: MARK },
    { endpoint: `http://${MARK}-user:${MARK}-pass@127.0.0.1:PORT/${MARK}/path?token=${MARK}`, key: MARK },
    { endpoint: "http://grid.invalid", key: MARK, proxy: `http://${MARK}-user:${MARK}-pass@127.0.0.1:PORT` },
    {
      key: "",
      entra: {
        ...{ tenantId: "t", clientId: "c", clientSecret: MARK },
        authorityHost: `http://${MARK}-user:${MARK}-pass@127.0.0.1:PORT`,
      },
    },
  ],
  about: {
    auth: "`key` (access key), `sasToken` (shared access signature), or an identity at Microsoft Entra ID: what Azure's tools find (environment, AKS workload identity, managed identity), or `entra` with `clientSecret` or a token file.",
    permissions:
      "Role **EventGrid Data Sender** on the topic or the namespace, for an identity; a key or signature has the right in it.",
    limits:
      "1 MB a request and an event, of namespaces 1,000 events a request ([quotas](https://learn.microsoft.com/en-us/azure/event-grid/quotas-limits))",
    order: "none",
    id: "`id` of the CloudEvent, or of the event in Event Grid's schema",
    retries: HTTP_RETRIES,
    tested: [
      {
        fake: "https://github.com/Azure/azure-rest-api-specs/blob/main/specification/eventgrid/data-plane/Microsoft.EventGrid/stable/2018-01-01/EventGrid.json",
      },
    ],
  },
  gone: "network",
  skip: {},
} satisfies Fixture;
