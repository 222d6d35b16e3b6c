/**
 * Who we are to Microsoft Entra ID, found as Azure's own libraries find it on a server: settings or environment (client
 * secret), the pod's service account (workload identity), the machine (managed identity).
 * @see https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow
 */
import { readFileSync } from "node:fs";
import type { Fields } from "../config/fields.ts";
import { DeliveryError } from "../errors.ts";
import type { SecretInput, SinkContext } from "../sink.ts";
import { type AccessToken, askForToken, type TokenSource, tokenOf, tokenSource } from "./access-token.ts";
import { createHttp, type Http } from "./http.ts";

/** Settings of an identity at Entra. */
export const entraField = (field: Fields) =>
  field
    .object({
      tenantId: field.text().optional().describe("Tenant; by default AZURE_TENANT_ID."),
      clientId: field
        .text()
        .optional()
        .describe("Client id of the application, or of a user-assigned managed identity; by default AZURE_CLIENT_ID."),
      clientSecret: field.secret().optional().describe("Secret of the application; by default AZURE_CLIENT_SECRET."),
      tokenFile: field
        .text()
        .optional()
        .describe(
          "File with a token that the application trusts; by default AZURE_FEDERATED_TOKEN_FILE, which AKS sets.",
        ),
      authorityHost: field.url().optional().describe("Entra of another cloud; by default AZURE_AUTHORITY_HOST."),
    })
    .optional()
    .describe(
      "Identity at Microsoft Entra ID; by default what Azure's tools find: environment, workload identity, managed identity.",
    );

export interface EntraSettings {
  readonly tenantId?: string | undefined;
  readonly clientId?: string | undefined;
  readonly clientSecret?: SecretInput | undefined;
  readonly tokenFile?: string | undefined;
  readonly authorityHost?: string | undefined;
}

/**
 * Tokens for a resource, such as `https://eventgrid.azure.net`. Nothing is read or asked before the first is wanted; files
 * are read again for each token.
 */
export function entraTokens(
  settings: EntraSettings,
  resource: string,
  http: Http,
  context: Pick<SinkContext, "secret">,
): TokenSource {
  const secret = settings.clientSecret === undefined ? undefined : context.secret(settings.clientSecret);
  return tokenSource((signal) => {
    const { env } = process;
    const tenantId = settings.tenantId || env.AZURE_TENANT_ID;
    const clientId = settings.clientId || env.AZURE_CLIENT_ID;
    const file = settings.tokenFile || (secret ? undefined : env.AZURE_FEDERATED_TOKEN_FILE);
    const clientSecret = secret?.reveal() || (file ? undefined : env.AZURE_CLIENT_SECRET);
    if (!clientSecret && !file) return managedToken(clientId, resource, signal);
    if (!tenantId || !clientId)
      throw new DeliveryError("unauthorized", `entra: ${tenantId ? "clientId" : "tenantId"} is missing`);
    const host = (settings.authorityHost || env.AZURE_AUTHORITY_HOST || "https://login.microsoftonline.com").replace(
      /\/+$/,
      "",
    );
    const assertion = file && !clientSecret ? read(file) : undefined;
    const body = {
      grant_type: "client_credentials",
      client_id: clientId,
      scope: `${resource}/.default`,
      client_secret: clientSecret,
      ...(assertion && {
        client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        client_assertion: assertion,
      }),
    };
    const secrets = [clientSecret ?? "", assertion ?? ""].filter((text) => text !== "");
    const url = `${host}/${encodeURIComponent(tenantId)}/oauth2/v2.0/token`;
    return askForToken(http, { url, body, secrets }, signal).then((answer) => tokenOf(answer, "Entra"));
  });
}

/**
 * Of the machine that we run on, or of App Service and Container Apps.
 * @see https://learn.microsoft.com/en-us/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#get-a-token-using-http
 * @see https://learn.microsoft.com/en-us/azure/app-service/overview-managed-identity#rest-endpoint-reference
 */
async function managedToken(clientId: string | undefined, resource: string, signal: AbortSignal): Promise<AccessToken> {
  const { IDENTITY_ENDPOINT, IDENTITY_HEADER, AZURE_POD_IDENTITY_AUTHORITY_HOST } = process.env;
  const isService = Boolean(IDENTITY_ENDPOINT && IDENTITY_HEADER);
  const host = AZURE_POD_IDENTITY_AUTHORITY_HOST || "http://169.254.169.254";
  const query = new URLSearchParams({
    "api-version": isService ? "2019-08-01" : "2018-02-01",
    resource,
    ...(clientId && { client_id: clientId }),
  });
  const url = `${isService ? IDENTITY_ENDPOINT : `${host}/metadata/identity/oauth2/token`}?${query}`;
  const header = isService ? (["X-IDENTITY-HEADER", IDENTITY_HEADER ?? ""] as const) : (["Metadata", "true"] as const);
  using http = createHttp({ direct: true });
  try {
    const answer = await askForToken(http, { url, headers: [header] }, signal);
    // App Service says when it ends, and not how long it lasts.
    const { expires_in: lasts = Number(answer.expires_on) - Date.now() / 1_000 } = answer;
    return tokenOf({ ...answer, expires_in: lasts }, "the managed identity");
  } catch (error) {
    if (!(error instanceof DeliveryError)) throw error;
    const { reason, message } = error;
    throw new DeliveryError(
      reason,
      `found no Azure credentials in the config and the environment, and no managed identity: ${message}`,
    );
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : "unknown error";
    throw new DeliveryError("unauthorized", `the token file ${path} cannot be read: ${code}`);
  }
}
