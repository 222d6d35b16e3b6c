/** A queue of moto's, read by AWS's own client. */

export interface AwsOptions {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

const TAKE_MS = 100_000;

/** Makes the queue. */
export async function openQueue(options: AwsOptions, name: string) {
  const { SQSClient, CreateQueueCommand, ReceiveMessageCommand, DeleteMessageBatchCommand, GetQueueAttributesCommand } =
    await import("@aws-sdk/client-sqs");
  const client = new SQSClient(options);
  const fifo = name.endsWith(".fifo");
  const { QueueUrl } = await client.send(
    new CreateQueueCommand({ QueueName: name, ...(fifo && { Attributes: { FifoQueue: "true" } }) }),
  );
  const { Attributes } = await client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["QueueArn"] }));
  return {
    arn: Attributes?.QueueArn ?? "",
    /** Takes `count` messages as they come, for moto looks at every message that waits with each request. */
    async take(count: number) {
      const got: { body: string; id: string | undefined }[] = [];
      const deadline = Date.now() + TAKE_MS;
      while (got.length < count && Date.now() < deadline) {
        const { Messages = [] } = await client.send(
          new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, MessageAttributeNames: ["All"] }),
        );
        if (Messages.length === 0) {
          await Bun.sleep(50);
          continue;
        }
        for (const { Body = "", MessageAttributes } of Messages)
          got.push({ body: Body, id: MessageAttributes?.id?.StringValue });
        await client.send(
          new DeleteMessageBatchCommand({
            QueueUrl,
            Entries: Messages.map(({ ReceiptHandle }, at) => ({
              Id: String(at),
              ReceiptHandle: ReceiptHandle ?? "",
            })),
          }),
        );
      }
      return got;
    },
  };
}
