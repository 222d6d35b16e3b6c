/**
 * What Splunk's HTTP Event Collector answers.
 * @see https://help.splunk.com/en/splunk-enterprise/get-data-in/collect-http-event-data/troubleshoot-http-event-collector
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Reason } from "../errors.ts";
import type { Batch, Store } from "../sink.ts";
import { abortError } from "./abort.ts";
import type { Http, HttpResponse, Judgement } from "./http.ts";
import { jsonObject } from "./sink-http.ts";

const CODES: readonly (readonly [Reason | "taken", readonly number[]])[] = [
  // 24 and 25: near its capacity, and taken all the same.
  ["taken", [0, 17, 24, 25]],
  ["unauthorized", [1, 2, 3, 4, 21, 22]],
  // Index, channel, acknowledgement, query token: settings that are wrong, here or there.
  ["not_found", [7, 10, 11, 14, 16]],
  ["rejected", [5, 6, 12, 13, 15]],
  ["unavailable", [8, 9, 18, 19, 20, 23]],
  ["throttled", [26, 27]],
];
const MEANING = new Map(CODES.flatMap(([reason, codes]) => codes.map((code) => [code, reason] as const)));

const WRONG_INDEX = 7;

/**
 * Judges the answer to `count` events by its code; with `ownIndex` each event names its index, and a wrong one is its own
 * fault. Of a request with one bad event nobody promises that the others were
 * indexed, or were not: the bad one is refused, the others are sent again.
 */
export function judgeCollector({ status, text }: HttpResponse, count: number, ownIndex = false): Judgement | undefined {
  const answer = jsonObject(text);
  const code = answer?.code;
  if (typeof code !== "number") return status === 200 ? "unavailable" : undefined;
  const meaning = code === WRONG_INDEX && ownIndex ? "rejected" : MEANING.get(code);
  const bad = answer?.["invalid-event-number"];
  if (meaning !== "rejected" || typeof bad !== "number" || bad < 0 || bad >= count || count === 1) return meaning;
  return Array.from({ length: count }, (_, index) =>
    index === bad
      ? { index, reason: "rejected" as const, message: `code ${code}: ${answer?.text}` }
      : { index, reason: "unavailable" as const, message: `sent together with event ${bad}, which was refused` },
  );
}

/** Addresses of one collector; a URL with a path is its event endpoint. */
export function collectorUrls(text: string): { readonly event: string; readonly ack: string; readonly health: string } {
  const base =
    new URL(text).pathname === "/" ? text.replace(/\/*$/, "/services/collector") : text.replace(/(?:\/event)?\/*$/, "");
  return { event: `${base}/event`, ack: `${base}/ack`, health: `${base}/health` };
}

/** What was taken and not acknowledged until then is sent again. */
const ACK_MS = 5 * 60_000;

interface OpenAck {
  readonly channel: string;
  readonly id: number;
}

/** Deliveries that wait for an acknowledgement: one that comes again asks for it, and does not send its events twice. */
export function openAcks(store: Store) {
  const keyOf = (batch: Batch) =>
    `ack ${new Bun.CryptoHasher("sha256").update(batch.map(({ id }) => id).join("\n")).digest("hex")}`;
  return {
    find(batch: Batch): OpenAck | undefined {
      const { channel, id, at } = jsonObject(store.get(keyOf(batch)) ?? "") ?? {};
      if (typeof channel !== "string" || typeof id !== "number" || typeof at !== "number") return undefined;
      return Date.now() - at < ACK_MS ? { channel, id } : undefined;
    },
    keep(batch: Batch, open: OpenAck): OpenAck {
      store.set(keyOf(batch), JSON.stringify({ ...open, at: Date.now() }));
      return open;
    },
    forget: (batch: Batch): void => store.delete(keyOf(batch)),
  };
}

/** How often indexers are asked at first, and at last. @see the same, "About HTTP Event Collector Indexer Acknowledgment" */
const POLL_MS = { first: 100, last: 2_000 } as const;

/** Resolves when the indexers have acknowledged; rejects with DeliveryError("timeout") when the signal comes first. */
export async function acknowledged(
  http: Http,
  {
    url,
    headers,
    id,
    signal,
  }: { url: string; headers: readonly (readonly [string, string])[]; id: number; signal: AbortSignal },
): Promise<void> {
  for (let wait: number = POLL_MS.first; ; wait = Math.min(2 * wait, POLL_MS.last)) {
    const body = JSON.stringify({ acks: [id] });
    const { text } = await http.send({ method: "POST", url, headers, body, signal });
    const acks = jsonObject(text)?.acks as Readonly<Record<string, unknown>> | undefined;
    if (acks?.[id] === true) return;
    await sleep(wait, undefined, { signal }).catch(() => {
      throw abortError(signal, "the acknowledgement of Splunk's indexers");
    });
  }
}
