/**
 * The kinds of field a config is made of. From one schema come types, validation, defaults, the reference docs and the
 * JSON Schema; `meta.kind` tells the last three, and the linter, what a plain string stands for.
 */
import { z } from "zod";
import type { Layout, SecretInput, TemplateText } from "../sink.ts";

const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/;
const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const BYTES = /^(\d+(?:\.\d+)?)\s*(B|kB|KB|MB|GB|KiB|MiB|GiB)?$/;
const UNIT_BYTES = { B: 1, kB: 1e3, KB: 1e3, MB: 1e6, GB: 1e9, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const;

/** Milliseconds of `1m30s`, `250ms`, or of a bare number of seconds; undefined when it is neither. */
export function parseDuration(input: string | number): number | undefined {
  if (typeof input === "number") return Number.isFinite(input) && input >= 0 ? Math.round(input * 1_000) : undefined;
  if (/^\d+(\.\d+)?$/.test(input)) return Math.round(Number(input) * 1_000);
  if (!DURATION.test(input)) return undefined;
  let total = 0;
  for (const [, number, unit] of input.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    total += Number(number) * UNIT_MS[unit as keyof typeof UNIT_MS];
  }
  return Math.round(total);
}

/** Bytes of `16MiB`, `500kB` or a bare number; undefined when it is neither. */
export function parseBytes(input: string | number): number | undefined {
  if (typeof input === "number") return Number.isInteger(input) && input >= 0 ? input : undefined;
  const match = BYTES.exec(input);
  if (!match) return undefined;
  return Math.round(Number(match[1]) * UNIT_BYTES[(match[2] ?? "B") as keyof typeof UNIT_BYTES]);
}

const RATE = /^(\d+(?:\.\d+)?)\s*\/\s*(s|m|h|d)$/;

/** Events per second of `20/m`, or of a bare number per second; undefined when it is neither, or none at all. */
export function parseRate(input: string | number): number | undefined {
  const match = typeof input === "string" ? RATE.exec(input) : null;
  const perSecond = match
    ? (Number(match[1]) * 1_000) / UNIT_MS[match[2] as keyof typeof UNIT_MS]
    : Number(input === "" ? Number.NaN : input);
  return Number.isFinite(perSecond) && perSecond > 0 ? perSecond : undefined;
}

function converted(
  kind: "duration" | "bytes" | "rate",
  parse: (input: string | number) => number | undefined,
  example: string,
) {
  return z
    .union([z.string(), z.number()])
    .transform((input, context) => {
      const value = parse(input);
      if (value !== undefined) return value;
      context.addIssue({
        code: "custom",
        message: `${JSON.stringify(input)} is not a ${kind === "bytes" ? "number of bytes" : kind}; write it like ${example}`,
      });
      return z.NEVER;
    })
    .meta({ kind, examples: [example] });
}

/** `"literal"`, `{ env: NAME }` or `{ file: PATH }`. */
const secret = () =>
  z
    .union([z.string(), z.strictObject({ env: z.string().min(1) }), z.strictObject({ file: z.string().min(1) })])
    .meta({ kind: "secret", secret: true }) as unknown as z.ZodType<SecretInput, SecretInput>;

/** `http://` or `https://`; may carry a token in its path, so it is never logged whole. */
const url = () =>
  z
    .string()
    .regex(/^https?:\/\/[^/\s]+/, "expected a URL that starts with http:// or https://")
    .meta({ kind: "url" });

/** Of one connection; nothing is shared between receivers. */
const tls = () =>
  z
    .strictObject({
      insecureSkipVerify: z.boolean().default(false).describe("Accept any certificate. Said loudly at the start."),
      serverName: z
        .string()
        .optional()
        .describe("Name to verify in the certificate, when it is not the host of the URL."),
      caFile: z.string().optional().describe("PEM file of the certificate authorities that replace the system's."),
      certFile: z.string().optional().describe("PEM file of the client certificate; needs keyFile."),
      keyFile: z.string().optional().describe("PEM file of the client certificate's key; needs certFile."),
    })
    .meta({ kind: "tls" });

/** A template over the event, in the receiver's language, or `{ eta: TEXT }`. */
const template = () =>
  z.union([z.string(), z.strictObject({ eta: z.string() })]).meta({ kind: "template" }) as unknown as z.ZodType<
    TemplateText,
    TemplateText
  >;

export const fields = {
  object: <S extends z.ZodRawShape>(shape: S) => z.strictObject(shape),
  text: () => z.string(),
  flag: () => z.boolean(),
  integer: () => z.int(),
  number: () => z.number(),
  choice: <const T extends readonly [string, ...string[]]>(values: T) => z.enum(values),
  /** A template over the event, in the receiver's language, or `{ eta: TEXT }`. */
  template,
  /** Free-form YAML, templates in its strings. `{}` and null mean none. */
  layout: () => z.record(z.string(), z.unknown()).meta({ kind: "layout" }) as unknown as z.ZodType<Layout, Layout>,
  secret,
  url,
  /** `30s`, `5m`, `1h30m`, or a number of seconds; milliseconds inside. */
  duration: () => converted("duration", parseDuration, "30s"),
  /** `16MiB`, `500kB`, or a number of bytes. */
  bytes: () => converted("bytes", parseBytes, "16MiB"),
  /** `20/m`, `1/s`, `100/h`, or a number per second, which it is inside. */
  rate: () => converted("rate", parseRate, "20/m"),
  /** A list of strings; one string is taken as a list of one. */
  strings: () =>
    z
      .preprocess((input) => (typeof input === "string" ? [input] : input), z.array(z.string()))
      .meta({ kind: "strings" }),
  /** Names of the user's choice to text. */
  texts: () => z.record(z.string(), z.string()),
  /** Names of the user's choice to lists of strings; one string is taken as a list of one. */
  textLists: () =>
    z.record(
      z.string(),
      z
        .preprocess((input) => (typeof input === "string" ? [input] : input), z.array(z.string()))
        .meta({ kind: "strings" }),
    ),
  /** Header name to template. */
  headers: () => z.record(z.string(), template()),
  /** Names of the user's choice to templates. */
  templates: () => z.record(z.string(), template()),
  /** As {@link fields.templates}; also a list of maps, as the exporter's README shows it. */
  templatePairs: () =>
    z
      .preprocess(
        (input) => (Array.isArray(input) ? Object.assign({}, ...input) : input),
        z.record(z.string(), z.string().meta({ kind: "template" })),
      )
      .meta({ kind: "pairs" }),
  /** Templates, one or a list. */
  templateList: () =>
    z
      .preprocess((input) => (typeof input === "string" ? [input] : input), z.array(template()))
      .meta({ kind: "strings" }),
  /** Free-form YAML in a list, templates in its strings. */
  layoutList: () => z.array(z.record(z.string(), z.unknown())).meta({ kind: "layout" }),
  /** URLs like {@link fields.url}, one or a list. */
  urls: () =>
    z.preprocess((input) => (typeof input === "string" ? [input] : input), z.array(url())).meta({ kind: "strings" }),
  tls,
  /** For destinations that take `Content-Encoding: gzip`. */
  gzip: () =>
    z
      .boolean()
      .default(false)
      .describe("Compress requests, to about a sixth; what `batch` and the destination's limits count is before that."),
  /** What every receiver by HTTP has. */
  connection: () => ({
    tls: tls().optional().describe("TLS settings of this receiver alone."),
    proxy: secret().optional().describe("URL of a proxy; otherwise HTTP_PROXY, HTTPS_PROXY and NO_PROXY hold."),
  }),
  /** Ways to say who we are in the Authorization header. */
  credentials: () => ({
    username: z.string().optional().describe("User of Basic authorization."),
    password: secret().optional().describe("Password of Basic authorization."),
    bearerToken: secret().optional().describe("Token of Bearer authorization; goes before a user."),
  }),
} as const;

export type Fields = typeof fields;
