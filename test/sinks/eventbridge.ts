import type { Fixture } from "../contract.ts";
import { AWS_SECRETS, awsDestination } from "./aws-fake.ts";
import { GOLDEN_LINE } from "./lines.ts";

interface Entry {
  readonly Detail: string;
  readonly DetailType: string;
  readonly Source: string;
  readonly EventBusName: string;
  readonly Time: number;
}

export default {
  open: () =>
    awsDestination({ detailType: "{{ .Reason }}", source: "test" }, (operation, input) => {
      if (operation === "DescribeEventBus") return {};
      if (operation !== "PutEvents") throw new Error(operation);
      const entries = input.Entries as Entry[];
      if (entries.length > 10) throw new Error("too many entries");
      return {
        texts: entries.map((entry) => `${entry.EventBusName} ${entry.Source} ${entry.DetailType} ${entry.Detail}`),
        body: { FailedEntryCount: 0, Entries: entries.map(() => ({ EventId: "1" })) },
      };
    }),
  golden: `default test BackOff ${GOLDEN_LINE.trimEnd()}`,
  json: (text) => text.slice(text.indexOf("{")),
  secrets: AWS_SECRETS,
  gone: "network",
  skip: { "idempotent id": "EventBridge has no place for one: uid and resourceVersion are in the detail" },
} satisfies Fixture;
