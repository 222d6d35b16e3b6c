/**
 * Whether a silent watch is mute: a second watch looks for a second whether there was something to tell, from where the
 * probe before stood, because where the main watch began may be compacted long since.
 */
import { type ApiClient, ApiError, type ApiStream } from "./client.ts";
import { type Json, MAX_LINE, messageOf, textOf } from "./intake.ts";
import { createLineScanner } from "./lines.ts";
import { otherHistory, Reconnect, statusError } from "./reconnect.ts";
import type { WatchTarget } from "./watch.ts";
import { delay, type TIMING } from "./watch-timing.ts";

export interface ProbeHost {
  readonly client: ApiClient;
  readonly target: WatchTarget;
  readonly timing: typeof TIMING;
  /** The resourceVersion up to which the main watch has told everything. */
  version(): number;
  /** The resourceVersion of now. */
  newest(signal: AbortSignal): Promise<string>;
  /** The API server refuses the probe, which tells nothing of the watch. */
  refused(error: ApiError): void;
}

/** Looks from a resourceVersion. Resolves with where the next probe starts; rejects with the reason to connect again. */
export type Probe = (from: string, signal: AbortSignal) => Promise<string>;

export function createProbe({ client, target, timing, version, newest, refused }: ProbeHost): Probe {
  /** The highest resourceVersion that a short watch tells of; NaN for none. */
  async function peek(from: string, signal: AbortSignal): Promise<number> {
    let highest = Number.NaN;
    const control = new AbortController();
    const abort = (): void => control.abort(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    const timer = setTimeout(abort, timing.peek * 2);
    let stream: ApiStream | undefined;
    const scanner = createLineScanner({
      limit: MAX_LINE,
      line(bytes) {
        const { type, object } = JSON.parse(textOf(bytes)) as Json;
        if (type === "ERROR") throw statusError(object);
        const at = Number(((object as Json).metadata as Json).resourceVersion);
        if (!(at <= highest)) highest = at;
      },
      tooLong() {},
    });
    try {
      const timeoutSeconds = Math.max(1, Math.round(timing.peek / 1_000));
      stream = await client.stream(target.path, {
        verb: "watch",
        query: { ...target.query, watch: 1, resourceVersion: from, timeoutSeconds },
        timeoutMs: timing.patience * 2,
        signal: control.signal,
      });
      await stream.read((chunk) => {
        scanner.push(chunk);
        return undefined;
      });
    } catch (error) {
      signal.throwIfAborted();
      if (!control.signal.aborted) throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
      stream?.close();
    }
    return highest;
  }

  return async (from, signal) => {
    let now: string;
    let seen = Number.NaN;
    try {
      now = await newest(AbortSignal.any([signal, AbortSignal.timeout(timing.patience * 2)]));
      if (Number(now) < version()) throw otherHistory();
      seen = await peek(from, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Reconnect) throw error;
      if (error instanceof ApiError && error.kind === "status") {
        // What the watch may have kept from us is compacted: only a list can tell it.
        if (error.status === 410) throw error;
        // The server answers: too many requests, say, tell nothing about the watch.
        refused(error);
        return from;
      }
      throw new Reconnect("mute", `the probe of a silent watch failed: ${messageOf(error)}`);
    }
    if (seen > version()) {
      await delay(timing.patience, signal);
      if (seen > version()) throw new Reconnect("mute", "the watch does not bring what the API server has");
    }
    return now;
  };
}
