/** A fake for the contract; test/e2e/loki.test.ts has the real server. */

import { type Fixture, httpDestination, MARK } from "../contract.ts";
import { HTTP_RETRIES } from "./about.ts";

interface Push {
  readonly streams: readonly {
    readonly stream: Readonly<Record<string, string>>;
    readonly values: readonly (readonly [string, string, Readonly<Record<string, string>>])[];
  }[];
}

/** @see https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs */
function take(request: Request, body: string) {
  const { pathname } = new URL(request.url);
  if (request.method !== "POST" || pathname !== "/loki/api/v1/push") throw new Error(`${request.method} ${pathname}`);
  if (request.headers.get("content-type") !== "application/json") throw new Error("not JSON");
  const texts: string[] = [];
  const ids: string[] = [];
  for (const { stream, values } of (JSON.parse(body) as Push).streams) {
    if (Object.keys(stream).length === 0) throw new Error("at least one label pair is required per stream");
    for (const [name, value] of Object.entries(stream))
      if (!/^[a-zA-Z_:][\w:]*$/.test(name) || typeof value !== "string") throw new Error(`label ${name}`);
    for (const [time, line, metadata] of values) {
      if (!/^\d{19}$/.test(time)) throw new Error(`time ${time}`);
      for (const value of Object.values(metadata)) if (typeof value !== "string") throw new Error("metadata");
      texts.push(`${request.headers.get("x-scope-orgid")} ${JSON.stringify(stream)} ${time} ${line}`);
      ids.push(metadata.event_id ?? "");
    }
  }
  return { texts, ids, answer: new Response(null, { status: 204 }) };
}

export default {
  open: (tls) =>
    httpDestination(
      (url) => ({ url, streamLabels: { source: "k8s", type: "{{ .Type }}" }, tenant: "one" }),
      (request, body) => take(request, body),
      tls,
    ),
  golden: `one {"source":"k8s","type":"Warning"} 1795211118000000101 {"metadata":{"name":"web-1.17aa","namespace":"default","uid":"ba30f343-3351","resourceVersion":"101","creationTimestamp":"2026-11-20T21:44:18Z"},"reason":"BackOff","message":"Back-off \\u003crestarting\\u003e failed container","source":{"component":"kubelet","host":"node-1"},"firstTimestamp":"2026-11-20T21:44:18Z","lastTimestamp":"2026-11-20T21:45:18Z","count":7,"type":"Warning","eventTime":null,"reportingComponent":"","reportingInstance":"","clusterName":"","involvedObject":{"kind":"Pod","namespace":"default","name":"web-1","uid":"poduid-1","apiVersion":"v1","resourceVersion":"55","labels":{"app":"web","app.kubernetes.io/name":"web"},"deleted":false}}`,
  // What is rendered is a push of one line.
  json: (text) =>
    text.startsWith('{"streams"')
      ? ((JSON.parse(text) as Push).streams[0]?.values[0]?.[1] ?? "")
      : text.slice(text.indexOf('{"metadata"')),
  secrets: [
    {
      url: `http://${MARK}-user:${MARK}-pass@127.0.0.1:PORT/${MARK}/push?token=${MARK}`,
      headers: { "X-Api-Key": `${MARK}-key` },
    },
    { username: "me", password: MARK },
    { bearerToken: MARK, tenant: "x" },
    { url: `http://loki.invalid/${MARK}/push`, proxy: `http://${MARK}-user:${MARK}-pass@127.0.0.1:PORT` },
  ],
  about: {
    auth: "`bearerToken`, else `username` and `password`; a client certificate in `tls`; `tenant`.",
    permissions: "The right to push logs; at Grafana Cloud an access policy with `logs:write`.",
    limits:
      "6 MB a request (`ingestion_burst_size_mb`), 256 KB a line (`max_line_size`), unless the server says otherwise ([limits_config](https://grafana.com/docs/loki/latest/configure/#limits_config))",
    order: "by time in a stream",
    id: "metadata `event_id`; the same line at the same time is stored once",
    retries: `${HTTP_RETRIES}; a refused push goes in halves; what is too old goes again as of now; 260`,
    tested: [{ component: "loki", server: "Loki", version: "3.7.8" }],
  },
  gone: "network",
  skip: {},
} satisfies Fixture;
