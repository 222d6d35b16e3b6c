/**
 * Fakes of Google's APIs, which refuse what the APIs' published description does not know: a method, a path, a property,
 * a type. The descriptions are Google's own, cut down to what Petrel calls and names.
 * @see https://developers.google.com/discovery/v1/reference/apis
 */
import { generateKeyPairSync } from "node:crypto";
import { MARK } from "../contract.ts";
import bigquery from "../fixtures/google/bigquery.json" with { type: "json" };
import pubsub from "../fixtures/google/pubsub.json" with { type: "json" };

export const DISCOVERY: Readonly<Record<"bigquery" | "pubsub", Discovery>> = { bigquery, pubsub };

export interface Discovery {
  readonly servicePath: string;
  readonly methods: Readonly<Record<string, Method>>;
  readonly schemas: Readonly<Record<string, unknown>>;
}

interface Method {
  readonly httpMethod: string;
  readonly path: string;
  readonly scopes: readonly string[];
  readonly request?: string;
}

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly format?: string;
  readonly enum?: readonly string[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly readOnly?: boolean;
}

/** Throws for what the schema does not know. */
function validate(api: Discovery, value: unknown, schema: Schema, at: string): void {
  const fail = (why: string): never => {
    throw new Error(`${at}: ${why}`);
  };
  if (schema.$ref !== undefined) {
    const found = api.schemas[schema.$ref] as Schema | undefined;
    if (!found) fail(`no schema ${schema.$ref}`);
    else validate(api, value, found, at);
    return;
  }
  if (schema.readOnly) fail("is Google's to write");
  if (schema.enum && !schema.enum.includes(value as string)) fail(`${value} is none of ${schema.enum}`);
  switch (schema.type) {
    case "any":
      return;
    case "string":
      if (typeof value !== "string") fail("is no string");
      if (!(value as string).isWellFormed()) fail("is no Unicode");
      if (schema.format === "byte" && Buffer.from(value as string, "base64").toString("base64") !== value)
        fail("is no base64");
      return;
    case "boolean":
      if (typeof value !== "boolean") fail("is no boolean");
      return;
    case "integer":
      if (!Number.isInteger(value)) fail("is no integer");
      return;
    case "array":
      if (!Array.isArray(value)) throw new Error(`${at}: is no array`);
      for (const [index, item] of value.entries()) validate(api, item, schema.items ?? {}, `${at}[${index}]`);
      return;
    case "object":
      if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`${at}: is no object`);
      for (const [name, item] of Object.entries(value)) {
        const known =
          schema.properties && Object.hasOwn(schema.properties, name)
            ? schema.properties[name]
            : schema.additionalProperties;
        if (known === undefined) fail(`has no property ${name}`);
        else validate(api, item, known, `${at}.${name}`);
      }
      return;
    default:
      fail(`type ${schema.type}`);
  }
}

/** The method that a request calls, with its path's parameters and its body, both valid. Throws for one that is none. */
export function called(api: Discovery, request: Request, text: string) {
  const { pathname } = new URL(request.url);
  for (const [name, method] of Object.entries(api.methods)) {
    const pattern = `/${api.servicePath}${method.path}`
      .replace(/[.:]/g, "\\$&")
      // {+topic} may hold slashes: the path of a resource.
      .replace(/\{\+(topic|name|resource)\}/g, "(?<$1>projects/[^/:]+/topics/[^/:]+)")
      .replace(/\{\+?(\w+)\}/g, "(?<$1>[^/:]+)");
    const match = new RegExp(`^${pattern}$`).exec(pathname);
    if (!match || method.httpMethod !== request.method) continue;
    const body: unknown = text === "" ? undefined : JSON.parse(text);
    if (method.request) validate(api, body, { $ref: method.request }, method.request);
    else if (body !== undefined && method.httpMethod === "GET") throw new Error(`${name} has no body`);
    if (body !== undefined && request.headers.get("content-type") !== "application/json")
      throw new Error("Content-Type");
    return { name, parameters: match.groups ?? {}, body, scopes: method.scopes };
  }
  throw new Error(`no method is called by ${request.method} ${pathname}`);
}

export const googleError = (code: number, status: string, message: string, reason?: string): Response =>
  Response.json(
    { error: { code, status, message, ...(reason && { errors: [{ reason, message, domain: "global" }] }) } },
    { status: code },
  );

const { privateKey, publicKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});
export const PUBLIC_KEY: string = publicKey;

export const TOKEN = "ya29.a-token-of-the-fake";

/** Gives out tokens: {@link TOKEN}, or what its path says after `/token/`. */
const tokens = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: (request) =>
    Response.json({
      access_token: new URL(request.url).pathname.slice("/token/".length) || TOKEN,
      expires_in: 3_599,
      token_type: "Bearer",
    }),
});
tokens.unref();

/** The key of a service account, for which the fake has tokens. */
export const serviceAccount = (token = "") => ({
  type: "service_account",
  project_id: "my-project",
  private_key_id: "key-1",
  private_key: privateKey,
  client_email: "petrel@my-project.iam.gserviceaccount.com",
  token_uri: `http://127.0.0.1:${tokens.port}/token/${token}`,
});

/** Throws for a request without our token. */
export function isAuthorized(request: Request): void {
  if (request.headers.get("authorization") !== `Bearer ${TOKEN}`) throw new Error("authorization");
}

/** Marked settings of every Google receiver. */
export const GOOGLE_SECRETS: readonly Readonly<Record<string, unknown>>[] = [
  { credentials: JSON.stringify({ ...serviceAccount(MARK), private_key_id: MARK }) },
  { credentials: MARK },
  {
    endpoint: `http://${MARK}-user:${MARK}-pass@127.0.0.1:PORT/${MARK}`,
    credentials: JSON.stringify(serviceAccount(MARK)),
  },
  { proxy: `http://${MARK}-user:${MARK}-pass@127.0.0.1:PORT`, credentials: MARK },
];
