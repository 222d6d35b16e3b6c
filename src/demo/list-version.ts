/** Which state a list shows, and how it goes on from page to page. */
import * as status from "./status.ts";

/** What a `continue` parameter holds, as kube-apiserver writes it. `rv` -1: the latest state. */
interface Token {
  readonly v: "meta.k8s.io/v1";
  readonly rv: number;
  readonly start: string;
}

/** Which version a list shows and from which key on, by the rules of the etcd store without a watch cache. */
export function versionToList(
  query: URLSearchParams,
  limit: number,
  current: number,
  compacted: number,
): { readonly version: number; readonly start: string } | status.Status {
  const text = query.get("resourceVersion") ?? "";
  const match = query.get("resourceVersionMatch") ?? "";
  if (!/^\d*$/.test(text)) {
    return status.badRequest(
      `resourceVersion: Invalid value: "${text}": strconv.ParseUint: parsing "${text}": invalid syntax`,
    );
  }
  const wanted = Number(text);
  const continued = query.get("continue") ?? "";
  if (continued !== "") {
    if (wanted > 0) return status.badRequest("specifying resource version is not allowed when using continue");
    const token = decodeToken(continued);
    if (!token) return status.badRequest("continue key is not valid: illegal base64 data");
    if (token.rv < 0) return { version: current, start: token.start };
    if (token.rv < compacted) return status.expiredContinue(encodeToken({ ...token, rv: -1 }));
    return { version: token.rv, start: token.start };
  }
  if (match !== "" && text === "") {
    return {
      code: 422,
      reason: "Invalid",
      message:
        'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
    };
  }
  if (wanted > current) return status.tooLargeVersion(wanted, current);
  // With a limit, a version without a match means exactly that version: the "legacy exact" of the etcd store.
  const exact = match === "Exact" || (match === "" && limit > 0);
  if (wanted === 0 || !exact) return { version: current, start: "" };
  return wanted < compacted ? status.expiredList : { version: wanted, start: "" };
}

export const encodeToken = (token: Token): string => Buffer.from(JSON.stringify(token)).toString("base64url");

function decodeToken(text: string): Token | undefined {
  try {
    const token: unknown = JSON.parse(Buffer.from(text, "base64url").toString());
    if (typeof token !== "object" || token === null) return undefined;
    const { rv, start } = token as Partial<Token>;
    return typeof rv === "number" && typeof start === "string" ? { v: "meta.k8s.io/v1", rv, start } : undefined;
  } catch {
    return undefined;
  }
}
