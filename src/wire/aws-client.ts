/**
 * What all AWS receivers share: the settings of a client, whose credentials it takes, what AWS's errors mean, and how a
 * batch is cut into requests. The official clients sign and serialise; what goes over the wire is Petrel's own HTTP, so
 * that TLS, proxies and deadlines are those of every other receiver.
 */
import type { Fields } from "../config/fields.ts";
import { DeliveryError, type Reason, type Refusal, reasonOfStatus } from "../errors.ts";
import type { SecretInput, SinkContext } from "../sink.ts";
import { abortError, untilAborted } from "./abort.ts";
import type { Entry } from "./entries.ts";
import { type HeaderList, retryAfterMs } from "./http.ts";
import { openHttp } from "./sink-http.ts";
import type { TlsOptions } from "./tls.ts";

/** Settings that every AWS receiver has. */
export const awsFields = (field: Fields) => ({
  region: field.text().optional().describe("AWS region; by default that of the environment (`AWS_REGION`) or profile."),
  endpoint: field
    .url()
    .optional()
    .describe("Where the service is, if not where AWS has it: a VPC endpoint, LocalStack, another vendor's."),
  credentials: field
    .object({
      accessKeyId: field.secret().describe("Access key."),
      secretAccessKey: field.secret().describe("Its secret."),
      sessionToken: field.secret().optional().describe("Token of temporary credentials."),
    })
    .optional()
    .describe(
      "By default those that AWS's tools find: environment, profile, web identity (IRSA), Pod Identity, instance metadata.",
    ),
  assumeRole: field
    .object({
      roleArn: field.text().describe("ARN of the role."),
      externalId: field.text().optional().describe("External id that the role's trust policy asks for."),
      sessionName: field.text().default("petrel").describe("Name of the session in CloudTrail."),
      endpoint: field.url().optional().describe("Where STS is, if not where AWS has it."),
    })
    .optional()
    .describe("Role to take on with these credentials."),
  ...field.connection(),
});

export interface AwsSettings {
  readonly region?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly credentials?:
    | {
        readonly accessKeyId: SecretInput;
        readonly secretAccessKey: SecretInput;
        readonly sessionToken?: SecretInput | undefined;
      }
    | undefined;
  readonly assumeRole?:
    | {
        readonly roleArn: string;
        readonly externalId?: string | undefined;
        readonly sessionName: string;
        readonly endpoint?: string | undefined;
      }
    | undefined;
  readonly tls?: TlsOptions | undefined;
  readonly proxy?: SecretInput | undefined;
}

/** The part of AWS's HttpRequest that is sent. */
interface SignedRequest {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

interface Identity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

/** STS is asked by requests that no delivery waits for with a signal of its own. */
const STS_MS = 10_000;
const EXCERPT = 256;
/** Credentials that AWS knows, without this right; an answer to HEAD has no room for the name of the error. */
const NOT_ALLOWED = / AccessDenied| AuthorizationError| 403: (Unknown|UnknownError|Forbidden|403) /;

/** Options for any client of the SDK, and what a call's errors mean. */
export interface Aws {
  readonly options: ReturnType<typeof clientOptions>;
  /** Runs a call of a client; rejects with DeliveryError only. `doing` opens its message: `PutEvents`. */
  call<T>(doing: string, signal: AbortSignal, run: (options: { abortSignal: AbortSignal }) => Promise<T>): Promise<T>;
  /** A call that only reads: a right that is missing for it says nothing about the right to deliver, and is told. */
  probe(
    doing: string,
    signal: AbortSignal,
    run: (options: { abortSignal: AbortSignal }) => Promise<unknown>,
  ): Promise<string | undefined>;
  close(client: { destroy(): void }): Promise<void>;
}

/** Throws ConfigError for TLS settings that cannot be. */
export function openAws(settings: AwsSettings, context: SinkContext): Aws {
  const http = openHttp(settings, context);
  const secrets = Object.values(settings.credentials ?? {}).flatMap((input) => (input ? [context.secret(input)] : []));
  const requestHandler = {
    async handle(request: SignedRequest, { abortSignal }: { abortSignal?: AbortSignal } = {}) {
      const port = request.port === undefined ? "" : `:${request.port}`;
      const answer = await http.send({
        method: request.method,
        url: `${request.protocol}//${request.hostname}${port}${request.path}${queryText(request.query)}`,
        headers: Object.entries(request.headers) as unknown as HeaderList,
        ...(request.body !== undefined && { body: request.body }),
        signal: abortSignal ?? AbortSignal.timeout(STS_MS),
        // The client reads the answer.
        judge: () => "taken",
      });
      const headers = Object.fromEntries(answer.headers);
      return { response: { statusCode: answer.status, headers, body: Buffer.from(answer.text) } };
    },
    destroy() {},
  };
  const options = clientOptions(settings, context, requestHandler);

  async function call<T>(
    doing: string,
    signal: AbortSignal,
    run: (options: { abortSignal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    const what = settings.endpoint === undefined ? doing : `${doing} at ${originOf(settings.endpoint)}`;
    if (signal.aborted) throw abortError(signal, what);
    try {
      return await run({ abortSignal: signal });
    } catch (error) {
      if (signal.aborted) throw abortError(signal, what);
      const hidden = secrets.flatMap((secret) => attempt(() => [secret.reveal()]) ?? []);
      throw meaning(error, what, [...hidden, ...pathOf(settings.endpoint)]);
    }
  }

  return {
    options,
    call,
    async probe(doing, signal, run) {
      try {
        await call(doing, signal, run);
      } catch (error) {
        if (!(error instanceof DeliveryError) || !NOT_ALLOWED.test(error.message)) throw error;
        return `not checked: whether it is there, because the right to ${doing} is missing`;
      }
      return undefined;
    },
    async close(client) {
      client.destroy();
      http[Symbol.dispose]();
    },
  };
}

/** Settings of who we are, for receivers that sign their own requests. */
export const identityFields = (field: Fields) => {
  const { region, credentials, assumeRole } = awsFields(field);
  return { region, credentials, assumeRole };
};

/** Who we are to AWS, found as every AWS receiver finds it, for requests that no client of the SDK makes. */
export async function openIdentity(settings: AwsSettings, context: SinkContext) {
  const aws = openAws(settings, context);
  const { STSClient } = await import("@aws-sdk/client-sts");
  const client = new STSClient(aws.options);
  return {
    /** The client keeps credentials and asks again before they expire. Rejects with DeliveryError. */
    current: (signal: AbortSignal) =>
      aws.call("finding AWS credentials", signal, async () => {
        const found = Promise.all([client.config.region(), client.config.credentials()]);
        // Where they are found, nobody knows our deadline.
        const [region, credentials] = await untilAborted(found, signal, "finding AWS credentials", () => {});
        return { region, credentials };
      }),
    close: () => aws.close(client),
  };
}

function clientOptions(
  settings: AwsSettings,
  context: SinkContext,
  requestHandler:
    | { handle(request: never, options?: { abortSignal?: AbortSignal }): Promise<{ response: never }> }
    | object,
) {
  const { region, endpoint, assumeRole } = settings;
  const identity = settings.credentials && ownCredentials(settings.credentials, context);
  const base = {
    // One attempt: retries are the runtime's.
    maxAttempts: 1,
    requestHandler: requestHandler as never,
    ...(region && { region }),
    ...(identity && { credentials: identity }),
  };
  const credentials = assumeRole && assumedRole(assumeRole, base);
  return { ...base, ...(endpoint && { endpoint }), ...(credentials && { credentials }) };
}

function ownCredentials(input: NonNullable<AwsSettings["credentials"]>, context: SinkContext) {
  const [id, key] = [context.secret(input.accessKeyId), context.secret(input.secretAccessKey)];
  const token = input.sessionToken === undefined ? undefined : context.secret(input.sessionToken);
  return async (): Promise<Identity> => ({
    accessKeyId: id.reveal(),
    secretAccessKey: key.reveal(),
    ...(token && { sessionToken: token.reveal() }),
    // Asked for again soon: the files may have changed.
    expiration: new Date(Date.now() + 310_000),
  });
}

/** Credentials of the role; the client asks again five minutes before they expire. */
function assumedRole(role: NonNullable<AwsSettings["assumeRole"]>, base: object) {
  return async (): Promise<Identity> => {
    const { STSClient, AssumeRoleCommand } = await import("@aws-sdk/client-sts");
    const sts = new STSClient({ ...base, ...(role.endpoint && { endpoint: role.endpoint }) });
    const { Credentials: got } = await sts.send(
      new AssumeRoleCommand({ RoleArn: role.roleArn, RoleSessionName: role.sessionName, ExternalId: role.externalId }),
    );
    if (!got?.AccessKeyId || !got.SecretAccessKey)
      throw new DeliveryError("unauthorized", `AssumeRole of ${role.roleArn} gave no credentials`);
    return {
      accessKeyId: got.AccessKeyId,
      secretAccessKey: got.SecretAccessKey,
      ...(got.SessionToken && { sessionToken: got.SessionToken }),
      ...(got.Expiration && { expiration: got.Expiration }),
    };
  };
}

/** What a code of AWS means, of a request or of an entry in it; undefined when the status must tell. */
export function reasonOfCode(code: string): Reason | undefined {
  // `AWS.SimpleQueueService.NonExistentQueue`, `com.amazonaws.sqs#QueueDoesNotExist`
  const name = /[^.#]*$/.exec(code)?.[0] ?? code;
  if (/Throttl|TooManyRequests|ProvisionedThroughput|RequestLimitExceeded|SlowDown/.test(name)) return "throttled";
  if (/^KMS(NotFound|Disabled|InvalidState|OptInRequired|AccessDenied)/.test(name)) return "unauthorized";
  if (
    /AccessDenied|AuthorizationError|ExpiredToken|InvalidClientTokenId|UnrecognizedClient|InvalidAccessKeyId/.test(name)
  )
    return "unauthorized";
  if (/SignatureDoesNotMatch|InvalidSignature|IncompleteSignature|MissingAuthentication|InvalidToken|OptIn/.test(name))
    return "unauthorized";
  if (/CredentialsProvider|TokenProvider|RequestTimeTooSkewed|InvalidIdentityToken/.test(name)) return "unauthorized";
  if (/ResourceNotFound|^NotFound|QueueDoesNotExist|NonExistentQueue|NoSuchBucket|NoSuchKey/.test(name))
    return "not_found";
  if (/PermanentRedirect|AuthorizationHeaderMalformed|UnknownOperation/.test(name)) return "not_found";
  if (/TooLarge|TooLong/.test(name)) return "too_large";
  if (/LimitExceeded/.test(name)) return "quota";
  if (/^RequestTimeout/.test(name)) return "timeout";
  if (/^Internal|ServiceUnavailable|OperationAborted|ConflictException|ConditionalRequestConflict/.test(name))
    return "unavailable";
  return undefined;
}

interface ServiceError extends Error {
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly statusCode?: number; readonly headers?: Readonly<Record<string, string>> };
}

function meaning(error: unknown, doing: string, hidden: readonly string[]): DeliveryError {
  if (error instanceof DeliveryError) return error;
  if (!(error instanceof Error)) return new DeliveryError("internal", `${doing} failed: ${String(error)}`);
  const { $metadata, $response, name } = error as ServiceError;
  const status = $response?.statusCode ?? $metadata?.httpStatusCode;
  if (/Region is missing/.test(error.message))
    return new DeliveryError("not_found", `${doing} failed: no region; set region, or AWS_REGION in the environment`);
  const byCode = reasonOfCode(name);
  const byStatus = status === undefined ? undefined : reasonOfStatus(status);
  // A success that cannot be read did not come from AWS.
  const reason = byCode ?? byStatus ?? (status === undefined ? "network" : "not_found");
  let text = error.message;
  for (const secret of hidden) if (secret.length >= 6) text = text.replaceAll(secret, "[secret]");
  text = text.replace(/\s+/g, " ").trim();
  if (text.length > EXCERPT) text = `${text.slice(0, EXCERPT)}…`;
  return new DeliveryError(reason, `${doing} failed${status === undefined ? "" : ` with ${status}`}: ${name} ${text}`, {
    retryAfterMs: retryAfterMs($response?.headers?.["retry-after"], Date.now()),
  });
}

/** The refusal of one entry. An unknown code is the event's own fault only when AWS says so. */
export function refusalOf(index: number, code: string, message: string, senderFault: boolean): Refusal {
  const reason = reasonOfCode(code) ?? (senderFault ? "rejected" : "unavailable");
  return { index, reason, message: `${code}: ${message}`.slice(0, EXCERPT) };
}

/** The refusals of an answer whose results stand at the places of the entries; one without a code was taken. */
export function refusalsAt(
  entries: readonly Entry<unknown>[],
  results: readonly { readonly ErrorCode?: string | undefined; readonly ErrorMessage?: string | undefined }[],
  senderFault: boolean,
): Refusal[] {
  return entries.flatMap(({ index }, at) => {
    const { ErrorCode, ErrorMessage = "" } = results[at] ?? {};
    return ErrorCode ? [refusalOf(index, ErrorCode, ErrorMessage, senderFault)] : [];
  });
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function originOf(endpoint: string): string {
  return URL.parse(endpoint)?.origin ?? "the endpoint";
}

function pathOf(endpoint: string | undefined): string[] {
  const url = endpoint === undefined ? null : URL.parse(endpoint);
  return url === null ? [] : [url.username, url.password, ...url.pathname.split("/"), ...url.searchParams.values()];
}

/** As AWS signs it: sorted is not needed, but every character but RFC 3986's unreserved is escaped. */
function queryText(query: SignedRequest["query"]): string {
  const escaped = (text: string) =>
    encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const parts = Object.entries(query ?? {}).flatMap(([key, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) =>
      one === null || one === "" ? `${escaped(key)}=` : `${escaped(key)}=${escaped(one)}`,
    ),
  );
  return parts.length === 0 ? "" : `?${parts.join("&")}`;
}
