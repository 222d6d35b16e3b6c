import { type Fixture, httpDestination, MARK } from "../contract.ts";
import { documentOf, GOLDEN_DOCUMENT, takeBulk } from "./bulk.ts";

export default {
  open: () => httpDestination((url) => ({ hosts: [url], indexFormat: "kube-{2006.01.02}", deDot: true }), takeBulk),
  golden: `create kube-2026.11.20 ${GOLDEN_DOCUMENT}`,
  json: documentOf,
  secrets: [
    { hosts: [`http://${MARK}-user:${MARK}-pass@127.0.0.1:PORT/${MARK}/`], headers: { "X-Api-Key": MARK } },
    { username: "me", password: MARK },
    { apiKey: `id:${MARK}`, bearerToken: MARK },
    { bearerToken: MARK },
    { hosts: ["http://es.invalid"], proxy: `http://${MARK}-user:${MARK}-pass@127.0.0.1:PORT`, username: MARK },
  ],
  gone: "network",
  skip: {},
} satisfies Fixture;
