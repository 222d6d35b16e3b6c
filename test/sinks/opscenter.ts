import type { Fixture } from "../contract.ts";
import { AWS_SECRETS, awsDestination } from "./aws-fake.ts";

/** Keys in one order: the client has its own. */
const sorted = (text: string) => JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(text)).sort()));

export default {
  open: () =>
    awsDestination(
      {
        title: "{{ .Reason }}",
        description: "{{ .Message }}",
        source: "test",
        priority: "2",
        operationalData: { reason: "{{ .Reason }}" },
        relatedOpsItems: ["oi-1"],
        notifications: ["arn:aws:sns:eu-central-1:123456789012:t"],
        tags: { team: "a" },
      },
      (operation, input) => {
        if (operation === "DescribeOpsItems") return { body: { OpsItemSummaries: [] } };
        if (operation !== "CreateOpsItem") throw new Error(operation);
        const dedup = JSON.parse(input.OperationalData["/aws/dedup"].Value).dedupString;
        return { texts: [sorted(JSON.stringify(input))], ids: [dedup], body: { OpsItemId: "oi-2" } };
      },
    ),
  golden: `{"Description":"Back-off <restarting> failed container","Notifications":[{"Arn":"arn:aws:sns:eu-central-1:123456789012:t"}],"OperationalData":{"/aws/dedup":{"Value":"{\\"dedupString\\":\\"ba30f343-3351.101\\"}","Type":"SearchableString"},"reason":{"Value":"BackOff","Type":"SearchableString"}},"Priority":2,"RelatedOpsItems":[{"OpsItemId":"oi-1"}],"Source":"test","Tags":[{"Key":"team","Value":"a"}],"Title":"BackOff"}`,
  json: sorted,
  secrets: AWS_SECRETS,
  gone: "network",
  skip: {},
} satisfies Fixture;
