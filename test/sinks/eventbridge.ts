import type { Fixture } from "../contract.ts";
import { AWS_AUTH, AWS_RETRIES, iam } from "./about.ts";
import { AWS_SECRETS, awsDestination, judged } from "./aws-fake.ts";
import { GOLDEN_LINE } from "./lines.ts";

interface Entry {
  readonly Detail: string;
  readonly DetailType: string;
  readonly Source: string;
  readonly EventBusName: string;
  readonly Time: number;
}

export default {
  open: (tls) =>
    awsDestination(
      { detailType: "{{ .Reason }}", source: "test" },
      (operation, input, _, judge) => {
        if (operation === "DescribeEventBus") return {};
        if (operation !== "PutEvents") throw new Error(operation);
        const entries = input.Entries as Entry[];
        if (entries.length > 10) throw new Error("too many entries");
        const all = entries.map((entry) => `${entry.EventBusName} ${entry.Source} ${entry.DetailType} ${entry.Detail}`);
        const { texts, refused, results } = judged(all, judge, { EventId: "1" });
        return { texts, refused, body: { FailedEntryCount: refused.length, Entries: results } };
      },
      tls,
    ),
  golden: `default test BackOff ${GOLDEN_LINE.trimEnd()}`,
  json: (text) => text.slice(text.indexOf("{")),
  secrets: AWS_SECRETS,
  about: {
    auth: AWS_AUTH,
    permissions: iam(["events:PutEvents"], ["events:DescribeEventBus"], "arn:aws:events:REGION:ACCOUNT:event-bus/NAME"),
    limits:
      "10 entries and 1 MiB a request ([PutEvents](https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html))",
    order: "none: EventBridge promises none",
    id: "none: EventBridge has no place for one; uid and resourceVersion are in the detail",
    retries: `${AWS_RETRIES}, \`FailedEntryCount\`: exactly those`,
    tested: [{ component: "aws", server: "moto", version: "5.2.5" }],
  },
  gone: "network",
  skip: {},
} satisfies Fixture;
