/** A strict fake: there is no Opsgenie to run. @see https://docs.opsgenie.com/docs/alert-api#create-alert */

import { type Fixture, httpDestination, MARK, type Taken } from "../contract.ts";
import { HTTP_RETRIES } from "./about.ts";

const TEXTS: Readonly<Record<string, number>> = {
  message: 130,
  alias: 512,
  description: 15_000,
  entity: 512,
  source: 100,
};

function take(request: Request, body: string): Taken {
  const { pathname } = new URL(request.url);
  if (request.method === "GET" && pathname === "/v2/alerts") return { texts: [], answer: Response.json({ data: [] }) };
  if (request.method !== "POST" || pathname !== "/v2/alerts") throw new Error(`${request.method} ${pathname}`);
  if (request.headers.get("authorization") !== "GenieKey k") throw new Error("authorization");
  const alert = JSON.parse(body) as Record<string, unknown>;
  for (const [name, value] of Object.entries(alert)) {
    const max = TEXTS[name];
    if (max !== undefined && (typeof value !== "string" || value.length > max)) throw new Error(name);
    if (max === undefined && !["tags", "details", "priority"].includes(name)) throw new Error(name);
  }
  if (!/^P[1-5]$/.test(String(alert.priority))) throw new Error("priority");
  if (((alert.tags as unknown[]) ?? []).length > 20) throw new Error("tags");
  const details = Object.values((alert.details as object) ?? {});
  if (details.some((value) => typeof value !== "string") || details.join("").length > 8_000) throw new Error("details");
  const answer = Response.json({ result: "Request will be processed", took: 0.1, requestId: "r" }, { status: 202 });
  // An event without anything has nothing to be said of either.
  return { texts: [body], ids: [String(alert.alias)], answer };
}

export default {
  open: (tls) =>
    httpDestination(
      (url) => ({
        ...{ apiKey: "k", URL: url, message: "{{ .Reason }}: {{ .Message }}", description: "{{ .Message }}" },
        ...{ tags: ["k8s", "{{ .Type }}"], details: { b: "{{ .Message }}", a: "{{ .Count }}" }, priority: "P2" },
        alias: "{{ .Id }}",
      }),
      take,
      tls,
    ),
  golden: `{"message":"BackOff: Back-off <restarting> failed container","alias":"ba30f343-3351.101","description":"Back-off <restarting> failed container","tags":["k8s","Warning"],"details":{"a":"7","b":"Back-off <restarting> failed container"},"priority":"P2"}`,
  // The contract looks for the event's message under this name.
  json: (text) => JSON.stringify({ ...JSON.parse(text), message: JSON.parse(text).description }),
  secrets: [
    { apiKey: MARK },
    { apiKey: MARK, URL: "http://api.invalid", proxy: `http://${MARK}-user:${MARK}-pass@127.0.0.1:PORT` },
  ],
  about: {
    auth: "`apiKey` of an API integration.",
    permissions: "An API integration that may create and update alerts.",
    limits:
      "130 characters a message, 15,000 a description, 20 tags ([create alert](https://docs.opsgenie.com/docs/alert-api#create-alert))",
    order: "per object",
    id: "`alias`, the event's uid unless set: a repeat raises the count of its alert",
    retries: HTTP_RETRIES,
    tested: [{ fake: "https://docs.opsgenie.com/docs/alert-api#create-alert" }],
  },
  gone: "network",
  skip: { "an event too large": "texts are cut to what an alert takes" },
} satisfies Fixture;
