/**
 * Pub/Sub's REST API. @see https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.topics
 *
 * Google's client for Node speaks gRPC: it would add 6 MB to the executable, 40 MB to a process that uses it, and go
 * round the proxy and TLS settings of a receiver.
 */
import { DeliveryError, type Refusal } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { TokenSource } from "./access-token.ts";
import { deliverEntries, type Entry, type RequestLimits } from "./entries.ts";
import { askGoogle, type GoogleAnswer, type GoogleRequest } from "./google-http.ts";
import type { Http } from "./http.ts";

export interface PubsubMessage {
  /** JSON of the message, as it goes into the request. */
  readonly json: string;
  /** Empty: none. */
  readonly orderingKey: string;
}

export interface PubsubTopic {
  /** Publishes all; rejects with DeliveryError, which says what was not taken when it is a part. */
  publish(messages: readonly PubsubMessage[], signal: AbortSignal): Promise<void>;
  check(signal: AbortSignal): Promise<void>;
}

/** @see https://cloud.google.com/pubsub/quotas#resource_limits */
export const PUBSUB_LIMITS = { count: 1_000, bytes: 10_000_000 } as const;
/** Requests under way at once when each has its own ordering key. */
const KEYS_AT_ONCE = 16;
/** Around the messages of a request. */
const FRAME = { open: '{"messages":[', close: "]}" } as const;

export interface PubsubOptions {
  readonly project: string;
  readonly topic: string;
  /** Make the topic when it is missing. */
  readonly create: boolean;
  /** Scheme, host and port. */
  readonly base: string;
  readonly http: Http;
  /** Absent: an emulator. */
  readonly tokens: TokenSource | undefined;
  readonly log: Logger;
}

export function pubsubTopic({ project, topic, create, base, http, tokens, log }: PubsubOptions): PubsubTopic {
  const name = topic.startsWith("projects/") ? topic : `projects/${project}/topics/${topic}`;
  const url = `${base.replace(/\/+$/, "")}/v1/${name.split("/").map(encodeURIComponent).join("/")}`;
  const limits: RequestLimits = {
    ...PUBSUB_LIMITS,
    bytes: PUBSUB_LIMITS.bytes - FRAME.open.length - FRAME.close.length,
  };
  let made = !create;

  /** Errors do not quote URLs; the topic's name is no secret. */
  async function ask(action: string, request: Omit<GoogleRequest, "url">): Promise<GoogleAnswer> {
    try {
      return await askGoogle(http, tokens, { ...request, url: url + action });
    } catch (error) {
      if (!(error instanceof DeliveryError)) throw error;
      const { reason, message, retryAfterMs } = error;
      throw new DeliveryError(reason, `topic ${name}: ${message}`, { retryAfterMs });
    }
  }

  /** Makes the topic. One that is there, or that we may not make, is for the publishing to find. */
  async function make(signal: AbortSignal): Promise<void> {
    const { status } = await ask("", { method: "PUT", body: "{}", accepts: [403, 409], signal });
    if (status === 403) log.warn("may not create the topic (pubsub.topics.create); using it as it is", { topic: name });
    made = true;
  }

  async function send(entries: readonly Entry<string>[], signal: AbortSignal): Promise<Refusal[]> {
    const body = FRAME.open + entries.map(({ value }) => value).join(",") + FRAME.close;
    const created = !made;
    if (!made) await make(signal);
    try {
      await ask(":publish", { method: "POST", body, signal });
    } catch (error) {
      if (!create || created || !(error instanceof DeliveryError) || error.reason !== "not_found") throw error;
      // Deleted since.
      await make(signal);
      await ask(":publish", { method: "POST", body, signal });
    }
    return [];
  }

  return {
    async publish(messages, signal) {
      const entries = messages.map(({ json, orderingKey }, index) => ({
        index,
        key: orderingKey,
        value: json,
        // And the comma.
        bytes: Buffer.byteLength(json) + 1,
      }));
      // All messages of a request must have the same ordering key.
      const groups = [...Map.groupBy(entries, ({ key }) => key)];
      const deliver = (group: readonly Entry<string>[], inOrder: boolean) =>
        deliverEntries(group, { ...limits, inOrder }, (part) => send(part, signal));
      const [only] = groups;
      if (only && groups.length === 1) return await deliver(only[1], only[0] !== "");
      await deliverGroups(
        groups.map(
          ([key, group]) =>
            () =>
              deliver(group, key !== ""),
        ),
        groups.map(([, group]) => group.map(({ index }) => index)),
      );
    },

    async check(signal) {
      try {
        await ask("", { method: "GET", signal });
        return;
      } catch (error) {
        if (!(error instanceof DeliveryError)) throw error;
        // It is made with the first event.
        if (error.reason === "not_found" && create) return;
        if (error.reason !== "unauthorized" || !tokens) throw error;
      }
      // roles/pubsub.publisher may publish, and may not look at the topic.
      const permission = "pubsub.topics.publish";
      const body = JSON.stringify({ permissions: [permission] });
      const { json } = await ask(":testIamPermissions", { method: "POST", body, signal });
      if (Array.isArray(json.permissions) && json.permissions.includes(permission)) return;
      throw new DeliveryError("unauthorized", `topic ${name}: it is missing, or we have no right to ${permission}`);
    },
  };
}

/** Runs all, a few at once; rejects with one DeliveryError that lists what each has not delivered. */
async function deliverGroups(
  work: readonly (() => Promise<void>)[],
  indices: readonly (readonly number[])[],
): Promise<void> {
  const refused: Refusal[] = [];
  let retryAfterMs: number | undefined;
  let next = 0;
  const run = async () => {
    for (let at = next++; at < work.length; at = next++) {
      try {
        await work[at]?.();
      } catch (error) {
        if (!(error instanceof DeliveryError)) throw error;
        const { reason, message } = error;
        retryAfterMs = error.retryAfterMs ?? retryAfterMs;
        refused.push(...(error.refused ?? (indices[at] ?? []).map((index) => ({ index, reason, message }))));
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(KEYS_AT_ONCE, work.length) }, run));
  const [first] = refused.sort((a, b) => a.index - b.index);
  if (first) throw new DeliveryError(first.reason, first.message, { refused, retryAfterMs });
}
