/** AWS as far ends: moto, and the stand-in for OpsCenter. */
import { type AwsOptions, openQueue } from "../../e2e/aws-queue.ts";
import { arrivedFrom } from "../../e2e/receivers.ts";
import { component } from "../../testbed/component.ts";
import type { End } from "./end.ts";

const REGION = "eu-central-1";
const KEYS = { accessKeyId: "AKIDTESTBED0000", secretAccessKey: "testbed-secret-key" };
const ENV = { AWS_ACCESS_KEY_ID: KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey, AWS_REGION: REGION };

export async function awsEnds(): Promise<End[]> {
  const aws = await component("aws");
  const run = crypto.randomUUID().slice(0, 8);
  const endpoint = `http://127.0.0.1:${aws.ports.aws}`;
  const options: AwsOptions = { endpoint, region: REGION, credentials: KEYS };
  const server = `moto ${aws.versions.moto}`;

  /** A queue that is emptied from now on: with each message moto looks at every message that waits. */
  const drained = async (name: string) => {
    const queue = await openQueue(options, name);
    const got: { body: string; id: string | undefined }[] = [];
    let open = true;
    const draining = (async () => {
      while (open) got.push(...(await queue.take(1).catch(() => [])));
    })();
    return {
      arn: queue.arn,
      got,
      async full(count: number) {
        // moto looks at every message that waits, with each request.
        const deadline = Date.now() + 600_000;
        while (got.length < count && Date.now() < deadline) await Bun.sleep(100);
        return got;
      },
      close() {
        open = false;
        return Promise.race([draining, Bun.sleep(1_000)]);
      },
    };
  };

  async function sqs(): Promise<End> {
    const queue = await drained(`sqs-${run}`);
    return {
      ...{ name: "sqs", server, env: ENV, receiver: { sqs: { queueName: `sqs-${run}`, endpoint } } },
      ids: async (count) => (await queue.full(count)).map(({ id }) => id ?? ""),
      close: async () => void (await queue.close()),
    };
  }

  async function sns(): Promise<End> {
    const queue = await drained(`sns-${run}`);
    const { SNSClient, CreateTopicCommand, SubscribeCommand } = await import("@aws-sdk/client-sns");
    const client = new SNSClient(options);
    const { TopicArn = "" } = await client.send(new CreateTopicCommand({ Name: `t-${run}` }));
    const Attributes = { RawMessageDelivery: "true" };
    await client.send(new SubscribeCommand({ TopicArn, Protocol: "sqs", Endpoint: queue.arn, Attributes }));
    return {
      ...{ name: "sns", server, env: ENV, receiver: { sns: { topicARN: TopicArn, endpoint } } },
      ids: async (count) => (await queue.full(count)).map(({ id }) => id ?? ""),
      close: async () => void (await queue.close()),
    };
  }

  async function eventbridge(): Promise<End> {
    const queue = await drained(`bus-${run}`);
    const { EventBridgeClient, CreateEventBusCommand, PutRuleCommand, PutTargetsCommand } = await import(
      "@aws-sdk/client-eventbridge"
    );
    const client = new EventBridgeClient(options);
    const EventBusName = `bus-${run}`;
    await client.send(new CreateEventBusCommand({ Name: EventBusName }));
    await client.send(
      new PutRuleCommand({ Name: "all", EventBusName, EventPattern: JSON.stringify({ source: ["bench"] }) }),
    );
    await client.send(new PutTargetsCommand({ Rule: "all", EventBusName, Targets: [{ Id: "1", Arn: queue.arn }] }));
    return {
      ...{ name: "eventbridge", server, env: ENV },
      receiver: { eventbridge: { endpoint, eventBusName: EventBusName, source: "bench" } },
      ids: async (count) =>
        (await queue.full(count)).map(({ body }) => arrivedFrom(JSON.stringify(JSON.parse(body).detail)).id),
      close: async () => void (await queue.close()),
    };
  }

  async function kinesis(): Promise<End> {
    const { KinesisClient, CreateStreamCommand, ListShardsCommand, GetShardIteratorCommand, GetRecordsCommand } =
      await import("@aws-sdk/client-kinesis");
    const { NodeHttpHandler } = await import("@smithy/node-http-handler");
    // The client's own way is HTTP/2, which moto does not speak.
    const client = new KinesisClient({ ...options, requestHandler: new NodeHttpHandler() });
    const StreamName = `s-${run}`;
    await client.send(new CreateStreamCommand({ StreamName, ShardCount: 2 }));
    return {
      ...{ name: "kinesis", server, env: ENV, receiver: { kinesis: { endpoint, streamName: StreamName } } },
      async ids() {
        const ids: string[] = [];
        const { Shards = [] } = await client.send(new ListShardsCommand({ StreamName }));
        for (const { ShardId } of Shards) {
          let { ShardIterator } = await client.send(
            new GetShardIteratorCommand({ StreamName, ShardId, ShardIteratorType: "TRIM_HORIZON" }),
          );
          while (ShardIterator !== undefined) {
            const { Records = [], NextShardIterator } = await client.send(new GetRecordsCommand({ ShardIterator }));
            if (Records.length === 0) break;
            ids.push(...Records.map(({ Data = new Uint8Array() }) => arrivedFrom(Buffer.from(Data).toString()).id));
            ShardIterator = NextShardIterator;
          }
        }
        return ids;
      },
    };
  }

  async function buckets(): Promise<End[]> {
    const { S3Client, CreateBucketCommand, ListObjectsV2Command, GetObjectCommand } = await import(
      "@aws-sdk/client-s3"
    );
    const s3 = new S3Client({ ...options, forcePathStyle: true });
    const Bucket = `bucket-${run}`;
    await s3.send(
      new CreateBucketCommand({ Bucket, CreateBucketConfiguration: { LocationConstraint: REGION } as const }),
    );
    const { FirehoseClient, CreateDeliveryStreamCommand } = await import("@aws-sdk/client-firehose");
    const DeliveryStreamName = `f-${run}`;
    const BucketARN = `arn:aws:s3:::${Bucket}`;
    const destination = { RoleARN: "arn:aws:iam::123456789012:role/x", BucketARN, Prefix: "firehose/" };
    await new FirehoseClient(options).send(
      new CreateDeliveryStreamCommand({ DeliveryStreamName, ExtendedS3DestinationConfiguration: destination }),
    );
    const idsBelow = async (Prefix: string) => {
      const ids: string[] = [];
      for (let ContinuationToken: string | undefined; ; ) {
        const page = await s3.send(new ListObjectsV2Command({ Bucket, Prefix, ContinuationToken }));
        for (const { Key } of page.Contents ?? []) {
          const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
          const bytes = new Uint8Array((await Body?.transformToByteArray()) ?? []);
          const text = Buffer.from(bytes[0] === 0x1f ? Bun.gunzipSync(bytes) : bytes).toString();
          for (const line of text.split("\n")) if (line !== "") ids.push(arrivedFrom(line).id);
        }
        if (!page.IsTruncated) return ids;
        ContinuationToken = page.NextContinuationToken;
      }
    };
    return [
      {
        ...{ name: "firehose", server, env: ENV },
        receiver: { firehose: { endpoint, deliveryStreamName: DeliveryStreamName } },
        ids: () => idsBelow("firehose/"),
      },
      {
        ...{ name: "s3", server, env: ENV },
        receiver: { batch: { linger: "5s" }, s3: { endpoint, bucket: Bucket, forcePathStyle: true, prefix: "s3/" } },
        ids: () => idsBelow("s3/"),
      },
    ];
  }

  const at = `http://127.0.0.1:${aws.ports.ssm}`;
  interface Item {
    readonly OperationalData: Readonly<Record<string, { readonly Value: string }>>;
  }
  const opscenter: End = {
    ...{ name: "opscenter", server: "a stand-in on botocore's model", env: ENV },
    receiver: { concurrency: 4, opscenter: { endpoint: at, title: "{{ .Reason }}", operationalData: { run } } },
    async ids() {
      const all = (await (await fetch(at)).json()) as Item[];
      const own = all.filter(({ OperationalData }) => OperationalData.run?.Value === run);
      return own.map(({ OperationalData }) => JSON.parse(OperationalData["/aws/dedup"]?.Value ?? "{}").dedupString);
    },
  };
  return [await sqs(), await sns(), await eventbridge(), await kinesis(), ...(await buckets()), opscenter];
}
