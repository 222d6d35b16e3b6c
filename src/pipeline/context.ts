/** What a sink is lent: one context per receiver, and nothing in it is shared with another. */

import { readFileSync, statSync } from "node:fs";
import { RAW_SCHEMA } from "../cloudevents.ts";
import { ConfigError, DeliveryError } from "../errors.ts";
import type { Event } from "../event.ts";
import { compileCloudEvents, compileForm, type Form, type FriendlyData, PLAIN_FORM } from "../form.ts";
import type { Logger } from "../logger.ts";
import { createMetrics, type Metrics } from "../metrics.ts";
import { type CompileTemplate, compileLayout, compileLayoutObject, isLayout } from "../payload.ts";
import type { Language, Layout, Secret, SecretInput, SinkContext, Store } from "../sink.ts";
import { createMemoryStore } from "./store.ts";

/** How often a secret's file is looked at, at most. */
const RECHECK_MS = 1_000;

export interface SinkContextOptions {
  readonly receiver: string;
  /** Already carries the receiver's name, if it is to be in the lines. */
  readonly logger: Logger;
  readonly compat: boolean;
  /** What its templates are written in. Default: Go templates. */
  readonly language?: Language | undefined;
  /** Throws for a template that does not compile; the result throws for an event that it fails on. */
  readonly compileTemplate: CompileTemplate;
  /** What it is sent. Default: the predecessor's JSON. */
  readonly form?: Form | undefined;
  /** For forms that want it. */
  readonly friendly?: FriendlyData | undefined;
  /** Where `{ env: NAME }` looks. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What the receiver may remember. Default: in memory, and empty. */
  readonly store?: Store | undefined;
  /** Where its series are shown. Default: nowhere. */
  readonly metrics?: Metrics | undefined;
  /** Counts the bytes that it sends. Default: nobody does. */
  readonly sent?: { value: number } | undefined;
  /** Milliseconds that only grow. Default: `performance.now`. */
  readonly now?: () => number;
  /** Milliseconds since 1970. Default: `Date.now`. */
  readonly clock?: (() => number) | undefined;
}

type SecretOptions = Pick<SinkContextOptions, "env" | "now">;

/**
 * Of `node:util`, which takes 17 ms and memory to load for it.
 * @see https://nodejs.org/api/util.html#utilinspectcustom
 */
const INSPECTED = Symbol.for("nodejs.util.inspect.custom");

/** Shows itself to `reveal()` and to nothing else. */
class HiddenSecret implements Secret {
  readonly #read: () => string;

  constructor(read: () => string) {
    this.#read = read;
  }

  reveal(): string {
    return this.#read();
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }

  [INSPECTED](): string {
    return "[secret]";
  }
}

function fileReader(path: string, now: () => number): () => string {
  let value = "";
  let version = "";
  let nextCheck = Number.NEGATIVE_INFINITY;
  return () => {
    if (now() < nextCheck) return value;
    try {
      // Through the links: a mounted Secret is changed by swapping one, so that the inode tells more than the time.
      const { mtimeNs, ino, size } = statSync(path, { bigint: true });
      const seen = `${ino} ${mtimeNs} ${size}`;
      if (seen !== version) {
        value = readFileSync(path, "utf8").replace(/[\r\n]+$/, "");
        version = seen;
      }
    } catch (error) {
      version = "";
      const code = error instanceof Error && "code" in error ? error.code : "unknown error";
      throw new DeliveryError("unauthorized", `the secret file ${path} cannot be read: ${code}`);
    }
    nextCheck = now() + RECHECK_MS;
    return value;
  };
}

/** A secret of the config that is no sink's. */
export function openSecret(input: SecretInput, options: SecretOptions): Secret {
  return new HiddenSecret(secretReader(input, options));
}

function secretReader(input: SecretInput, options: SecretOptions): () => string {
  if (typeof input === "string") return () => input;
  if ("file" in input) return fileReader(input.file, options.now ?? (() => performance.now()));
  return () => {
    const value = options.env[input.env];
    if (value !== undefined) return value;
    throw new DeliveryError("unauthorized", `the environment variable ${input.env} of a secret is not set`);
  };
}

/** Everything a template can throw becomes the event's refusal; nothing of it may stop a start. */
function guarded(compile: CompileTemplate, log: Logger): CompileTemplate {
  return (text, language) => {
    let render: (event: Event) => string;
    try {
      render = compile(text, language);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log.error("a template does not compile, so every event will fail on it", {
        template: actions(text),
        error: reason,
      });
      return () => {
        throw new DeliveryError(
          "template",
          `the template ${JSON.stringify(actions(text))} does not compile: ${reason}`,
        );
      };
    }
    return (event) => {
      try {
        return render(event);
      } catch (error) {
        if (error instanceof DeliveryError) throw error;
        const reason = error instanceof Error ? error.message : String(error);
        throw new DeliveryError("template", `the template ${JSON.stringify(actions(text))} failed: ${reason}`);
      }
    };
  };
}

/** The template without the text between its actions, where a header has its token; at most some 80 characters of it. */
function actions(text: string): string {
  const shown = text.replace(/(^|\}\})((?:(?!\{\{).)+)/gs, (_, before: string) => `${before}…`);
  return shown.length > 80 ? `${shown.slice(0, 80)}…` : shown;
}

/** The context of one receiver. Never throws: what is wrong with a template or a secret is told by what it returns. */
export function createSinkContext(options: SinkContextOptions): SinkContext {
  const { compat, language = "go" } = options;
  const template = guarded(options.compileTemplate, options.logger);
  const layouts = { compile: template, compat, language };
  const form = options.form ?? PLAIN_FORM;
  const forming = { form, friendly: options.friendly, log: options.logger, now: options.clock ?? Date.now };
  // What a layout makes follows no schema that anybody could know.
  const schemaOf = (layout: Layout | undefined) => (isLayout(layout, compat) ? undefined : RAW_SCHEMA);
  return {
    receiver: options.receiver,
    log: options.logger,
    store: options.store ?? createMemoryStore(),
    series({ type, name, help, labels, max, receiverLabel = true }) {
      try {
        const metrics = options.metrics ?? createMetrics();
        return metrics.bounded(type, name, help, receiverLabel ? { receiver: options.receiver } : {}, labels, max);
      } catch (error) {
        throw new ConfigError(error instanceof Error ? error.message : String(error));
      }
    },
    sent(bytes) {
      if (options.sent) options.sent.value += bytes;
    },
    compat,
    secret: (value) => openSecret(value, options),
    template(text) {
      if (typeof text === "string") return template(text, language);
      return "eta" in text ? template(text.eta, "eta") : template(text.go, "go");
    },
    mode: form.mode,
    cloudEvents: ({ layout }) => compileCloudEvents(compileLayout(layout, layouts), schemaOf(layout), forming),
    payload: ({ layout, deDot = false }) =>
      compileForm(compileLayout(layout, layouts), schemaOf(layout), { ...forming, deDot }),
    layout: (layout) => compileLayoutObject(layout, layouts),
  };
}
