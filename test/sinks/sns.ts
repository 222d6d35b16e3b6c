import type { Fixture } from "../contract.ts";
import { AWS_AUTH, AWS_RETRIES, iam } from "./about.ts";
import { AWS_SECRETS, type AwsInput, awsDestination, CODES, judged } from "./aws-fake.ts";
import { GOLDEN_LINE } from "./lines.ts";

const NAMESPACE = "http://sns.amazonaws.com/doc/2010-03-31/";
export const answer = (operation: string, result: string): string =>
  `<${operation}Response xmlns="${NAMESPACE}"><${operation}Result>${result}</${operation}Result><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></${operation}Response>`;

/** The entries of a PublishBatch, which come as the fields of a form. */
export function entriesOf(form: AwsInput): Record<string, string>[] {
  const entries: Record<string, string>[] = [];
  for (const [name, value] of Object.entries(form)) {
    const [, at, rest = ""] = /^PublishBatchRequestEntries\.(?:member|entry)\.(\d+)\.(.+)$/.exec(name) ?? [];
    if (at === undefined) continue;
    entries[Number(at) - 1] ??= {};
    (entries[Number(at) - 1] as Record<string, string>)[rest] = String(value);
  }
  return entries;
}

export default {
  open: (tls) =>
    awsDestination(
      { topicARN: "arn:aws:sns:eu-central-1:123456789012:events" },
      (operation, input, _, judge) => {
        if (operation === "GetTopicAttributes") return { body: answer(operation, "<Attributes/>") };
        if (operation !== "PublishBatch") throw new Error(operation);
        const entries = entriesOf(input);
        if (entries.length > 10) throw new Error("TooManyEntriesInBatchRequest");
        const { texts, refused, verdicts } = judged(
          entries.map(({ Message = "" }) => Message),
          judge,
          {},
        );
        const taken = entries.filter((_, at) => verdicts[at] === undefined);
        const failed = entries.map(({ Id }, at) => {
          const verdict = verdicts[at];
          if (verdict === undefined) return "";
          const fault = verdict === "never";
          return `<member><Id>${Id}</Id><Code>${CODES[verdict]}</Code><SenderFault>${fault}</SenderFault></member>`;
        });
        return {
          ...{ texts, refused, ids: taken.map((entry) => entry["MessageAttributes.entry.1.Value.StringValue"] ?? "") },
          body: answer(operation, `<Failed>${failed.join("")}</Failed><Successful/>`),
        };
      },
      tls,
    ),
  golden: GOLDEN_LINE.trimEnd(),
  secrets: AWS_SECRETS,
  about: {
    auth: AWS_AUTH,
    permissions: iam(["sns:Publish"], ["sns:GetTopicAttributes"], "arn:aws:sns:REGION:ACCOUNT:NAME"),
    limits:
      "10 messages and 256 KiB a request unless the topic takes more ([PublishBatch](https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html))",
    order: "FIFO: per object",
    id: "attribute `id`; FIFO: deduplication within 5 minutes",
    retries: `${AWS_RETRIES}, \`Failed\`: exactly those`,
    tested: [{ component: "aws", server: "moto", version: "5.2.5" }],
  },
  gone: "network",
  // One form field escapes what JSON escapes already: the megabyte of the contract is more than a topic takes.
  skip: {},
} satisfies Fixture;
