/** What Slack says and wants to hear. */
import { DeliveryError, type Reason } from "../errors.ts";
import type { Event } from "../event.ts";
import type { Store } from "../sink.ts";
import type { Http, HttpResponse, Judgement } from "./http.ts";
import { jsonObject } from "./sink-http.ts";

/**
 * Error codes of the Web API (in a 200) and of incoming webhooks (as the text of a 4xx). What is not here is the
 * event's refusal. @see https://docs.slack.dev/reference/methods/chat.postMessage#errors
 * @see https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors
 */
const CODES: Readonly<Record<Reason | "taken", string>> = {
  taken: "already_reacted",
  throttled: "ratelimited rate_limited rollup_error message_limit_exceeded",
  unavailable: "internal_error service_unavailable fatal_error team_added_to_org org_login_required accesslimited",
  timeout: "request_timeout",
  unauthorized:
    "invalid_auth not_authed account_inactive token_revoked token_expired missing_scope no_permission ekm_access_denied not_allowed_token_type access_denied invalid_token action_prohibited team_access_not_granted two_factor_setup_required",
  not_found:
    "channel_not_found not_in_channel is_archived channel_is_archived restricted_action restricted_action_read_only_channel restricted_action_thread_only_channel restricted_action_non_threadable_channel posting_to_general_channel_denied user_not_found no_service no_team team_disabled deprecated_endpoint method_deprecated",
  too_large: "msg_too_long msg_blocks_too_long too_many_attachments metadata_too_large",
  network: "",
  rejected: "",
  template: "",
  internal: "",
  quota: "",
};
const MEANING: ReadonlyMap<string, Reason | "taken"> = new Map(
  Object.entries(CODES).flatMap(([reason, codes]) =>
    codes.split(" ").map((code) => [code, reason as Reason | "taken"] as const),
  ),
);

/** Of the Web API: `ok` counts, not the status. */
export function judgeApi({ status, text }: HttpResponse): Judgement | undefined {
  if (status !== 200) return undefined;
  const answer = jsonObject(text);
  if (answer?.ok === true) return "taken";
  // No word of Slack's: nobody says that it was posted.
  return typeof answer?.error === "string" ? (MEANING.get(answer.error) ?? "rejected") : "unavailable";
}

/** Of an incoming webhook. */
export function judgeHook({ status, text }: HttpResponse): Judgement | undefined {
  return status === 429 ? undefined : MEANING.get(text.trim());
}

/** The three characters that mean something to Slack, and nothing else. @see https://docs.slack.dev/messaging/formatting-message-text#escaping */
export function escaped(text: string): string {
  return text.replace(/[&<>]/g, (char) => (char === "&" ? "&amp;" : char === "<" ? "&lt;" : "&gt;"));
}

/** The event with every text in it escaped: a container that writes `<!channel>` calls nobody. */
export function escapedEvent(event: Event): Event {
  return /[&<>]/.test(JSON.stringify(event)) ? (escapedDeep(event) as Event) : event;
}

function escapedDeep(value: unknown): unknown {
  if (typeof value === "string") return escaped(value);
  if (Array.isArray(value)) return value.map(escapedDeep);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, escapedDeep(one)]));
}

/** Calls a method of the Web API and returns its answer; `form` sends the arguments and the token as the predecessor did. */
export function slackApi(http: Http, base: string, token: () => string | undefined, form: boolean) {
  return async (method: string, given: Readonly<Record<string, unknown>>, signal: AbortSignal) => {
    const secret = token();
    if (!secret) throw new DeliveryError("unauthorized", "slack has no `token`, and no `url` of an incoming webhook");
    const [type, body, headers] = form
      ? (["application/x-www-form-urlencoded", formOf({ ...given, token: secret }), []] as const)
      : (["application/json; charset=utf-8", JSON.stringify(given), [["Authorization", `Bearer ${secret}`]]] as const);
    const { text } = await http.send({
      ...{ method: "POST", url: `${base}/${method}`, headers: [["Content-Type", type], ...headers], body, signal },
      ...{ judge: judgeApi, secrets: [secret] },
    });
    return jsonObject(text) ?? {};
  };
}

function formOf(values: Readonly<Record<string, unknown>>): string {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1)))
    form.append(name, typeof value === "string" ? value : JSON.stringify(value));
  return form.toString();
}

export interface Thread {
  readonly channel: string;
  /** Of the first message: a reply's does not open a thread. */
  readonly ts: string;
}

/**
 * Open threads by key, in the store that the runtime lends: when it forgets one, its key opens a new thread. The names in
 * the JSON are those of the exporter's fork, whose ConfigMap holds the same.
 */
export function storedThreads(store: Store) {
  return {
    get(key: string): Thread | undefined {
      const { ChannelID, Timestamp } = jsonObject(store.get(key) ?? "") ?? {};
      if (typeof ChannelID !== "string" || typeof Timestamp !== "string") return undefined;
      return { channel: ChannelID, ts: Timestamp };
    },
    set: (key: string, { channel, ts }: Thread): void =>
      store.set(key, JSON.stringify({ Timestamp: ts, ChannelID: channel })),
    forget: (key: string): void => store.delete(key),
  };
}
