import type { Fixture } from "../contract.ts";
import { AWS_AUTH, AWS_RETRIES, iam } from "./about.ts";
import { AWS_SECRETS, awsDestination, CODES, judged, md5 } from "./aws-fake.ts";
import { GOLDEN_LINE } from "./lines.ts";

interface Entry {
  readonly Id: string;
  readonly MessageBody: string;
  readonly MessageAttributes?: { readonly id: { readonly StringValue: string } };
}

export default {
  open: (tls) =>
    awsDestination(
      { queueName: "events" },
      (operation, input, _, judge) => {
        if (operation === "GetQueueUrl") return { body: { QueueUrl: "http://sqs.invalid/123456789012/events" } };
        if (operation === "GetQueueAttributes") return {};
        if (operation !== "SendMessageBatch") throw new Error(operation);
        const entries = input.Entries as Entry[];
        if (entries.length > 10) throw new Error("TooManyEntriesInBatchRequest");
        const { texts, refused, verdicts } = judged(
          entries.map(({ MessageBody }) => MessageBody),
          judge,
          {},
        );
        const taken = entries.filter((_, at) => verdicts[at] === undefined);
        return {
          ...{ texts, refused, ids: taken.map(({ MessageAttributes }) => MessageAttributes?.id.StringValue ?? "") },
          body: {
            Failed: entries.flatMap(({ Id }, at) => {
              const verdict = verdicts[at];
              return verdict ? [{ Id, Code: CODES[verdict], Message: "", SenderFault: verdict === "never" }] : [];
            }),
            Successful: taken.map(({ Id, MessageBody }) => ({ Id, MessageId: Id, MD5OfMessageBody: md5(MessageBody) })),
          },
        };
      },
      tls,
    ),
  golden: GOLDEN_LINE.trimEnd(),
  secrets: AWS_SECRETS,
  about: {
    auth: AWS_AUTH,
    permissions: iam(
      ["sqs:GetQueueUrl", "sqs:SendMessage"],
      ["sqs:GetQueueAttributes"],
      "arn:aws:sqs:REGION:ACCOUNT:NAME",
    ),
    limits:
      "10 messages and 1 MiB a request ([quotas](https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html))",
    order: "FIFO: per object",
    id: "attribute `id`; FIFO: deduplication within 5 minutes",
    retries: `${AWS_RETRIES}, \`Failed\`: exactly those`,
    tested: [{ component: "aws", server: "moto", version: "5.2.5" }],
  },
  gone: "network",
  skip: {},
} satisfies Fixture;
