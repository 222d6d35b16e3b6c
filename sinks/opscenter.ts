/** AWS Systems Manager OpsCenter. */
import { DeliveryError } from "../src/errors.ts";
import type { Event } from "../src/event.ts";
import { defineSink } from "../src/sink.ts";
import { awsFields, openAws } from "../src/wire/aws-client.ts";
import { clipped } from "../src/wire/sink-http.ts";

/** Characters at most. @see https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_CreateOpsItem.html */
const MAX = { title: 1_024, description: 2_048, source: 128, category: 64, severity: 64, key: 128, value: 20_480 };

export default defineSink({
  name: "opscenter",
  title: "AWS OpsCenter",
  summary: "Opens an OpsItem for each event, with the event's id as the string by which OpsCenter drops a repeat.",
  config: (field) =>
    field.object({
      title: field.template().describe("Title."),
      description: field.template().default("{{ .Message }}").describe("Description."),
      source: field.template().default("kubernetes").describe("Source; must not hold `aws`, `amazon` or `amzn`."),
      category: field.template().optional().describe("Category, such as `Availability`."),
      severity: field.template().optional().describe("Severity, `1` to `4`."),
      priority: field.template().optional().describe("Priority: what it gives must be a whole number from 1 to 5."),
      operationalData: field.templatePairs().default({}).describe("Operational data that can be searched for."),
      tags: field.templatePairs().default({}).describe("Tags; they need the right ssm:AddTagsToResource."),
      relatedOpsItems: field.templateList().default([]).describe("Ids of related OpsItems."),
      notifications: field.templateList().default([]).describe("ARNs of SNS topics that are told of changes."),
      ...awsFields(field),
    }),
  example: {
    title: "{{ .Reason }}: {{ .InvolvedObject.Kind }} {{ .InvolvedObject.Namespace }}/{{ .InvolvedObject.Name }}",
    severity: "3",
    priority: "2",
    operationalData: { Reason: "{{ .Reason }}" },
    region: "eu-central-1",
  },
  batch: { count: 1 },
  carriesId: true,
  updates: "countDoubles",
  async create(config, context) {
    const one = (text: Parameters<typeof context.template>[0] | undefined) =>
      text === undefined ? undefined : context.template(text);
    const pairs = (map: Readonly<Record<string, Parameters<typeof context.template>[0]>>) =>
      Object.entries(map).map(([key, text]) => [key, context.template(text)] as const);
    const [title, description, source] = [one(config.title), one(config.description), one(config.source)];
    const [category, severity, priority] = [one(config.category), one(config.severity), one(config.priority)];
    const [data, tags] = [pairs(config.operationalData), pairs(config.tags)];
    const related = config.relatedOpsItems.map(context.template);
    const notifications = config.notifications.map(context.template);
    const aws = openAws(config, context);
    const { SSMClient, CreateOpsItemCommand, DescribeOpsItemsCommand } = await import("@aws-sdk/client-ssm");
    const client = new SSMClient(aws.options);

    const item = (event: Event) => {
      const text = (render: ((event: Event) => string) | undefined, max: number) =>
        render && clipped(render(event), max);
      const searchable = (value: string) => ({ Value: value, Type: "SearchableString" as const });
      const own = context.compat ? [] : [["/aws/dedup", searchable(JSON.stringify({ dedupString: event.id }))]];
      const given = data.map(([key, render]) => [clipped(key, MAX.key), searchable(clipped(render(event), MAX.value))]);
      return {
        Title: text(title, MAX.title) || "-",
        // It must not be blank.
        Description: text(description, MAX.description)?.trim() || "-",
        Source: text(source, MAX.source) || "kubernetes",
        ...(category && { Category: text(category, MAX.category) ?? "" }),
        ...(severity && { Severity: text(severity, MAX.severity) ?? "" }),
        ...(priority && { Priority: wholeNumber(priority(event)) }),
        OperationalData: Object.fromEntries([...own, ...given]),
        ...(tags.length > 0 && { Tags: tags.map(([Key, render]) => ({ Key, Value: render(event) })) }),
        ...(related.length > 0 && { RelatedOpsItems: related.map((render) => ({ OpsItemId: render(event) })) }),
        ...(notifications.length > 0 && { Notifications: notifications.map((render) => ({ Arn: render(event) })) }),
      };
    };

    return {
      render: ([event]) => ({ body: JSON.stringify(item(event)) }),
      async deliver([event], signal) {
        const input = item(event);
        await aws.call("CreateOpsItem", signal, async (options) => {
          try {
            await client.send(new CreateOpsItemCommand(input), options);
          } catch (error) {
            // An earlier attempt whose answer was lost: the item is there.
            if (!(error instanceof Error && error.name === "OpsItemAlreadyExistsException")) throw error;
          }
        });
      },
      check: (signal) =>
        aws.probe("DescribeOpsItems", signal, (options) =>
          client.send(new DescribeOpsItemsCommand({ MaxResults: 1 }), options),
        ),
      [Symbol.asyncDispose]: () => aws.close(client),
    };
  },
});

function wholeNumber(text: string): number {
  if (/^\s*[1-5]\s*$/.test(text)) return Number(text);
  throw new DeliveryError("template", `opscenter.priority gave ${JSON.stringify(clipped(text, 40))}, not 1 to 5`);
}
