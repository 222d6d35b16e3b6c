import { type Fixture, httpDestination, MARK } from "../contract.ts";
import { HTTP_RETRIES } from "./about.ts";

export default {
  open: (tls) =>
    httpDestination(
      (url) => ({ endpoint: `${url}/hook`, headers: { "X-Reason": "{{ .Reason }}" } }),
      (request, body) => ({
        texts: [
          `${request.method} ${new URL(request.url).pathname} ${request.headers.get("content-type")} ${request.headers.get("x-reason")} ${body}`,
        ],
        ids: [request.headers.get("idempotency-key") ?? ""],
      }),
      tls,
    ),
  golden: `POST /hook application/json BackOff {"metadata":{"name":"web-1.17aa","namespace":"default","uid":"ba30f343-3351","resourceVersion":"101","creationTimestamp":"2026-11-20T21:44:18Z"},"reason":"BackOff","message":"Back-off \\u003crestarting\\u003e failed container","source":{"component":"kubelet","host":"node-1"},"firstTimestamp":"2026-11-20T21:44:18Z","lastTimestamp":"2026-11-20T21:45:18Z","count":7,"type":"Warning","eventTime":null,"reportingComponent":"","reportingInstance":"","clusterName":"","involvedObject":{"kind":"Pod","namespace":"default","name":"web-1","uid":"poduid-1","apiVersion":"v1","resourceVersion":"55","labels":{"app":"web","app.kubernetes.io/name":"web"},"deleted":false}}`,
  json: (text) => text.slice(text.indexOf("{")),
  secrets: [
    {
      endpoint: `http://${MARK}-user:${MARK}-pass@127.0.0.1:PORT/${MARK}/path?token=${MARK}`,
      headers: { Authorization: `Bearer ${MARK}-header`, "X-Api-Key": `${MARK}-key` },
    },
    {
      endpoint: `http://${MARK}-user:${MARK}-pass@events.invalid/${MARK}/path?token=${MARK}`,
      proxy: `http://${MARK}-user:${MARK}-pass@127.0.0.1:PORT`,
    },
    { endpoint: "http://127.0.0.1:PORT/", username: "me", password: MARK },
    { endpoint: "http://127.0.0.1:PORT/", bearerToken: MARK },
  ],
  about: {
    auth: "`bearerToken`, else `username` and `password`; any header; a client certificate in `tls`.",
    permissions: "None beside what the endpoint asks for.",
    limits: "those of the endpoint",
    order: "per object",
    id: "header `Idempotency-Key`, for one event a request",
    retries: HTTP_RETRIES,
    tested: [{ local: "any HTTP server" }],
  },
  gone: "network",
  skip: { "more bytes than a delivery takes": "one event a request unless `batch` is set: webhook.test.ts" },
} satisfies Fixture;
