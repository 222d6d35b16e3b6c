/** The token of another identity provider that Google takes for its own: a Kubernetes cluster's, GitHub's, Azure's. */
import { readFileSync } from "node:fs";
import { DeliveryError } from "../errors.ts";
import { askForToken, judgeToken } from "./access-token.ts";
import type { HeaderList, Http } from "./http.ts";
import { jsonObject } from "./sink-http.ts";

type Json = Readonly<Record<string, unknown>>;

const objectOf = (value: unknown): Json | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : undefined;

/** Of an `external_account` credential: by file or by URL, as text or in JSON. @see https://google.aip.dev/auth/4117 */
export async function subjectToken(json: Json, from: string, http: Http, signal: AbortSignal): Promise<string> {
  const source = objectOf(json.credential_source);
  const format = objectOf(source?.format);
  const field = format?.type === "json" ? needed(format, "subject_token_field_name", from) : undefined;
  if (typeof source?.file === "string") {
    const text = readText(source.file);
    if (field === undefined) return text.trim();
    return needed(jsonObject(text) ?? {}, field, source.file);
  }
  if (typeof source?.url === "string" && source.environment_id === undefined) {
    const headers = Object.entries(objectOf(source.headers) ?? {}).map(
      ([name, value]) => [name, String(value)] as const,
    );
    if (field === undefined) return await textOf(http, source.url, headers, signal);
    return needed(await askForToken(http, { url: source.url, headers }, signal), field, from);
  }
  throw new DeliveryError(
    "unauthorized",
    `${from}: credential_source names neither a file nor a URL; AWS and executables as a source are not supported`,
  );
}

async function textOf(http: Http, url: string, headers: HeaderList, signal: AbortSignal): Promise<string> {
  const { text } = await http.send({ method: "GET", url, headers, signal, judge: judgeToken });
  return text.trim();
}

/** A text of a credential file. Throws DeliveryError("unauthorized"). */
export function needed(json: Json, name: string, from: string): string {
  const value = json[name];
  if (typeof value === "string" && value !== "") return value;
  throw new DeliveryError("unauthorized", `${from}: ${name} is missing`);
}

/** Throws DeliveryError("unauthorized"). */
export function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : "unknown error";
    throw new DeliveryError("unauthorized", `the credentials ${path} cannot be read: ${code}`);
  }
}
