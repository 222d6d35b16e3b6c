/**
 * Azure Event Grid: a topic that takes batches of events, as CloudEvents or in Event Grid's own schema.
 *
 * Plain HTTP for both kinds of topic. The SDK for custom topics makes the same request (test/sinks/eventgrid.test.ts has
 * it beside ours), and together with the one for identities it would add 1.5 MB to the executable and 20 MB to a process
 * that uses them; the SDK for namespaces drops extension attributes.
 */
import type { CloudEvent } from "../cloudevents.ts";
import { ConfigError, DeliveryError, type Reason } from "../errors.ts";
import type { SecretInput, SinkContext } from "../sink.ts";
import { type EntraSettings, entraTokens } from "./entra.ts";
import { deliverEntries } from "./entries.ts";
import type { HttpResponse } from "./http.ts";
import { type ConnectionSettings, openHttp } from "./sink-http.ts";

/**
 * Of a request; a single event may be as large.
 * @see https://learn.microsoft.com/en-us/azure/event-grid/quotas-limits
 */
export const EVENTGRID_LIMITS = { count: 1_000, bytes: 1_000_000 } as const;
/** The media types of the service's definition, to the letter. */
const TYPES = {
  cloudevents: "application/cloudevents-batch+json; charset=utf-8",
  eventgrid: "application/json",
} as const;
const RESOURCE = "https://eventgrid.azure.net";
/** @see https://learn.microsoft.com/en-us/azure/event-grid/post-to-custom-topic */
const CUSTOM_VERSION = "2018-01-01";
/** @see https://learn.microsoft.com/en-us/rest/api/eventgrid/dataplane/publish-cloud-events */
const NAMESPACE_VERSION = "2024-06-01";

export interface EventGridSettings extends ConnectionSettings {
  /** Of a custom topic, or of the namespace of `topic`. */
  readonly endpoint: string;
  /** Of a namespace; absent: `endpoint` is a custom topic's. */
  readonly topic?: string | undefined;
  /** What the topic takes. Namespaces take CloudEvents only. */
  readonly schema: "cloudevents" | "eventgrid";
  /** An access key, a shared access signature, or neither: then Entra. */
  readonly key?: SecretInput | undefined;
  readonly sasToken?: SecretInput | undefined;
  readonly entra?: EntraSettings | undefined;
}

/** An event in the topic's schema. */
export interface GridEvent {
  /** JSON text. */
  readonly json: string;
  /** Place in the batch of what it belongs to; several may have the same. */
  readonly index: number;
}

export interface EventGridTopic extends Disposable {
  /** Resolves when the topic has taken all; rejects with DeliveryError, which says what it has not when that is a part. */
  post(events: readonly GridEvent[], signal: AbortSignal): Promise<void>;
  /** Finds out what can be without an event; resolves with what cannot. */
  check(signal: AbortSignal): Promise<string>;
}

/** Throws ConfigError for settings that cannot be. */
export function openEventGrid(
  settings: EventGridSettings,
  context: Pick<SinkContext, "secret" | "log" | "sent">,
): EventGridTopic {
  const { endpoint, topic, schema } = settings;
  if (topic !== undefined && schema !== "cloudevents")
    throw new ConfigError("eventgrid.schema: topics of a namespace take CloudEvents only");
  const http = openHttp(settings, context);
  const url = topicUrl(endpoint, topic);
  // An empty one is none, as charts write it.
  const key = settings.key ? context.secret(settings.key) : undefined;
  const sas = settings.sasToken ? context.secret(settings.sasToken) : undefined;
  const tokens = key || sas ? undefined : entraTokens(settings.entra ?? {}, RESOURCE, http, context);
  const isNamespace = topic !== undefined;

  const credentials = async (signal: AbortSignal): Promise<readonly [string, string]> => {
    if (key) return isNamespace ? ["Authorization", `SharedAccessKey ${key.reveal()}`] : ["aeg-sas-key", key.reveal()];
    if (sas)
      return isNamespace ? ["Authorization", `SharedAccessSignature ${sas.reveal()}`] : ["aeg-sas-token", sas.reveal()];
    return ["Authorization", `Bearer ${await tokens?.current(signal)}`];
  };

  return {
    async post(events, signal) {
      const entries = events.map(({ json, index }) => ({ index, value: json, bytes: Buffer.byteLength(json) + 1 }));
      const limits = { ...EVENTGRID_LIMITS, bytes: EVENTGRID_LIMITS.bytes - "[]".length, inOrder: true };
      await deliverEntries(entries, limits, async (part) => {
        const body = `[${part.map(({ value }) => value).join(",")}]`;
        const headers = [["Content-Type", TYPES[schema]] as const, await credentials(signal)];
        try {
          await http.send({
            method: "POST",
            url,
            headers,
            body,
            signal,
            judge: isNamespace ? judgeNamespace : judgeTopic,
          });
        } catch (error) {
          if (error instanceof DeliveryError && error.reason === "unauthorized") tokens?.forget();
          throw error;
        }
        return [];
      });
    },
    async check(signal) {
      // Of an identity, Entra knows whether it is one; a secret's file must be there.
      await credentials(signal);
      await http.reach(endpoint, signal);
      const what = tokens ? "topic, and the right to send to it" : "topic and key";
      return `not checked: ${what}, which only an event would show`;
    },
    [Symbol.dispose]: () => http[Symbol.dispose](),
  };
}

function topicUrl(endpoint: string, topic: string | undefined): string {
  const url = new URL(endpoint);
  if (topic !== undefined) {
    url.pathname = `/topics/${encodeURIComponent(topic)}:publish`;
    url.searchParams.set("api-version", NAMESPACE_VERSION);
    return url.href;
  }
  // As the portal shows it, or the host alone.
  if (url.pathname === "/") url.pathname = "/api/events";
  if (!url.searchParams.has("api-version")) url.searchParams.set("api-version", CUSTOM_VERSION);
  return url.href;
}

/** Too busy is said in several ways. */
function judgeTopic({ status, text }: HttpResponse): Reason | undefined {
  return status >= 400 && /ServerBusy|TooManyRequests/i.test(text) ? "throttled" : undefined;
}

/** A namespace says 403 for quota and size as well. @see https://learn.microsoft.com/en-us/rest/api/eventgrid/dataplane/publish-cloud-events */
function judgeNamespace(response: HttpResponse): Reason | undefined {
  if (response.status === 403 && /quota|throttl/i.test(response.text)) return "throttled";
  if (response.status === 403 && /too large|size/i.test(response.text)) return "too_large";
  return judgeTopic(response);
}

/**
 * A CloudEvent in Event Grid's own schema, which has no extensions. @see https://learn.microsoft.com/en-us/azure/event-grid/event-schema
 */
export function eventGridEvent({ id, source, type, subject, time, recordedtime, data }: CloudEvent): string {
  const head = {
    id,
    subject: subject === undefined ? source : `${source}/${subject}`,
    eventType: type,
    eventTime: time ?? recordedtime,
    dataVersion: "1.0",
  };
  return `${JSON.stringify(head).slice(0, -1)},"data":${data}}`;
}
