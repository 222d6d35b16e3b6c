import type { Fixture } from "../contract.ts";
import { AWS_SECRETS, awsDestination } from "./aws-fake.ts";
import { GOLDEN_LINE } from "./lines.ts";

export default {
  open: () =>
    awsDestination({ deliveryStreamName: "events" }, (operation, input) => {
      if (operation === "DescribeDeliveryStream") return {};
      if (operation !== "PutRecordBatch" || input.DeliveryStreamName !== "events") throw new Error(operation);
      const records = input.Records as { Data: string }[];
      if (records.length > 500) throw new Error("too many records");
      return {
        texts: records.map(({ Data }) => Buffer.from(Data, "base64").toString()),
        body: { FailedPutCount: 0, RequestResponses: records.map(() => ({ RecordId: "1" })) },
      };
    }),
  golden: GOLDEN_LINE,
  secrets: AWS_SECRETS,
  gone: "network",
  skip: { "idempotent id": "Firehose has no place for one: uid and resourceVersion are in the record" },
} satisfies Fixture;
