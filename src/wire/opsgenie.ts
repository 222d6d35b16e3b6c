/** Alerts as Opsgenie and Jira Service Management take them. @see https://docs.opsgenie.com/docs/alert-api#create-alert */
import type { HeaderList, Http, HttpResponse, Judgement } from "./http.ts";
import { clipped } from "./sink-http.ts";

const LIMITS = { message: 130, alias: 512, description: 15_000, entity: 512, source: 100 } as const;
const MAX_TAGS = 20;
const MAX_TAG = 50;
/** Of all values together. */
const MAX_DETAILS = 8_000;

const ADDRESSES = {
  opsgenie: "https://api.opsgenie.com",
  jsm: "https://api.atlassian.com/jsm/ops/integration",
} as const;

export interface Alert {
  readonly message: string;
  readonly alias: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly details: Readonly<Record<string, string>>;
  readonly entity: string;
  readonly source: string;
  readonly priority: string;
}

/** JSON without what is empty. `cut`: within the limits, beyond which the API refuses an alert or cuts without a word. */
export function alertJson(alert: Alert, cut: boolean): string {
  const { tags, details } = alert;
  const text = (value: string, max: number) => (value === "" ? undefined : cut ? clipped(value, max) : value);
  const labels = tags.map((tag) => text(tag, MAX_TAG)).filter((tag) => tag !== undefined);
  const each = Math.floor(MAX_DETAILS / Math.max(1, Object.keys(details).length));
  const properties = Object.entries(details)
    .sort(byName)
    .map(([name, value]) => [name, text(value, each) ?? ""] as const);
  return JSON.stringify({
    message: text(alert.message, LIMITS.message),
    alias: text(alert.alias, LIMITS.alias),
    description: text(alert.description, LIMITS.description),
    tags: labels.length > 0 ? labels.slice(0, cut ? MAX_TAGS : undefined) : undefined,
    details: properties.length > 0 ? Object.fromEntries(properties) : undefined,
    entity: text(alert.entity, LIMITS.entity),
    source: text(alert.source, LIMITS.source),
    priority: alert.priority,
  });
}

const byName = ([a]: readonly [string, string], [b]: readonly [string, string]) => (a < b ? -1 : 1);

/** The base of the API. The predecessor took a host, and spoke plain HTTP to one without `api` in its name. */
export function alertAddress(given: string | undefined, service: keyof typeof ADDRESSES, compat: boolean): string {
  if (!given) return ADDRESSES[service];
  const scheme = /^https?:\/\//.test(given) ? "" : compat && !given.includes("api") ? "http://" : "https://";
  return `${scheme}${given.replace(/\/+$/, "")}`;
}

/**
 * Of a request that was too much: the seconds in which too many were counted.
 * @see https://docs.opsgenie.com/docs/api-rate-limiting
 */
export const WAIT_HEADER = "x-ratelimit-period-in-sec";

/** A key that is none is answered 422, as a bad alert is: `Key format is not valid!` */
export function judgeAlert({ status, text }: HttpResponse): Judgement | undefined {
  return status === 422 && /key format is not valid/i.test(text) ? "unauthorized" : undefined;
}

/** Asks for an alert. A key that may only create is answered 403, and is good; one that is none is answered 422. */
export async function keyIsKnown(
  http: Http,
  url: string,
  headers: HeaderList,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { status } = await http.send({
    ...{ method: "GET", url: `${url}?limit=1`, headers, signal },
    judge: (answer) => (answer.status === 403 ? "taken" : answer.status === 422 ? "unauthorized" : undefined),
  });
  return status === 403 ? "not checked: whether the key may create alerts; it may not read them" : undefined;
}
