import { type Fixture, httpDestination, MARK } from "../contract.ts";
import { HTTP_RETRIES } from "./about.ts";
import { documentOf, GOLDEN_DOCUMENT, takeBulk } from "./bulk.ts";

export default {
  open: (tls) =>
    httpDestination((url) => ({ hosts: [url], indexFormat: "kube-{2006.01.02}", deDot: true }), takeBulk, tls),
  golden: `create kube-2026.11.20 ${GOLDEN_DOCUMENT}`,
  json: documentOf,
  secrets: [
    { hosts: [`http://${MARK}-user:${MARK}-pass@127.0.0.1:PORT/${MARK}/`], headers: { "X-Api-Key": MARK } },
    { username: "me", password: MARK },
    { apiKey: `id:${MARK}`, bearerToken: MARK },
    { bearerToken: MARK },
    { hosts: ["http://es.invalid"], proxy: `http://${MARK}-user:${MARK}-pass@127.0.0.1:PORT`, username: MARK },
  ],
  about: {
    auth: "`apiKey`, else `bearerToken`, else `username` and `password`; a client certificate in `tls`.",
    permissions:
      "On the index the privileges `create_doc` (with `useEventID`: `index`) and `auto_configure`, so that the first event makes the index. `check` takes 403 for an answer: a key that may only write is good.",
    limits:
      "100 MB a request unless `http.max_content_length` says otherwise ([_bulk](https://www.elastic.co/guide/en/elasticsearch/reference/7.17/docs-bulk.html))",
    order: "per object",
    id: "`_id`: stored once",
    retries: `${HTTP_RETRIES}, each item's status; 409 is delivered`,
    tested: [{ component: "elasticsearch", server: "Elasticsearch", version: "7.17.28" }],
  },
  templates: { index: { with: { indexFormat: "" } } },
  gone: "network",
  skip: {},
} satisfies Fixture;
