import { type Fixture, httpDestination, MARK } from "../contract.ts";
import { documentOf, GOLDEN_DOCUMENT, takeBulk } from "./bulk.ts";

export default {
  open: () => httpDestination((url) => ({ hosts: [url], useEventID: true, deDot: true }), takeBulk),
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
  gone: "network",
  skip: {
    "idempotent id": "one document per event here: its id is the uid; the fixture of elasticsearch has the event's id",
  },
} satisfies Fixture;
