/**
 * A strict fake: there is no Splunk to run.
 * @see https://help.splunk.com/en/splunk-enterprise/get-data-in/collect-http-event-data/format-events-for-http-event-collector
 */

import { type Fixture, httpDestination, MARK, type Taken } from "../contract.ts";
import { HTTP_RETRIES } from "./about.ts";

const KNOWN = new Set(["time", "host", "source", "sourcetype", "index", "fields", "event"]);

function take(request: Request, body: string): Taken {
  const { pathname } = new URL(request.url);
  if (request.headers.get("authorization") !== "Splunk t") throw new Error("authorization");
  if (request.method === "GET" && pathname === "/services/collector/health")
    return { texts: [], answer: Response.json({ text: "HEC is healthy", code: 17 }) };
  if (request.method !== "POST" || pathname !== "/services/collector/event")
    throw new Error(`${request.method} ${pathname}`);
  const texts = body.split("\n");
  const ids = texts.map((text) => {
    const record = JSON.parse(text) as Record<string, unknown>;
    for (const name of Object.keys(record)) if (!KNOWN.has(name)) throw new Error(name);
    // Code 15 for the whole batch: exponents, and values of fields that are no text or list of texts.
    if (!/^\{"time":\d{10}(\.\d{1,3})?,/.test(text)) throw new Error("time");
    const fields = record.fields as Record<string, unknown>;
    for (const value of Object.values(fields)) if (typeof value !== "string") throw new Error("fields");
    if (record.event === undefined || record.event === "") throw new Error("event");
    return String(fields.event_id);
  });
  return { texts, ids, answer: Response.json({ text: "Success", code: 0 }) };
}

export default {
  open: (tls) =>
    httpDestination(
      (url) => ({
        url,
        token: "t",
        index: "k8s",
        host: "",
        fields: { reason: "{{ .Reason }}" },
        layout: { message: "{{ .Message }}" },
      }),
      take,
      tls,
    ),
  golden: `{"time":1795211118,"index":"k8s","source":"kubernetes","sourcetype":"kubernetes:event","fields":{"reason":"BackOff","event_id":"ba30f343-3351.101"},"event":{"message":"Back-off \\u003crestarting\\u003e failed container"}}`,
  json: (text) => JSON.stringify(JSON.parse(text).event),
  secrets: [
    { token: MARK },
    { url: `http://${MARK}-user:${MARK}-pass@127.0.0.1:PORT/${MARK}/path?token=${MARK}`, token: MARK },
    { url: "http://splunk.invalid", token: MARK, proxy: `http://${MARK}-user:${MARK}-pass@127.0.0.1:PORT` },
  ],
  about: {
    auth: "`token` of the collector.",
    permissions: "A token that may write to the index.",
    limits:
      "what `max_content_length` allows ([limits.conf](https://help.splunk.com/en/splunk-enterprise/administer/admin-manual/10.0/configuration-file-reference/10.0.0-configuration-file-reference/limits.conf))",
    order: "by time",
    id: "indexed field `event_id`",
    retries: `${HTTP_RETRIES}, HEC's codes, indexer acknowledgement; a code that names the event refuses that one`,
    tested: [
      {
        fake: "https://help.splunk.com/en/splunk-enterprise/get-data-in/collect-http-event-data/format-events-for-http-event-collector",
      },
    ],
  },
  gone: "network",
  skip: {},
} satisfies Fixture;
