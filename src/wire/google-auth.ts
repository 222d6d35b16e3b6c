/**
 * Who we are to Google, found as Google's own libraries find it (Application Default Credentials): a credential file, or
 * the metadata server, which on GKE speaks for the service account of the pod (Workload Identity Federation for GKE).
 * @see https://cloud.google.com/docs/authentication/application-default-credentials
 */
import { sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Fields } from "../config/fields.ts";
import { DeliveryError } from "../errors.ts";
import type { SecretInput, SinkContext } from "../sink.ts";
import { type AccessToken, askForToken, type TokenSource, tokenOf, tokenSource } from "./access-token.ts";
import { needed, readText, subjectToken } from "./google-subject.ts";
import { createHttp, type Http } from "./http.ts";
import { jsonObject } from "./sink-http.ts";

/** Settings that every Google receiver has. */
export const googleFields = (field: Fields) => ({
  credentials: field
    .secret()
    .optional()
    .describe(
      "Key of a service account or another credential, as JSON; by default what Google's tools find: GOOGLE_APPLICATION_CREDENTIALS, gcloud's, the metadata server (Workload Identity on GKE).",
    ),
  endpoint: field
    .url()
    .optional()
    .describe("Where the service is, if not where Google has it: a regional or private endpoint, an emulator."),
  ...field.connection(),
});

const GRANT = "urn:ietf:params:oauth:grant-type:";
const TOKEN_URL = "https://oauth2.googleapis.com/token";
const LIFETIME_S = 3_600;

type Json = Readonly<Record<string, unknown>>;

interface Credential {
  readonly json: Json;
  /** Where it was found, for errors. */
  readonly from: string;
}

/** Tokens for one scope. Nothing is read or asked before the first is wanted; files are read again for each token. */
export function googleTokens(
  settings: { readonly credentials?: SecretInput | undefined; readonly credentialsPath?: string | undefined },
  scope: string,
  http: Http,
  context: SinkContext,
): TokenSource {
  const secret = settings.credentials === undefined ? undefined : context.secret(settings.credentials);
  const find = (): Credential | undefined => {
    if (secret) return parsed(secret.reveal(), "credentials");
    const named = settings.credentialsPath || process.env.GOOGLE_APPLICATION_CREDENTIALS;
    if (named) return parsed(readText(named), named);
    // gcloud's, of a person who has logged in.
    const folder = process.env.CLOUDSDK_CONFIG || join(homedir(), ".config/gcloud");
    const path = join(folder, "application_default_credentials.json");
    const text = attempt(() => readFileSync(path, "utf8"));
    return text === undefined ? undefined : parsed(text, path);
  };
  return tokenSource((signal) => {
    const found = find();
    return found ? tokenFor(found, scope, http, signal) : metadataToken(scope, signal);
  });
}

function tokenFor({ json, from }: Credential, scope: string, http: Http, signal: AbortSignal): Promise<AccessToken> {
  const text = (name: string) => needed(json, name, from);
  switch (json.type) {
    case "service_account":
      return serviceAccountToken(json, from, scope, http, signal);
    case "authorized_user": {
      const body = {
        grant_type: "refresh_token",
        client_id: text("client_id"),
        client_secret: text("client_secret"),
        refresh_token: text("refresh_token"),
      };
      const secrets = [body.client_secret, body.refresh_token];
      const url = typeof json.token_uri === "string" ? json.token_uri : TOKEN_URL;
      return askForToken(http, { url, body, secrets }, signal).then((answer) => tokenOf(answer, originOf(url)));
    }
    case "external_account":
      return federatedToken(json, from, scope, http, signal);
    case "impersonated_service_account":
      return impersonatedToken(json, from, scope, http, signal);
    default:
      throw new DeliveryError(
        "unauthorized",
        `${from}: credentials of type ${JSON.stringify(json.type)} are not supported; service_account, external_account, authorized_user and impersonated_service_account are`,
      );
  }
}

/** @see https://developers.google.com/identity/protocols/oauth2/service-account#httprest */
async function serviceAccountToken(
  json: Json,
  from: string,
  scope: string,
  http: Http,
  signal: AbortSignal,
): Promise<AccessToken> {
  const url = typeof json.token_uri === "string" ? json.token_uri : TOKEN_URL;
  const issued = Math.floor(Date.now() / 1_000);
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const header = { alg: "RS256", typ: "JWT", kid: json.private_key_id };
  const claims = {
    iss: needed(json, "client_email", from),
    scope,
    aud: url,
    iat: issued,
    exp: issued + LIFETIME_S,
  };
  const unsigned = `${part(header)}.${part(claims)}`;
  const key = needed(json, "private_key", from);
  const signature = attempt(() => sign("RSA-SHA256", Buffer.from(unsigned), key).toString("base64url"));
  if (signature === undefined) throw new DeliveryError("unauthorized", `${from}: private_key is not an RSA key in PEM`);
  const assertion = `${unsigned}.${signature}`;
  const body = { grant_type: `${GRANT}jwt-bearer`, assertion };
  return tokenOf(await askForToken(http, { url, body, secrets: [assertion, signature] }, signal), originOf(url));
}

/** Workload Identity Federation. @see https://google.aip.dev/auth/4117 */
async function federatedToken(
  json: Json,
  from: string,
  scope: string,
  http: Http,
  signal: AbortSignal,
): Promise<AccessToken> {
  const url = needed(json, "token_url", from);
  const subject = await subjectToken(json, from, http, signal);
  const impersonates = json.service_account_impersonation_url;
  const body = {
    grant_type: `${GRANT}token-exchange`,
    audience: needed(json, "audience", from),
    scope: typeof impersonates === "string" ? "https://www.googleapis.com/auth/cloud-platform" : scope,
    requested_token_type: "urn:ietf:params:oauth:token-type:access_token",
    subject_token: subject,
    subject_token_type: needed(json, "subject_token_type", from),
  };
  const own = tokenOf(await askForToken(http, { url, body, secrets: [subject] }, signal), originOf(url));
  return typeof impersonates === "string" ? generated(impersonates, own.value, scope, http, signal) : own;
}

/** @see https://google.aip.dev/auth/4119 */
async function impersonatedToken(
  json: Json,
  from: string,
  scope: string,
  http: Http,
  signal: AbortSignal,
): Promise<AccessToken> {
  const source = json.source_credentials;
  if (typeof source !== "object" || source === null)
    throw new DeliveryError("unauthorized", `${from}: source_credentials is missing`);
  const all = "https://www.googleapis.com/auth/cloud-platform";
  const own = await tokenFor({ json: source as Json, from: `${from}: source_credentials` }, all, http, signal);
  return generated(needed(json, "service_account_impersonation_url", from), own.value, scope, http, signal);
}

/** @see https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken */
async function generated(url: string, own: string, scope: string, http: Http, signal: AbortSignal) {
  const json = { scope: [scope], lifetime: `${LIFETIME_S}s` };
  const answer = await askForToken(
    http,
    { url, headers: [["Authorization", `Bearer ${own}`]], body: { json } },
    signal,
  );
  const { accessToken: value, expireTime } = answer;
  if (typeof value !== "string" || typeof expireTime !== "string")
    throw new DeliveryError("unauthorized", `${originOf(url)} answered without an access token`);
  return { value, expiresAt: Date.parse(expireTime) };
}

/** @see https://cloud.google.com/compute/docs/access/authenticate-workloads#applications */
async function metadataToken(scope: string, signal: AbortSignal): Promise<AccessToken> {
  const host = process.env.GCE_METADATA_HOST || "metadata.google.internal";
  const url = `http://${host}/computeMetadata/v1/instance/service-accounts/default/token?scopes=${encodeURIComponent(scope)}`;
  using http = createHttp({ direct: true });
  try {
    return tokenOf(await askForToken(http, { url, headers: [["Metadata-Flavor", "Google"]] }, signal), host);
  } catch (error) {
    if (!(error instanceof DeliveryError)) throw error;
    const { reason, message } = error;
    throw new DeliveryError(
      reason,
      `found no Google credentials in the config, the environment and the home folder, and none by the metadata server: ${message}`,
    );
  }
}

function parsed(text: string, from: string): Credential {
  const json = jsonObject(text);
  // What it holds must not be shown, and an error of the parser would.
  if (!json) throw new DeliveryError("unauthorized", `${from}: the credentials are not a JSON object`);
  return { json, from };
}

const originOf = (url: string) => URL.parse(url)?.origin ?? "the token's URL";

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
