import type { Fixture } from "../contract.ts";
import { AWS_AUTH, AWS_RETRIES, iam } from "./about.ts";
import { AWS_SECRETS, awsDestination, judged } from "./aws-fake.ts";
import { GOLDEN_LINE } from "./lines.ts";

export default {
  open: (tls) =>
    awsDestination(
      { deliveryStreamName: "events" },
      (operation, input, _, judge) => {
        if (operation === "DescribeDeliveryStream") return {};
        if (operation !== "PutRecordBatch" || input.DeliveryStreamName !== "events") throw new Error(operation);
        const records = input.Records as { Data: string }[];
        if (records.length > 500) throw new Error("too many records");
        const all = records.map(({ Data }) => Buffer.from(Data, "base64").toString());
        const { texts, refused, results } = judged(all, judge, { RecordId: "1" });
        return { texts, refused, body: { FailedPutCount: refused.length, RequestResponses: results } };
      },
      tls,
    ),
  golden: GOLDEN_LINE,
  secrets: AWS_SECRETS,
  about: {
    auth: AWS_AUTH,
    permissions: iam(
      ["firehose:PutRecordBatch"],
      ["firehose:DescribeDeliveryStream"],
      "arn:aws:firehose:REGION:ACCOUNT:deliverystream/NAME",
    ),
    limits:
      "500 records and 4 MiB a request, 1,000 KiB a record ([PutRecordBatch](https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html))",
    order: "per object",
    id: "none: Firehose has no place for one; uid and resourceVersion are in the record",
    retries: `${AWS_RETRIES}, \`FailedPutCount\`: exactly those`,
    tested: [{ component: "aws", server: "moto", version: "5.2.5" }],
  },
  refusesNone: "Firehose has no code for a record that it will never take",
  gone: "network",
  skip: {},
} satisfies Fixture;
