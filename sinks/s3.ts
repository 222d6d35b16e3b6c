/** Amazon S3 and what speaks its API: batches of events as objects of JSON lines. */
import { DeliveryError, type Refusal } from "../src/errors.ts";
import { type Batch, defineSink } from "../src/sink.ts";
import { awsFields, openAws } from "../src/wire/aws-client.ts";
import { newestMs } from "../src/wire/event-time.ts";
import { gzipped } from "../src/wire/gzip.ts";

export default defineSink({
  name: "s3",
  title: "Amazon S3",
  summary:
    "Writes events as objects of JSON lines, many in an object; a repeated delivery writes the same object again.",
  config: (field) =>
    field.object({
      bucket: field.text().describe("Name of the bucket."),
      prefix: field
        .template()
        .default("kubernetes-events/")
        .describe("Begin of the objects' keys; events for which it differs go into different objects."),
      keys: field
        .choice(["hour", "eventrouter"])
        .default("hour")
        .describe(
          "What follows in the keys: `2026/11/05/09/20261105T091500.000Z-HASH.ndjson` (in UTC), or as eventrouter had it `2026/11/5/NANOSECONDS.txt` (in the local zone). Either comes from the events alone.",
        ),
      gzip: field.flag().default(true).describe("Compress the objects."),
      forcePathStyle: field
        .flag()
        .default(false)
        .describe("Put the bucket into the path and not into the host name, as most other vendors want it."),
      storageClass: field.text().optional().describe("Storage class, such as `STANDARD_IA`."),
      layout: field.layout().optional().describe("Fields to write instead of the whole event."),
      ...awsFields(field),
    }),
  example: { bucket: "my-events", prefix: "{{ .InvolvedObject.Namespace }}/", region: "eu-central-1" },
  // The buffer holds what waits: an object must be smaller than that.
  batch: { count: 2_000, bytes: 8 * 1024 * 1024, lingerMs: 60_000 },
  partial: true,
  carriesId: true,
  updates: "all",
  async create(config, context) {
    const payload = context.payload({ layout: config.layout });
    const prefix = context.template(config.prefix);
    const aws = openAws(config, context);
    const { S3Client, PutObjectCommand, HeadBucketCommand } = await import("@aws-sdk/client-s3");
    const client = new S3Client({
      ...aws.options,
      forcePathStyle: config.forcePathStyle,
      // Other vendors do not know the newer checksums; TLS has its own.
      requestChecksumCalculation: "WHEN_REQUIRED",
      responseChecksumValidation: "WHEN_REQUIRED",
    });
    const Bucket = config.bucket;

    /** Positions in the batch by the prefix of their object. */
    const objects = (batch: Batch) => Map.groupBy(batch.keys(), (index) => prefix(batch[index] ?? batch[0]));
    const lines = (batch: Batch, indices: readonly number[]) =>
      indices.map((index) => `${payload(batch[index] ?? batch[0])}\n`).join("");
    /** From the events alone, so that a repeat has the same. */
    const keyOf = (start: string, batch: Batch, indices: readonly number[]): string => {
      const hash = new Bun.CryptoHasher("sha256");
      for (const index of indices) hash.update(`${batch[index]?.id}\n`);
      const time = new Date(newestMs(batch[indices[0] ?? 0] ?? batch[0], 0));
      const suffix = config.gzip ? ".gz" : "";
      const own = config.keys === "eventrouter" ? `${localName(time, hash)}.txt` : `${utcName(time, hash)}.ndjson`;
      return `${start}${own}${suffix}`;
    };

    return {
      render(batch) {
        const indices = [...batch.keys()];
        return { body: lines(batch, indices), headers: { Key: keyOf(prefix(batch[0]), batch, indices) } };
      },
      async deliver(batch, signal) {
        const refused: Refusal[] = [];
        let last: DeliveryError | undefined;
        for (const [start, indices] of objects(batch)) {
          const body = lines(batch, indices);
          const command = new PutObjectCommand({
            Bucket,
            Key: keyOf(start, batch, indices),
            Body: config.gzip ? await gzipped(body) : Buffer.from(body),
            ContentType: config.keys === "eventrouter" ? "text/plain; charset=utf-8" : "application/x-ndjson",
            ...(config.gzip && { ContentEncoding: "gzip" }),
            ...(config.storageClass && { StorageClass: config.storageClass as never }),
          });
          try {
            await aws.call("PutObject", signal, (options) => client.send(command, options));
          } catch (error) {
            if (!(error instanceof DeliveryError)) throw error;
            const { reason, message } = error;
            if (indices.length === batch.length) throw error;
            last = error;
            refused.push(...indices.map((index) => ({ index, reason, message })));
          }
        }
        if (last) {
          const message = `${refused.length} of ${batch.length} events failed: ${last.message}`;
          throw new DeliveryError(last.reason, message, { refused, retryAfterMs: last.retryAfterMs });
        }
      },
      check: (signal) =>
        aws.probe("HeadBucket", signal, (options) => client.send(new HeadBucketCommand({ Bucket }), options)),
      [Symbol.asyncDispose]: () => aws.close(client),
    };
  },
});

function utcName(time: Date, hash: Bun.CryptoHasher): string {
  const text = time.toISOString();
  return `${text.slice(0, 13).replace(/[-T]/g, "/")}/${text.replace(/[-:]/g, "")}-${hash.digest("hex").slice(0, 16)}`;
}

/** The nanoseconds were those of the upload. Of an event's time the API server tells seconds: the rest is what tells objects apart. */
function localName(time: Date, hash: Bun.CryptoHasher): string {
  const day = `${time.getFullYear()}/${time.getMonth() + 1}/${time.getDate()}`;
  const rest = hash.digest().readBigUInt64BE() % 1_000_000_000n;
  return `${day}/${BigInt(Math.floor(time.getTime() / 1_000)) * 1_000_000_000n + rest}`;
}
