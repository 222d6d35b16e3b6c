import type { Fixture } from "../contract.ts";
import { AWS_SECRETS, awsDestination } from "./aws-fake.ts";
import { GOLDEN_LINE } from "./lines.ts";

export default {
  open: () =>
    awsDestination({ streamName: "events" }, (operation, input) => {
      if (operation === "DescribeStreamSummary") return {};
      if (operation !== "PutRecords" || input.StreamName !== "events") throw new Error(operation);
      const records = input.Records as { Data: string; PartitionKey: string }[];
      if (records.length > 500) throw new Error("too many records");
      return {
        texts: records.map(({ Data, PartitionKey }) => `${PartitionKey} ${Buffer.from(Data, "base64")}`),
        body: { FailedRecordCount: 0, Records: records.map(() => ({ SequenceNumber: "1", ShardId: "0" })) },
      };
    }),
  golden: `ba30f343-3351 ${GOLDEN_LINE.trimEnd()}`,
  json: (text) => text.slice(text.indexOf("{")),
  secrets: AWS_SECRETS,
  gone: "network",
  skip: { "idempotent id": "Kinesis has no place for one: uid and resourceVersion are in the record" },
} satisfies Fixture;
