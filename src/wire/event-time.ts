/** When an event happened, as destinations that file by time want it. */
import type { Event } from "../event.ts";

/** The newest time that the event carries, as the API wrote it; undefined when it carries none, or only zeros. */
export function newestTime(event: Event): string | undefined {
  let newest: string | undefined;
  let newestMs = 0;
  for (const text of [
    event.series?.lastObservedTime,
    event.lastTimestamp,
    event.eventTime,
    event.firstTimestamp,
    event.metadata.creationTimestamp,
  ]) {
    const ms = text ? Date.parse(text) : Number.NaN;
    if (!text || !(ms > newestMs)) continue;
    newest = text;
    newestMs = ms;
  }
  return newest;
}

/** Milliseconds since 1970 of {@link newestTime}; `now` when there is none. */
export function newestMs(event: Event, now: number): number {
  const text = newestTime(event);
  return text === undefined ? now : Date.parse(text);
}

/** Digits below what the API server's times resolve that may tell apart what happened in the same instant. */
const SPARE_DIGITS = 6;

/**
 * Nanoseconds since 1970 of {@link newestTime}, as text. The digits that the API's time leaves open (it counts seconds,
 * or microseconds) hold the end of the resourceVersion: what has the same time stays apart, in its order, and a repeat
 * has the same time again.
 */
export function newestNs(event: Event, now: number): string {
  const text = newestTime(event);
  const ms = text === undefined ? now : Date.parse(text);
  const fraction = (/\.(\d{1,9})/.exec(text ?? "")?.[1] ?? "").slice(0, 9);
  const spare = Math.min(SPARE_DIGITS, 9 - fraction.length);
  const version = event.metadata.resourceVersion ?? "";
  const tail = /^\d+$/.test(version) && spare > 0 ? version.slice(-spare).padStart(spare, "0") : "";
  return `${Math.floor(ms / 1000)}${fraction.padEnd(9 - tail.length, "0")}${tail}`;
}
