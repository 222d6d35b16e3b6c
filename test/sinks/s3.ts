import type { Fixture } from "../contract.ts";
import { AWS_AUTH, AWS_RETRIES, iam } from "./about.ts";
import { AWS_SECRETS, awsDestination } from "./aws-fake.ts";
import { GOLDEN_LINE } from "./lines.ts";

export default {
  open: (tls) =>
    awsDestination(
      { bucket: "events", forcePathStyle: true, gzip: false },
      (method, input, request) => {
        if (method === "HEAD") return { body: "" };
        const { pathname } = new URL(request.url);
        if (method !== "PUT" || !/^\/events\/kubernetes-events\/\d{4}\/\d\d\/\d\d\/\d\d\/.*\.ndjson$/.test(pathname))
          throw new Error(`${method} ${pathname}`);
        return { texts: String(input.text).split(/(?<=\n)/), body: "" };
      },
      tls,
    ),
  golden: GOLDEN_LINE,
  secrets: AWS_SECRETS,
  about: {
    auth: AWS_AUTH,
    permissions: iam(["s3:PutObject"], ["s3:ListBucket"], ["arn:aws:s3:::BUCKET", "arn:aws:s3:::BUCKET/*"]),
    limits: "5 GB an object ([PutObject](https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html))",
    order: "all, in an object",
    id: "the object's key: the same batch is stored once",
    retries: AWS_RETRIES,
    tested: [{ component: "aws", server: "moto", version: "5.2.5" }],
  },
  gone: "network",
  skip: {
    "partial failure": "an object is written whole; s3.test.ts has several objects",
    "idempotent id": "the key of an object comes from the ids of its events: s3.test.ts",
  },
} satisfies Fixture;
