/** Templates over events: what `{{ . }}` is, compiled against its type, with help for names that it does not have. */
import type { Event } from "../event.ts";
import type { Limits } from "../template/budget.ts";
import type { Problem } from "../template/context.ts";
import type { FuncMap } from "../template/func.ts";
import { sprig } from "../template/funcs/sprig.ts";
import { memberNames } from "../template/member.ts";
import { compile, type Template } from "../template/template.ts";
import { ptrTo } from "../template/types.ts";
import type { Type } from "../template/value.ts";
import { ENHANCED_EVENT } from "./event-type.ts";

/** The type of the dot: a pointer to the exporter's event. */
export const EVENT_TYPE: Type = ptrTo(ENHANCED_EVENT);

export interface EventTemplateOptions {
  /** In error messages. Default `template`. */
  readonly name?: string;
  /** Beside those of text/template itself. Default: all of sprig. */
  readonly functions?: FuncMap;
  readonly limits?: Partial<Limits>;
  /** Steady milliseconds: holds a template short for a while that ran out of its limits. Default: each rendering is by itself. */
  readonly now?: (() => number) | undefined;
  /** As the exporter, also where that is hostile: sprig's dict functions fail on labels, its dates on API times. */
  readonly compat?: boolean;
}

export interface EventTemplate {
  /** The text for an event; throws TemplateError. */
  (event: Event): string;
  /** What will fail on every event (`certain`) or on those that reach it; for a linter. */
  readonly problems: readonly Problem[];
}

/** @throws TemplateError when the text does not parse or names an unknown function */
export function compileForEvent(text: string, options: EventTemplateOptions = {}): EventTemplate {
  const { render, problems } = compileEventTemplate(text, options);
  return Object.assign((event: Event) => render(event), { problems });
}

/** As {@link compileForEvent}, with the bytes too. */
export function compileEventTemplate(text: string, options: EventTemplateOptions = {}): Template {
  const { compat = false, functions = sprig, ...rest } = options;
  return compile(text, { ...rest, functions, type: EVENT_TYPE, lenient: !compat, propose });
}

/** Names that people take from the JSON, from other versions, or from memory. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  reportingcomponent: "ReportingController",
  metadata: "ObjectMeta",
  obj: "InvolvedObject",
  object: "InvolvedObject",
  component: "Source.Component",
  host: "Source.Host",
  gettimestampck: "GetTimestampISO8601",
  timestamp: "GetTimestampISO8601",
  cluster: "ClusterName",
};

/** A name of the type that may have been meant, with its dot. */
export function propose(type: Type, name: string): string | undefined {
  const names = memberNames(type);
  const small = name.toLowerCase();
  const sameLetters = names.find((known) => known.toLowerCase() === small);
  if (sameLetters !== undefined) return `.${sameLetters}`;
  const other = OTHER_NAMES[small];
  if (other !== undefined && names.includes(other.split(".")[0] ?? "")) return `.${other}`;
  const near = names
    .map((known) => ({ known, distance: distance(known.toLowerCase(), small) }))
    .sort((a, b) => a.distance - b.distance)[0];
  return near !== undefined && near.distance <= Math.min(2, Math.floor(name.length / 3)) ? `.${near.known}` : undefined;
}

/** How many letters must change to make one word the other. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
