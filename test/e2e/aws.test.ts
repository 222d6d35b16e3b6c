/** The AWS receivers of the executable against moto, and OpsCenter's stand-in, read back by AWS's own clients. */
import { beforeAll, expect, test } from "bun:test";
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { component, type Running } from "../testbed/component.ts";
import { describeReal } from "../testbed/suite.ts";
import { type AwsOptions, openQueue } from "./aws-queue.ts";
import { eventually } from "./eventually.ts";
import { flow, idsOf } from "./flow.ts";

const REGION = "eu-central-1";
const KEYS = { accessKeyId: "AKIDTESTBED0000", secretAccessKey: "testbed-secret-key" };
const TEST_MS = 120_000;
const ENV = { AWS_ACCESS_KEY_ID: KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey, AWS_REGION: REGION };

describeReal("AWS", ["aws"], () => {
  let aws: Running;
  let endpoint = "";
  /** Of this run: the component may be an earlier one's. */
  const run = Date.now().toString(36);
  beforeAll(async () => {
    aws = await component("aws");
    endpoint = `http://127.0.0.1:${aws.ports.aws}`;
  }, 300_000);
  const options = (): AwsOptions => ({ endpoint, region: REGION, credentials: KEYS });

  const queue = (name: string) => openQueue(options(), name);

  test(
    "a thousand events reach SQS with their ids",
    async () => {
      const name = `many-${run}`;
      const { take } = await queue(name);
      await using events = await flow([{ name: "sqs", sqs: { queueName: name, endpoint } }], ENV);
      // In portions: with each message moto looks at every message that waits.
      const got: { body: string; id: string | undefined }[] = [];
      for (let i = 0; i < 10; i++) {
        events.write(100);
        got.push(...(await take(100)));
      }
      await events.delivered("sqs");
      expect(got.map(({ id }) => id).sort()).toEqual([...events.ids].sort());
      expect(idsOf(got.map(({ body }) => body))).toEqual(got.map(({ id }) => id ?? ""));
    },
    TEST_MS,
  );

  test(
    "FIFO queues, topics and FIFO topics get events with their ids",
    async () => {
      const names = { fifo: `q-${run}.fifo`, behind: `t-${run}`, behindFifo: `t-${run}.fifo` };
      const queues = new Map<string, Awaited<ReturnType<typeof queue>>>();
      for (const name of Object.values(names)) queues.set(name, await queue(name));
      const { SNSClient, CreateTopicCommand, SubscribeCommand } = await import("@aws-sdk/client-sns");
      const sns = new SNSClient(options());
      const topics = new Map<string, string>();
      for (const name of [names.behind, names.behindFifo]) {
        const { TopicArn = "" } = await sns.send(
          new CreateTopicCommand({ Name: name, ...(name.endsWith(".fifo") && { Attributes: { FifoTopic: "true" } }) }),
        );
        const Attributes = { RawMessageDelivery: "true" };
        await sns.send(
          new SubscribeCommand({ TopicArn, Protocol: "sqs", Endpoint: queues.get(name)?.arn, Attributes }),
        );
        topics.set(name, TopicArn);
      }
      await using events = await flow(
        [
          { name: "sqs-fifo", sqs: { queueName: names.fifo, endpoint } },
          { name: "sns", sns: { topicARN: topics.get(names.behind), endpoint } },
          { name: "sns-fifo", sns: { topicARN: topics.get(names.behindFifo), endpoint } },
        ],
        ENV,
      );
      events.write(200);
      const taken = await Promise.all([...queues].map(async ([name, { take }]) => [name, await take(200)] as const));
      for (const name of ["sqs-fifo", "sns", "sns-fifo"]) await events.delivered(name);
      const ids = [...events.ids].sort();
      for (const [name, got] of taken) {
        expect([name, got.map(({ id }) => id).sort()]).toEqual([name, ids]);
        expect(idsOf(got.map(({ body }) => body))).toEqual(got.map(({ id }) => id ?? ""));
      }
    },
    TEST_MS,
  );

  test(
    "a thousand events reach EventBridge, Kinesis, Firehose and S3, by TLS with an own authority too",
    async () => {
      const { EventBridgeClient, CreateEventBusCommand, PutRuleCommand, PutTargetsCommand } = await import(
        "@aws-sdk/client-eventbridge"
      );
      const behind = await queue(`bus-${run}`);
      const bus = new EventBridgeClient(options());
      const EventBusName = `bus-${run}`;
      await bus.send(new CreateEventBusCommand({ Name: EventBusName }));
      const EventPattern = JSON.stringify({ source: ["test"], "detail-type": ["BackOff"] });
      await bus.send(new PutRuleCommand({ Name: "all", EventBusName, EventPattern }));
      await bus.send(new PutTargetsCommand({ Rule: "all", EventBusName, Targets: [{ Id: "1", Arn: behind.arn }] }));
      const {
        KinesisClient,
        CreateStreamCommand,
        DescribeStreamSummaryCommand,
        ListShardsCommand,
        GetShardIteratorCommand,
        GetRecordsCommand,
      } = await import("@aws-sdk/client-kinesis");
      const { NodeHttpHandler } = await import("@smithy/node-http-handler");
      // The client's own way is HTTP/2, which moto does not speak.
      const kinesis = new KinesisClient({ ...options(), requestHandler: new NodeHttpHandler() });
      const StreamName = `s-${run}`;
      await kinesis.send(new CreateStreamCommand({ StreamName, ShardCount: 2 }));
      await eventually("the stream is active", 20_000, async () => {
        const { StreamDescriptionSummary } = await kinesis.send(new DescribeStreamSummaryCommand({ StreamName }));
        return StreamDescriptionSummary?.StreamStatus === "ACTIVE" ? undefined : StreamDescriptionSummary?.StreamStatus;
      });
      const { S3Client, CreateBucketCommand, ListObjectsV2Command, GetObjectCommand } = await import(
        "@aws-sdk/client-s3"
      );
      const s3 = new S3Client({ ...options(), forcePathStyle: true });
      const Bucket = `bucket-${run}`;
      const CreateBucketConfiguration = { LocationConstraint: REGION } as const;
      await s3.send(new CreateBucketCommand({ Bucket, CreateBucketConfiguration }));
      const { FirehoseClient, CreateDeliveryStreamCommand } = await import("@aws-sdk/client-firehose");
      const firehose = new FirehoseClient(options());
      await firehose.send(
        new CreateDeliveryStreamCommand({
          DeliveryStreamName: `f-${run}`,
          ExtendedS3DestinationConfiguration: {
            ...{
              RoleARN: "arn:aws:iam::123456789012:role/x",
              BucketARN: `arn:aws:s3:::${Bucket}`,
              Prefix: "firehose/",
            },
          },
        }),
      );
      const encrypted = { endpoint: `https://localhost:${aws.ports.tls}`, tls: { caFile: aws.env.CA } };
      await using events = await flow(
        [
          {
            name: "eventbridge",
            eventbridge: { endpoint, eventBusName: EventBusName, source: "test", detailType: "{{ .Reason }}" },
          },
          { name: "kinesis", kinesis: { endpoint, streamName: StreamName } },
          { name: "firehose", firehose: { endpoint, deliveryStreamName: `f-${run}` } },
          {
            name: "s3",
            batch: { linger: "200ms" },
            s3: { endpoint, bucket: Bucket, forcePathStyle: true, prefix: "s3/{{ .Type }}/" },
          },
          { name: "stranger", kinesis: { ...encrypted, tls: { caFile: aws.env.STRANGER_CA }, streamName: StreamName } },
        ],
        ENV,
      );
      const messages: { body: string }[] = [];
      for (let i = 0; i < 10; i++) {
        events.write(100);
        messages.push(...(await behind.take(100)));
      }
      for (const name of ["eventbridge", "kinesis", "firehose", "s3"]) await events.delivered(name);
      const ids = [...events.ids].sort();

      const details = messages.map(({ body }) => JSON.stringify(JSON.parse(body).detail));
      expect(idsOf(details).sort()).toEqual(ids);

      const records: string[] = [];
      const { Shards = [] } = await kinesis.send(new ListShardsCommand({ StreamName }));
      for (const { ShardId } of Shards) {
        let { ShardIterator } = await kinesis.send(
          new GetShardIteratorCommand({ StreamName, ShardId, ShardIteratorType: "TRIM_HORIZON" }),
        );
        while (ShardIterator !== undefined) {
          const { Records = [], NextShardIterator } = await kinesis.send(new GetRecordsCommand({ ShardIterator }));
          if (Records.length === 0) break;
          records.push(...Records.map(({ Data = new Uint8Array() }) => Buffer.from(Data).toString()));
          ShardIterator = NextShardIterator;
        }
      }
      expect(idsOf(records).sort()).toEqual(ids);

      const linesBelow = async (Prefix: string) => {
        const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix }));
        const lines: string[] = [];
        for (const { Key } of Contents) {
          const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
          const bytes = new Uint8Array((await Body?.transformToByteArray()) ?? []);
          const text = Buffer.from(bytes[0] === 0x1f ? Bun.gunzipSync(bytes) : bytes).toString();
          lines.push(...text.split("\n").filter((line) => line !== ""));
        }
        return { lines, objects: Contents.length };
      };
      expect(idsOf((await linesBelow("firehose/")).lines).sort()).toEqual(ids);
      const { lines, objects } = await linesBelow("s3/");
      expect(idsOf(lines).sort()).toEqual(ids);
      expect(objects).toBeLessThan(50);
      expect((await linesBelow("s3/Normal/")).lines).toHaveLength(500);

      const refused = events.petrel.stderr().split("\n");
      expect(refused.find((line) => line.includes('"receiver":"stranger"'))).toContain("UNABLE_TO_VERIFY");
      expect(await events.petrel.metric("petrel_events_delivered_total", 'receiver="stranger"')).toBe(0);
    },
    TEST_MS,
  );

  test(
    "by TLS, with an own authority, as a role that is taken on",
    async () => {
      // moto with TLS has a state of its own, and only its own authority vouches for it.
      const name = `tls-${run}`;
      const secure = { endpoint: `https://localhost:${aws.ports.tls}`, tls: { caFile: aws.env.CA } };
      const { Agent } = await import("node:https");
      const { NodeHttpHandler } = await import("@smithy/node-http-handler");
      const { SQSClient, CreateQueueCommand, GetQueueAttributesCommand } = await import("@aws-sdk/client-sqs");
      const httpsAgent = new Agent({ ca: await Bun.file(String(aws.env.CA)).text() });
      const client = new SQSClient({
        ...{ ...options(), endpoint: secure.endpoint, requestHandler: new NodeHttpHandler({ httpsAgent }) },
      });
      const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: name }));
      const assumeRole = { roleArn: "arn:aws:iam::123456789012:role/petrel", endpoint: secure.endpoint };
      await using events = await flow([{ name: "sqs", sqs: { queueName: name, ...secure, assumeRole } }], ENV);
      events.write(20);
      await events.delivered("sqs");
      const AttributeNames = ["ApproximateNumberOfMessages" as const];
      const { Attributes } = await client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames }));
      expect(Attributes?.ApproximateNumberOfMessages).toBe("20");
    },
    TEST_MS,
  );

  test("with the web identity of a service account (IRSA), and with a profile", async () => {
    const name = `irsa-${run}`;
    const { take } = await queue(name);
    const folder = mkdtempSync(join(tmpdir(), "petrel-irsa-"));
    const token = join(folder, "token");
    await Bun.write(token, "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQ6eDp5In0.");
    const profile = join(folder, "credentials");
    await Bun.write(profile, "[mine]\naws_access_key_id = AKIDPROFILE00000\naws_secret_access_key = profile-secret\n");
    const nobody = { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "", AWS_REGION: REGION };
    const identities = [
      {
        AWS_ROLE_ARN: "arn:aws:iam::123456789012:role/petrel",
        ...{ AWS_WEB_IDENTITY_TOKEN_FILE: token, AWS_ENDPOINT_URL_STS: endpoint },
      },
      { AWS_PROFILE: "mine", AWS_SHARED_CREDENTIALS_FILE: profile },
    ];
    for (const identity of identities) {
      await using events = await flow([{ name: "sqs", sqs: { queueName: name, endpoint } }], {
        ...nobody,
        ...identity,
      });
      events.write(10);
      await events.delivered("sqs", 20_000);
      expect((await take(10)).map(({ id }) => id).sort()).toEqual([...events.ids].sort());
    }
    await rm(folder, { recursive: true });
  });

  test(
    "OpsCenter gets each event once, with the related items that the config names",
    async () => {
      const at = `http://127.0.0.1:${aws.ports.ssm}`;
      await using events = await flow(
        [
          {
            name: "ops",
            concurrency: 4,
            opscenter: {
              ...{ endpoint: at, title: "{{ .Reason }} {{ .InvolvedObject.Name }}", priority: "2" },
              operationalData: [{ name: "{{ .InvolvedObject.Name }}" }, { run }],
              relatedOpsItems: ["oi-111111111111"],
            },
          },
        ],
        ENV,
      );
      events.write(200);
      await events.delivered("ops");
      interface Item {
        readonly RelatedOpsItems: unknown;
        readonly OperationalData: Record<string, { Value: string }>;
      }
      const all = (await (await fetch(at)).json()) as Item[];
      const items = all.filter(({ OperationalData }) => OperationalData.run?.Value === run);
      const ids = items.map(
        ({ OperationalData }) => JSON.parse(OperationalData["/aws/dedup"]?.Value ?? "{}").dedupString,
      );
      expect(ids.sort()).toEqual([...events.ids].sort());
      expect(items[0]?.RelatedOpsItems).toEqual([{ OpsItemId: "oi-111111111111" }]);
    },
    TEST_MS,
  );

  test(
    "a queue that is not there, and no credentials, keep the events and say why",
    async () => {
      await using events = await flow(
        [
          { name: "absent", sqs: { queueName: `absent-${run}`, endpoint } },
          {
            name: "nobody",
            sqs: {
              queueName: `q-${run}`,
              endpoint,
              credentials: { accessKeyId: { file: "/absent" }, secretAccessKey: "x" },
            },
          },
        ],
        ENV,
      );
      events.write(5);
      const seen = (name: string) =>
        events.petrel
          .stderr()
          .split("\n")
          .find((line) => line.includes(`"receiver":"${name}"`));
      await eventually("both refuse", 20_000, () =>
        seen("absent") && seen("nobody") ? undefined : events.petrel.stderr(),
      );
      expect(seen("absent")).toContain('"reason":"not_found"');
      expect(seen("nobody")).toContain('"reason":"unauthorized"');
    },
    TEST_MS,
  );
});
