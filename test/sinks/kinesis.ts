import type { Fixture } from "../contract.ts";
import { AWS_AUTH, AWS_RETRIES, iam } from "./about.ts";
import { AWS_SECRETS, awsDestination, judged } from "./aws-fake.ts";
import { GOLDEN_LINE } from "./lines.ts";

export default {
  open: (tls) =>
    awsDestination(
      { streamName: "events" },
      (operation, input, _, judge) => {
        if (operation === "DescribeStreamSummary") return {};
        if (operation !== "PutRecords" || input.StreamName !== "events") throw new Error(operation);
        const records = input.Records as { Data: string; PartitionKey: string }[];
        if (records.length > 500) throw new Error("too many records");
        const all = records.map(({ Data, PartitionKey }) => `${PartitionKey} ${Buffer.from(Data, "base64")}`);
        const { texts, refused, results } = judged(all, judge, { SequenceNumber: "1", ShardId: "0" });
        return { texts, refused, body: { FailedRecordCount: refused.length, Records: results } };
      },
      tls,
    ),
  golden: `ba30f343-3351 ${GOLDEN_LINE.trimEnd()}`,
  json: (text) => text.slice(text.indexOf("{")),
  secrets: AWS_SECRETS,
  about: {
    auth: AWS_AUTH,
    permissions: iam(
      ["kinesis:PutRecords"],
      ["kinesis:DescribeStreamSummary"],
      "arn:aws:kinesis:REGION:ACCOUNT:stream/NAME",
    ),
    limits:
      "500 records and 5 MiB a request (10 by newer documentation), 1 MiB a record unless the stream takes more ([PutRecords](https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html))",
    order: "per partition key: the event, unless `partitionKey` says otherwise",
    id: "none: Kinesis has no place for one; uid and resourceVersion are in the record",
    retries: `${AWS_RETRIES}, \`FailedRecordCount\`: exactly those`,
    tested: [{ component: "aws", server: "moto", version: "5.2.5" }],
  },
  refusesNone: "Kinesis has no code for a record that it will never take",
  gone: "network",
  skip: {},
} satisfies Fixture;
