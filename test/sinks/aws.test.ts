/** What the predecessor did wrong with AWS, and what its limits ask for, by what goes over the wire. */
import { afterEach, describe, expect, test } from "bun:test";
import eventbridge from "../../sinks/eventbridge.ts";
import firehose from "../../sinks/firehose.ts";
import kinesis from "../../sinks/kinesis.ts";
import opscenter from "../../sinks/opscenter.ts";
import s3 from "../../sinks/s3.ts";
import sns from "../../sinks/sns.ts";
import sqs from "../../sinks/sqs.ts";
import { fields } from "../../src/config/fields.ts";
import { listOf, memberOf } from "../../src/kube/json.ts";
import { createSinkContext } from "../../src/pipeline/context.ts";
import type { Batch, SinkDefinition } from "../../src/sink.ts";
import { reasonOfCode } from "../../src/wire/aws-client.ts";
import { anEvent, compileSimple, type Destination, type Fixture, recordingLogger, refusalOf } from "../contract.ts";
import { dispose, makeSink, soon } from "../contract-subject.ts";
import { type Answered, type AwsInput, awsDestination } from "./aws-fake.ts";
import { answer, entriesOf } from "./sns.ts";

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

interface Seen {
  readonly operation: string;
  readonly input: AwsInput;
}

async function setUp(
  definition: SinkDefinition,
  settings: object,
  take: (operation: string, input: AwsInput, request: Request) => Answered,
  compat = false,
) {
  const seen: Seen[] = [];
  const to: Destination = await awsDestination({}, (operation, input, request) => {
    seen.push({ operation, input });
    return take(operation, input, request);
  });
  open.push(() => to[Symbol.asyncDispose]());
  const { logger } = recordingLogger();
  const options = { receiver: "a", logger, compat, compileTemplate: compileSimple, env: {} };
  const config = definition.config(fields).parse({ ...to.config, ...settings });
  const sink = await definition.create(config, createSinkContext(options));
  open.push(() => sink[Symbol.asyncDispose]?.());
  const deliver = (...ids: string[]) =>
    sink.deliver(ids.map((id) => anEvent({ id, message: `m ${id}` })) as unknown as Batch, AbortSignal.timeout(2_000));
  return { sink, seen, deliver };
}

const layout = { m: "{{ .Message }}" };
const QUEUE = { QueueUrl: "http://sqs.invalid/1/q" };

describe("an answer of 200 in which entries failed", () => {
  const rows: readonly {
    readonly definition: SinkDefinition;
    readonly settings: object;
    readonly take: (operation: string, input: AwsInput) => Answered;
    readonly refused: readonly [number, string, string][];
  }[] = [
    {
      definition: eventbridge,
      settings: {},
      take: () => ({
        body: {
          FailedEntryCount: 2,
          Entries: [
            { EventId: "1" },
            { ErrorCode: "InternalFailure", ErrorMessage: "x" },
            { ErrorCode: "MalformedDetail" },
          ],
        },
      }),
      refused: [
        [1, "unavailable", "InternalFailure: x"],
        [2, "rejected", "MalformedDetail: "],
      ],
    },
    {
      definition: kinesis,
      settings: { streamName: "s" },
      take: () => ({
        body: {
          FailedRecordCount: 1,
          Records: [{}, { ErrorCode: "ProvisionedThroughputExceededException", ErrorMessage: "slow" }, {}],
        },
      }),
      refused: [[1, "throttled", "ProvisionedThroughputExceededException: slow"]],
    },
    {
      definition: firehose,
      settings: { deliveryStreamName: "s" },
      take: () => ({
        body: {
          FailedPutCount: 1,
          RequestResponses: [{ RecordId: "1" }, { RecordId: "1" }, { ErrorCode: "ServiceUnavailableException" }],
        },
      }),
      refused: [[2, "unavailable", "ServiceUnavailableException: "]],
    },
    {
      definition: sqs,
      settings: { queueName: "q" },
      take: (operation) =>
        operation === "GetQueueUrl"
          ? { body: QUEUE }
          : {
              body: {
                Failed: [
                  { Id: "0", Code: "InternalError", Message: "again", SenderFault: false },
                  { Id: "2", Code: "InvalidMessageContents", Message: "no", SenderFault: true },
                ],
              },
            },
      refused: [
        [0, "unavailable", "InternalError: again"],
        [2, "rejected", "InvalidMessageContents: no"],
      ],
    },
    {
      definition: sns,
      settings: { topicARN: "arn:aws:sns:eu-central-1:1:t" },
      take: () => ({
        body: answer(
          "PublishBatch",
          "<Failed><member><Id>1</Id><Code>InvalidParameter</Code><Message>no</Message><SenderFault>true</SenderFault></member></Failed><Successful/>",
        ),
      }),
      refused: [[1, "rejected", "InvalidParameter: no"]],
    },
  ];
  for (const { definition, settings, take, refused } of rows) {
    test(`${definition.name}: exactly those are refused`, async () => {
      const { deliver } = await setUp(definition, settings, take);
      const error = await refusalOf(deliver("1", "2", "3"));
      expect(error.refused?.map(({ index, reason, message }) => [index, reason as string, message])).toEqual([
        ...refused,
      ]);
    });
  }
});

describe("sqs and sns", () => {
  test("a FIFO queue gets the object as group and the id for deduplication, whatever the id holds", async () => {
    const { deliver, seen } = await setUp(sqs, { queueName: "q.fifo", layout }, (operation) =>
      operation === "GetQueueUrl" ? { body: QUEUE } : { body: { Successful: [] } },
    );
    await deliver("uid.1", "wörld 1");
    expect(seen[1]?.input.Entries).toEqual([
      {
        Id: "0",
        MessageBody: '{"m":"m uid.1"}',
        MessageAttributes: { id: { DataType: "String", StringValue: "uid.1" } },
        MessageGroupId: "poduid-1",
        MessageDeduplicationId: "uid.1",
      },
      expect.objectContaining({ MessageDeduplicationId: expect.stringMatching(/^sha256-[0-9a-f]{64}$/) }),
    ]);
  });

  test("a group of its own by a template; a FIFO topic likewise", async () => {
    const settings = { topicARN: "arn:aws:sns:eu-central-1:1:t.fifo", messageGroupId: "{{ .Reason }}", layout };
    const { deliver, seen } = await setUp(sns, { ...settings, subject: "ä {{ .Reason }}" }, () => ({
      body: answer("PublishBatch", "<Failed/><Successful/>"),
    }));
    await deliver("a");
    expect(entriesOf(seen[0]?.input ?? {})[0]).toMatchObject({
      MessageGroupId: "BackOff",
      MessageDeduplicationId: "a",
      Subject: "BackOff",
    });
  });

  test("a batch over the limit in bytes goes in several requests; an event that is too large is refused alone", async () => {
    const { sink, seen } = await setUp(sqs, { queueName: "q", layout }, (operation) =>
      operation === "GetQueueUrl" ? { body: QUEUE } : { body: { Successful: [] } },
    );
    const sizes = [400_000, 400_000, 2_000_000, 400_000];
    const batch = sizes.map((size, index) => anEvent({ id: `${index}`, message: "x".repeat(size) }));
    const { refused } = await refusalOf(sink.deliver(batch as unknown as Batch, AbortSignal.timeout(5_000)));
    expect(refused?.map(({ index, reason }) => [index, reason])).toEqual([[2, "too_large"]]);
    const requests = seen.filter(({ operation }) => operation === "SendMessageBatch");
    expect(requests.map(({ input }) => listOf(input, "Entries").map((entry) => memberOf(entry, "Id")))).toEqual([
      ["0", "1"],
      ["3"],
    ]);
  });

  test("a queue is looked up when it is needed, and looked up again after that failed", async () => {
    let there = false;
    const { deliver } = await setUp(sqs, { queueName: "q" }, (operation) => {
      if (operation !== "GetQueueUrl") return { body: { Successful: [] } };
      if (there) return { body: QUEUE };
      return { status: 400, body: { __type: "com.amazonaws.sqs#QueueDoesNotExist", message: "no such queue" } };
    });
    const { reason, message } = await refusalOf(deliver("a"));
    expect([reason as string, message]).toEqual(["not_found", expect.stringContaining("no such queue")]);
    there = true;
    await deliver("a");
  });
});

describe("eventbridge", () => {
  test("sends the event's own time, and in compat the time of sending", async () => {
    const take = () => ({ body: { FailedEntryCount: 0, Entries: [{}] } });
    const timeOf = ([first]: readonly Seen[]) => memberOf(listOf(first?.input, "Entries")[0], "Time");
    const now = await setUp(eventbridge, {}, take, true);
    const own = await setUp(eventbridge, {}, take);
    await now.deliver("a");
    await own.deliver("a");
    expect(timeOf(own.seen)).toBe(Date.parse("2026-11-20T21:45:18Z") / 1_000);
    expect(timeOf(now.seen)).toBeGreaterThan(Date.now() / 1_000 - 10);
  });
});

describe("opscenter", () => {
  const settings = {
    ...{ title: "t", priority: "{{ .Count }}", relatedOpsItems: ["oi-1", "{{ .Reason }}"] },
    operationalData: [{ a: "{{ .Reason }}" }, { b: "2" }],
  };

  test("relates the items of relatedOpsItems, not the values of operationalData", async () => {
    const { deliver, seen } = await setUp(opscenter, { ...settings, priority: "3" }, () => ({ body: {} }));
    await deliver("a");
    expect(seen[0]?.input.RelatedOpsItems).toEqual([{ OpsItemId: "oi-1" }, { OpsItemId: "BackOff" }]);
    expect(seen[0]?.input.OperationalData).toEqual({
      "/aws/dedup": { Value: '{"dedupString":"a"}', Type: "SearchableString" },
      a: { Value: "BackOff", Type: "SearchableString" },
      b: { Value: "2", Type: "SearchableString" },
    });
  });

  test("an item that is there already was delivered", async () => {
    const body = { __type: "OpsItemAlreadyExistsException", OpsItemId: "oi-1", message: "exists" };
    const { deliver } = await setUp(opscenter, { title: "t" }, () => ({ status: 400, body }));
    await deliver("a");
  });

  test("a priority that is none is the event's refusal", async () => {
    const { deliver } = await setUp(opscenter, settings, () => ({ body: {} }));
    expect(await refusalOf(deliver("a"))).toMatchObject({
      reason: "template",
      message: expect.stringContaining('"7"'),
    });
  });
});

test("firehose: a line break after each record, none in compat", async () => {
  const take = () => ({ body: { FailedPutCount: 0, RequestResponses: [{}] } });
  for (const [compat, end] of [
    [false, "\n"],
    [true, ""],
  ] as const) {
    const { deliver, seen } = await setUp(firehose, { deliveryStreamName: "s", layout }, take, compat);
    await deliver("a");
    const data = memberOf(listOf(seen[0]?.input, "Records")[0], "Data");
    expect(Buffer.from(String(data), "base64").toString()).toBe(`{"m":"m a"}${end}`);
  }
});

test("a check that the rights do not allow is said, and is no refusal", async () => {
  const { sink } = await setUp(kinesis, { streamName: "s" }, () => ({
    status: 400,
    body: { __type: "AccessDeniedException", message: "not authorized to perform kinesis:DescribeStreamSummary" },
  }));
  expect(await sink.check?.(AbortSignal.timeout(2_000))).toBe(
    "not checked: whether it is there, because the right to DescribeStreamSummary is missing",
  );
});

test("codes of AWS", () => {
  const rows = {
    ThrottlingException: "throttled",
    "AWS.SimpleQueueService.NonExistentQueue": "not_found",
    "com.amazonaws.sqs#QueueDoesNotExist": "not_found",
    KMSThrottlingException: "throttled",
    KMSAccessDeniedException: "unauthorized",
    ExpiredTokenException: "unauthorized",
    CredentialsProviderError: "unauthorized",
    BatchRequestTooLong: "too_large",
    OpsItemLimitExceededException: "quota",
    SlowDown: "throttled",
    InternalServerError: "unavailable",
    NoSuchBucket: "not_found",
    ValidationException: undefined,
  } as const;
  for (const [code, reason] of Object.entries(rows)) expect([code, reasonOfCode(code)]).toEqual([code, reason]);
});

/** Calls whose right has another name. @see https://docs.aws.amazon.com/service-authorization/latest/reference/ */
const RIGHTS: Readonly<Record<string, string>> = {
  ...{ SendMessageBatch: "SendMessage", PublishBatch: "Publish", PUT: "PutObject", HEAD: "ListBucket" },
};

describe("the policy in the reference allows what is called, and nothing else:", () => {
  for (const definition of [eventbridge, firehose, kinesis, opscenter, s3, sns, sqs] as const) {
    test(definition.name, async () => {
      const { default: fixture }: { default: Fixture } = await import(`./${definition.name}.ts`);
      await using to = await fixture.open();
      const sink = await makeSink(definition as unknown as SinkDefinition, to.config).sink;
      await sink.check?.(soon());
      await sink.deliver([anEvent()], soon());
      const sent = to.sent?.().toString("latin1") ?? "";
      const calls = [...sent.matchAll(/^x-amz-target: \S+\.(\w+)|\bAction=(\w+)|^(PUT|HEAD) /gim)];
      const rights = calls.map((call) => call.slice(1).find((name) => name !== undefined) ?? "");
      if (definition.name === "opscenter") rights.push("AddTagsToResource");
      const [policy = ""] = /\{.*\}/s.exec(fixture.about.permissions) ?? [];
      const allowed: string[] = JSON.parse(policy).Statement[0].Action;
      expect(allowed.map((action) => action.split(":")[1] ?? "").sort()).toEqual(
        [...new Set(rights.map((name) => RIGHTS[name] ?? name))].sort(),
      );
      await dispose(sink);
    });
  }
});
