/** Access tokens of clouds: asked for once, kept until shortly before they expire. */
import { DeliveryError, reasonOfStatus } from "../errors.ts";
import { untilAborted } from "./abort.ts";
import type { HeaderList, Http, HttpResponse } from "./http.ts";
import { jsonObject } from "./sink-http.ts";

export interface AccessToken {
  readonly value: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

export interface TokenSource {
  /** A token that is good for minutes to come. Rejects with DeliveryError: `unauthorized` when there is none to be had. */
  current(signal: AbortSignal): Promise<string>;
  /** Forgets the token, because somebody refused it. */
  forget(): void;
}

/** Metadata servers give the same token out until five minutes before its end, and a new one then. */
const EARLY_MS = 225_000;
/** Several deliveries wait for one token, so none of their deadlines counts. */
const ASK_MS = 10_000;

/** `ask` gets one token; it is not called again while it runs. */
export function tokenSource(ask: (signal: AbortSignal) => Promise<AccessToken>, now = Date.now): TokenSource {
  let known: AccessToken | undefined;
  let asking: Promise<AccessToken> | undefined;
  return {
    async current(signal) {
      if (known && now() < known.expiresAt - EARLY_MS) return known.value;
      if (!asking) {
        asking = ask(AbortSignal.timeout(ASK_MS)).finally(() => {
          asking = undefined;
        });
        // Whoever waits is told; it may be that nobody does any more.
        asking.catch(() => {});
      }
      known = await untilAborted(asking, signal, "asking for an access token", () => {});
      return known.value;
    },
    forget() {
      known = undefined;
    },
  };
}

/** A request to who gives out tokens. */
export interface TokenRequest {
  readonly url: string;
  readonly headers?: HeaderList;
  /** Goes as a form, or as JSON if `json` is set; absent: a GET. */
  readonly body?: Readonly<Record<string, string | undefined>> | { readonly json: unknown };
  /** What an error must not quote. */
  readonly secrets?: readonly string[];
}

/** The object that answers. What is refused here is the receiver's trouble, never an event's. */
export async function askForToken(
  http: Http,
  request: TokenRequest,
  signal: AbortSignal,
): Promise<Readonly<Record<string, unknown>>> {
  const { url, headers = [], body, secrets = [] } = request;
  const json = body && "json" in body ? JSON.stringify(body.json) : undefined;
  const form = body && json === undefined ? formOf(body as Readonly<Record<string, string | undefined>>) : undefined;
  const type = json === undefined ? "application/x-www-form-urlencoded" : "application/json";
  const text = json ?? form;
  const answer = await http.send({
    method: text === undefined ? "GET" : "POST",
    url,
    headers: text === undefined ? headers : [["Content-Type", type], ...headers],
    ...(text !== undefined && { body: text }),
    signal,
    secrets,
    judge: judgeToken,
  });
  const found = jsonObject(answer.text);
  if (found) return found;
  throw new DeliveryError(
    "unauthorized",
    `${URL.parse(url)?.origin} answered a request for a token with no JSON object`,
  );
}

/** What an answer of somebody who gives out tokens means. */
export function judgeToken({ status }: HttpResponse) {
  const reason = reasonOfStatus(status);
  if (reason === undefined) return "taken";
  return reason === "unavailable" || reason === "throttled" || reason === "timeout" ? reason : "unauthorized";
}

function formOf(fields: Readonly<Record<string, string | undefined>>): string {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) form.set(name, value);
  return form.toString();
}

/** Of OAuth's answer: `access_token` and `expires_in`, in seconds, a number or (metadata servers) its digits. */
export function tokenOf(answer: Readonly<Record<string, unknown>>, from: string, now = Date.now()): AccessToken {
  const { access_token: value, expires_in: seconds } = answer;
  if (typeof value !== "string" || value === "")
    throw new DeliveryError("unauthorized", `${from} answered without an access token`);
  const lasts = Number(seconds);
  return { value, expiresAt: now + (Number.isFinite(lasts) && lasts > 0 ? lasts : 300) * 1_000 };
}
