import type { Fixture } from "../contract.ts";
import { AWS_AUTH, AWS_RETRIES, iam } from "./about.ts";
import { AWS_SECRETS, awsDestination } from "./aws-fake.ts";

/** Keys in one order: the client has its own. */
const sorted = (text: string) => JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(text)).sort()));

export default {
  open: (tls) =>
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
        const { OperationalData } = input as { readonly OperationalData: Record<string, { readonly Value: string }> };
        const dedup = JSON.parse(OperationalData["/aws/dedup"]?.Value ?? "null").dedupString;
        return { texts: [sorted(JSON.stringify(input))], ids: [dedup], body: { OpsItemId: "oi-2" } };
      },
      tls,
    ),
  golden: `{"Description":"Back-off <restarting> failed container","Notifications":[{"Arn":"arn:aws:sns:eu-central-1:123456789012:t"}],"OperationalData":{"/aws/dedup":{"Value":"{\\"dedupString\\":\\"ba30f343-3351.101\\"}","Type":"SearchableString"},"reason":{"Value":"BackOff","Type":"SearchableString"}},"Priority":2,"RelatedOpsItems":[{"OpsItemId":"oi-1"}],"Source":"test","Tags":[{"Key":"team","Value":"a"}],"Title":"BackOff"}`,
  json: sorted,
  secrets: AWS_SECRETS,
  about: {
    auth: AWS_AUTH,
    permissions: iam(["ssm:CreateOpsItem", "ssm:AddTagsToResource"], ["ssm:DescribeOpsItems"], "*"),
    limits:
      "1,024 characters of a title, 2,048 of a description, 20 KiB a value ([CreateOpsItem](https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_CreateOpsItem.html))",
    order: "per object",
    id: "`/aws/dedup`: a repeat opens nothing",
    retries: `${AWS_RETRIES}; an item that exists is delivered`,
    tested: [{ fake: "https://github.com/boto/botocore/blob/develop/botocore/data/ssm/2014-11-06/service-2.json" }],
  },
  templates: { priority: { unseen: "it must give a number from 1 to 5: aws.test.ts" } },
  gone: "network",
  skip: { "an event too large": "texts are cut to what an OpsItem takes" },
} satisfies Fixture;
