/**
 * Fakes of AWS for the contract: they take what the official clients send, by operation. What a real implementation
 * says of it is in test/e2e/aws.test.ts.
 */
import { type Destination, httpDestination, type Judge, MARK, type ServerTls, type Taken } from "../contract.ts";

export const CREDENTIALS = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "example-secret-key" } as const;
const COMMON = { region: "eu-central-1", credentials: CREDENTIALS } as const;

export interface Answered extends Partial<Taken> {
  /** The body of the answer; an object goes as JSON. Default: `{}`. */
  readonly body?: unknown;
  readonly status?: number;
}

/** A request's body: its JSON, or the fields of its form; as `text` what is neither. */
export type AwsInput = Readonly<Record<string, unknown>>;

/** `take` gets the operation (`SendMessageBatch`) and the body. */
export function awsDestination(
  config: Readonly<Record<string, unknown>>,
  take: (operation: string, input: AwsInput, request: Request, judge: Judge) => Answered,
  tls?: ServerTls,
): Promise<Destination> {
  return httpDestination(
    (endpoint) => ({ ...COMMON, endpoint, ...config }),
    (request, text, judge) => {
      if (!/^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\//.test(request.headers.get("authorization") ?? ""))
        throw new Error("not signed");
      const form = request.headers.get("content-type")?.startsWith("application/x-www-form-urlencoded");
      const target = request.headers.get("x-amz-target");
      const input: AwsInput = form
        ? Object.fromEntries(new URLSearchParams(text))
        : target
          ? JSON.parse(text)
          : { text };
      const operation = form ? String(input.Action) : (target?.split(".").at(-1) ?? `${request.method}`);
      const { body = {}, status = 200, texts = [], ids = [], refused = [] } = take(operation, input, request, judge);
      return {
        texts,
        ids,
        refused,
        answer: new Response(typeof body === "string" ? body : JSON.stringify(body), {
          status,
          headers: { "content-type": target ? "application/x-amz-json-1.1" : "text/xml" },
        }),
      };
    },
    tls,
  );
}

/** Of entries that were not taken; the second is the sender's fault. */
export const CODES = { again: "InternalFailure", never: "InvalidArgument" } as const;

/** The texts of entries by what the destination makes of them, and the result of each, in its place. */
export function judged(texts: readonly string[], judge: Judge, taken: object) {
  const verdicts = texts.map((text) => judge(text));
  return {
    verdicts,
    texts: texts.filter((_, at) => verdicts[at] === undefined),
    refused: texts.filter((_, at) => verdicts[at] !== undefined),
    results: verdicts.map((verdict) => (verdict ? { ErrorCode: CODES[verdict], ErrorMessage: verdict } : taken)),
  };
}

/** Marked settings of every AWS receiver. */
export const AWS_SECRETS = [
  {
    endpoint: `http://${MARK}-user:${MARK}-pass@127.0.0.1:PORT/${MARK}/path?token=${MARK}`,
    credentials: { accessKeyId: MARK, secretAccessKey: `${MARK}-key`, sessionToken: `${MARK}-header` },
  },
  { endpoint: `http://aws.invalid/${MARK}`, proxy: `http://${MARK}-user:${MARK}-pass@127.0.0.1:PORT` },
] as const;

export const md5 = (text: string): string => new Bun.CryptoHasher("md5").update(text).digest("hex");
