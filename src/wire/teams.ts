/** Cards for Microsoft Teams. */
import { DeliveryError } from "../errors.ts";
import type { HttpResponse, Judgement } from "./http.ts";
import { clipped, jsonObject } from "./sink-http.ts";

/** Of a message with its card. @see https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook */
const MAX_MESSAGE_BYTES = 28 * 1024;

export interface Card {
  readonly title: string;
  readonly text: string;
  /** Adaptive Cards' names of colours. */
  readonly color: "default" | "attention" | "good" | "warning" | "accent";
  readonly facts: readonly (readonly [string, string])[];
}

/** A TextBlock knows a little Markdown; what an event says is text. */
export function unmarked(text: string): string {
  return text.replace(/[\\`*_[\]]/g, "\\$&");
}

/** The message of a Workflow. `content`: a card of one's own. @see https://adaptivecards.io/explorer/AdaptiveCard.html */
export function adaptiveMessage({ title, text, color, facts }: Card, content?: unknown): unknown {
  const body = [
    { type: "TextBlock", text: title, weight: "Bolder", size: "Medium", color, wrap: true },
    { type: "TextBlock", text, wrap: true },
    ...(facts.length > 0 ? [{ type: "FactSet", facts: facts.map(([name, value]) => ({ title: name, value })) }] : []),
  ];
  const card = {
    $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
    ...{ type: "AdaptiveCard", version: "1.4", body, msteams: { width: "Full" } },
  };
  const contentType = "application/vnd.microsoft.card.adaptive";
  return { type: "message", attachments: [{ contentType, contentUrl: null, content: content ?? card }] };
}

/** The message of a retired connector. @see https://learn.microsoft.com/outlook/actionable-messages/message-card-reference */
export function messageCard({ title, text, facts }: Card): unknown {
  return {
    ...{ "@type": "MessageCard", "@context": "http://schema.org/extensions", summary: title, title, text },
    ...(facts.length > 0 && { sections: [{ facts: facts.map(([name, value]) => ({ name, value })) }] }),
  };
}

/** JSON of a card that Teams takes: it loses what is larger without a word, so title and text give way. */
export function fitted(card: Card, make: (card: Card) => unknown): string {
  let body = JSON.stringify(make(card));
  for (let max = 16_000; Buffer.byteLength(body) > MAX_MESSAGE_BYTES && max >= 250; max /= 2)
    body = JSON.stringify(make({ ...card, title: clipped(card.title, max), text: clipped(card.text, max) }));
  if (Buffer.byteLength(body) <= MAX_MESSAGE_BYTES) return body;
  throw new DeliveryError("too_large", `the card has more than the ${MAX_MESSAGE_BYTES} bytes that Teams takes`);
}

/** What the predecessor posted: of the event's JSON, or the layout's, three keys and no other. */
export function predecessorsCard(json: string): string {
  const { message, reason, metadata } = JSON.parse(json) as Record<string, unknown>;
  const text = `Event: ${goText(message)} \nStatus: ${goText(reason)} \nMetadata: ${goText(metadata)}`;
  return JSON.stringify({ summary: "event", text }).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** As Go's `%s` prints what encoding/json makes of JSON. */
function goText(value: unknown): string {
  if (typeof value === "string") return value;
  if (value === null || value === undefined) return "%!s(<nil>)";
  if (typeof value === "boolean") return `%!s(bool=${value})`;
  if (typeof value === "number") return `%!s(float64=${value})`;
  if (Array.isArray(value)) return `[${value.map(goText).join(" ")}]`;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[${entries.map(([key, one]) => `${key}:${goText(one)}`).join(" ")}]`;
}

/**
 * Connectors answer 200 and tell of Teams' refusal in words. A flow looks at the card behind its 202: when it refuses
 * itself, with Azure's envelope of an error, it is disabled or wants another schema, and no other event can help.
 */
export function judgeTeams({ status, text }: HttpResponse): Judgement | undefined {
  if (status === 400) return typeof jsonObject(text)?.error === "object" ? "not_found" : undefined;
  const found = status === 200 ? /returned HTTP error (\d{3})/.exec(text)?.[1] : undefined;
  if (found === undefined) return undefined;
  if (found === "429") return "throttled";
  return found === "413" ? "too_large" : found.startsWith("5") ? "unavailable" : "rejected";
}
