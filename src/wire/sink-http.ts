/** What sinks that speak HTTP make of the settings that they share: connection, authorization, headers. */
import type { Event } from "../event.ts";
import type { SecretInput, SinkContext, TemplateText } from "../sink.ts";
import { createHttp, type HeaderList, type Http } from "./http.ts";
import type { TlsOptions } from "./tls.ts";

export interface ConnectionSettings {
  readonly tls?: TlsOptions | undefined;
  readonly proxy?: SecretInput | undefined;
}

/** The client of one receiver. Throws ConfigError for TLS settings that cannot be. */
export function openHttp(
  { tls, proxy }: ConnectionSettings,
  context: Pick<SinkContext, "log" | "secret" | "sent">,
): Http {
  if (tls?.insecureSkipVerify) context.log.warn("certificates are not verified: tls.insecureSkipVerify is set");
  const through = proxy === undefined ? undefined : context.secret(proxy);
  return createHttp({ tls, proxy: through && (() => through.reveal()), sent: context.sent });
}

export interface Credentials {
  readonly username?: string | undefined;
  readonly password?: SecretInput | undefined;
  readonly bearerToken?: SecretInput | undefined;
}

/** The Authorization header, read anew for each request, because secrets change; undefined without (or with empty) credentials. */
export function authorization(config: Credentials, context: SinkContext): () => string | undefined {
  const { username } = config;
  const password = config.password === undefined ? undefined : context.secret(config.password);
  const token = config.bearerToken ? context.secret(config.bearerToken) : undefined;
  if (token) return () => `Bearer ${token.reveal()}`;
  if (!username) return () => undefined;
  return () => `Basic ${Buffer.from(`${username}:${password?.reveal() ?? ""}`).toString("base64")}`;
}

/** Headers whose values are templates. In compat a template that fails is sent as its text, as the predecessor did. */
export function templatedHeaders(
  headers: Readonly<Record<string, TemplateText>>,
  context: SinkContext,
): (event: Event) => HeaderList {
  const compiled = Object.entries(headers).map(([name, text]) => [name, context.template(text), text] as const);
  return (event) =>
    compiled.map(
      ([name, value, text]) => [name, context.compat ? attempt(value, event, String(text)) : value(event)] as const,
    );
}

/** Whether a template is the same text for every event. */
export function isPlain(text: TemplateText): boolean {
  return typeof text === "string" && !/\{\{|<%/.test(text);
}

/** Renders all of them; what has no template is empty. */
export function templatedTexts<K extends string>(
  templates: Readonly<Record<K, TemplateText | undefined>>,
  context: SinkContext,
): (event: Event) => Readonly<Record<K, string>> {
  const compiled = Object.entries<TemplateText | undefined>(templates).map(
    ([name, text]) => [name, text === undefined ? () => "" : context.template(text)] as const,
  );
  return (event) => Object.fromEntries(compiled.map(([name, text]) => [name, text(event)])) as Record<K, string>;
}

function attempt(render: (event: Event) => string, event: Event, text: string): string {
  try {
    return render(event);
  } catch {
    return text;
  }
}

/** At most so many characters; what is cut off is marked by an ellipsis. Cuts no character in two. */
export function clipped(text: string, max: number): string {
  if (text.length <= max) return text;
  const end = max - 1;
  const split = /[\ud800-\udbff]/.test(text.charAt(end - 1)) ? end - 1 : end;
  return `${text.slice(0, split)}…`;
}

/** JSON that a destination sent, as far as it is an object; undefined when it is none. */
export function jsonObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** At most so many bytes of UTF-8, without half a character; lone surrogates become U+FFFD. */
export function clippedBytes(text: string, max: number): string {
  const whole = text.toWellFormed();
  if (whole.length * 3 <= max || Buffer.byteLength(whole) <= max) return whole;
  const { read } = new TextEncoder().encodeInto(whole, new Uint8Array(max));
  return whole.slice(0, read);
}
