import { type Fixture, httpDestination, MARK } from "../contract.ts";
import { HTTP_RETRIES } from "./about.ts";
import { documentOf, GOLDEN_DOCUMENT, takeBulk } from "./bulk.ts";

export default {
  open: (tls) => httpDestination((url) => ({ hosts: [url], useEventID: true, deDot: true }), takeBulk, tls),
  golden: `index kube-events ${GOLDEN_DOCUMENT}`,
  json: documentOf,
  secrets: [
    { hosts: [`http://${MARK}-user:${MARK}-pass@127.0.0.1:PORT/${MARK}/`], headers: { "X-Api-Key": MARK } },
    { username: "me", password: MARK },
    { bearerToken: MARK },
    {
      aws: {
        ...{ region: "eu-west-1", credentials: { accessKeyId: MARK, secretAccessKey: MARK, sessionToken: MARK } },
        assumeRole: { roleArn: "arn:aws:iam::123456789012:role/r", endpoint: `http://127.0.0.1:PORT/${MARK}/` },
      },
    },
    { aws: { region: "eu-west-1", credentials: { accessKeyId: MARK, secretAccessKey: MARK, sessionToken: MARK } } },
    { hosts: ["http://os.invalid"], proxy: `http://${MARK}-user:${MARK}-pass@127.0.0.1:PORT`, username: MARK },
  ],
  about: {
    auth: "`bearerToken`, else `username` and `password`; at AWS `aws` signs requests, with `accessKeyId`, `secretAccessKey` and `sessionToken` or what AWS's tools find; a client certificate in `tls`.",
    permissions:
      "On the index `indices:data/write/bulk*`, `indices:data/write/index` and `indices:admin/create`; on the cluster `indices:data/write/bulk`. At AWS the policy of the domain allows `es:ESHttpPost` and, for `check`, `es:ESHttpGet`. `check` takes 403 for an answer: who may only write is good.",
    limits:
      "100 MB a request unless `http.max_content_length` says otherwise; 10 MiB on small instances at AWS ([quotas](https://docs.aws.amazon.com/opensearch-service/latest/developerguide/limits.html))",
    order: "per object",
    id: "`_id`: stored once",
    retries: `${HTTP_RETRIES}, each item's status; 409 is delivered`,
    tested: [{ component: "opensearch", server: "OpenSearch", version: "2.19.1" }],
  },
  gone: "network",
  skip: {
    "idempotent id": "one document per event here: its id is the uid; the fixture of elasticsearch has the event's id",
  },
} satisfies Fixture;
