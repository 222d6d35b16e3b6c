/** AWS Signature Version 4. @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html */
import { createHash, createHmac } from "node:crypto";
import type { HeaderList } from "./http.ts";

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

export interface Signed {
  readonly method: string;
  readonly url: string;
  readonly headers: HeaderList;
  readonly body: string | Uint8Array;
}

const sha256 = (data: string | Uint8Array) => createHash("sha256").update(data).digest("hex");
const hmac = (key: string | Uint8Array, text: string) => createHmac("sha256", key).update(text).digest();

/** Percent-encoding of RFC 3986: `encodeURIComponent` leaves five more characters as they are. */
const encoded = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

/**
 * The headers to add: X-Amz-Date, X-Amz-Content-Sha256, a session's token, Authorization. All headers given are signed,
 * and the host.
 */
export function signature(
  request: Signed,
  { accessKeyId, secretAccessKey, sessionToken }: AwsCredentials,
  scope: { readonly region: string; readonly service: string; readonly now: Date; readonly contentHash?: boolean },
): HeaderList {
  const url = new URL(request.url);
  const stamp = scope.now.toISOString().replace(/[-:]|\.\d+/g, "");
  const hash = sha256(request.body);
  const added: (readonly [string, string])[] = [["X-Amz-Date", stamp]];
  if (scope.contentHash ?? true) added.push(["X-Amz-Content-Sha256", hash]);
  if (sessionToken) added.push(["X-Amz-Security-Token", sessionToken]);

  const values = new Map<string, string[]>();
  for (const [name, value] of [["host", url.host], ...request.headers, ...added] as const) {
    const text = value.trim().replace(/ +/g, " ");
    values.set(name.toLowerCase(), [...(values.get(name.toLowerCase()) ?? []), text]);
  }
  const names = [...values.keys()].sort();
  // All services but S3 want the path encoded once more than it is sent.
  const path = url.pathname.split("/").map(encoded).join("/");
  const query = [...url.searchParams]
    .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
    .sort()
    .join("&");
  const canonical = [
    ...[request.method, path, query],
    ...names.map((name) => `${name}:${values.get(name)?.join(",")}`),
    ...["", names.join(";"), hash],
  ].join("\n");

  const { region, service } = scope;
  const credential = `${stamp.slice(0, 8)}/${region}/${service}/aws4_request`;
  const text = `AWS4-HMAC-SHA256\n${stamp}\n${credential}\n${sha256(canonical)}`;
  const key = [region, service, "aws4_request"].reduce<Uint8Array>(
    hmac,
    hmac(`AWS4${secretAccessKey}`, stamp.slice(0, 8)),
  );
  const said = `Credential=${accessKeyId}/${credential}, SignedHeaders=${names.join(";")}`;
  return [...added, ["Authorization", `AWS4-HMAC-SHA256 ${said}, Signature=${hmac(key, text).toString("hex")}`]];
}
