/**
 * Templates of nothing but text and fields, `{{ .InvolvedObject.Kind }}/{{ .Name }}`, without the engine: most configs
 * have no others, and loading it costs 6 MB and a third of a start. The text is the engine's to the last letter.
 */
import type { Event } from "../event.ts";
import { TemplateError } from "../template/error.ts";

type Read = (event: Event) => string | number | undefined;

/** By the name as the exporter's templates have it. What a look-up finds, times and methods are the engine's. */
const FIELDS: Readonly<Record<string, Read>> = {
  Message: (event) => event.message,
  Reason: (event) => event.reason,
  Type: (event) => event.type,
  Count: (event) => event.count,
  Action: (event) => event.action,
  ReportingController: (event) => event.reportingComponent,
  ReportingInstance: (event) => event.reportingInstance,
  ClusterName: (event) => event.clusterName,
  Name: (event) => event.metadata.name,
  Namespace: (event) => event.metadata.namespace,
  UID: (event) => event.metadata.uid,
  ResourceVersion: (event) => event.metadata.resourceVersion,
  "InvolvedObject.Kind": (event) => event.involvedObject.kind,
  "InvolvedObject.Namespace": (event) => event.involvedObject.namespace,
  "InvolvedObject.Name": (event) => event.involvedObject.name,
  "InvolvedObject.UID": (event) => event.involvedObject.uid,
  "InvolvedObject.APIVersion": (event) => event.involvedObject.apiVersion,
  "InvolvedObject.ResourceVersion": (event) => event.involvedObject.resourceVersion,
  "InvolvedObject.FieldPath": (event) => event.involvedObject.fieldPath,
  "Source.Component": (event) => event.source.component,
  "Source.Host": (event) => event.source.host,
};

export const PLAIN_FIELDS: readonly string[] = Object.keys(FIELDS);

const ACTION = /\{\{[ \t]*\.([A-Za-z]+(?:\.[A-Za-z]+)?)[ \t]*\}\}/y;

/** `maxOutput`: UTF-16 units, beyond which rendering throws TemplateError. Undefined: this one is the engine's. */
export function plainTemplate(text: string, maxOutput: number): ((event: Event) => string) | undefined {
  const parts = partsOf(text);
  if (parts === undefined) return undefined;
  return (event) => {
    let out = "";
    for (const part of parts) {
      if (typeof part === "string") {
        out += part;
        continue;
      }
      out += part(event) ?? "";
      if (out.length <= maxOutput) continue;
      const message = `more than ${maxOutput} characters of output: shorten the text, or raise template.limits.output`;
      throw new TemplateError(`template: template:1: ${message}`, 1, 1, out);
    }
    return out.toWellFormed();
  };
}

function partsOf(text: string): readonly (string | Read)[] | undefined {
  const parts: (string | Read)[] = [];
  let at = 0;
  for (let begin = text.indexOf("{{"); begin >= 0; begin = text.indexOf("{{", at)) {
    ACTION.lastIndex = begin;
    const [whole, name] = ACTION.exec(text) ?? [];
    const read = name !== undefined && Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined;
    if (whole === undefined || read === undefined) return undefined;
    if (begin > at) parts.push(text.slice(at, begin));
    parts.push(read);
    at = begin + whole.length;
  }
  if (at < text.length) parts.push(text.slice(at));
  return parts;
}

/** Whether all templates in these settings are plain. Any text with braces may be one. */
export function allPlain(settings: unknown): boolean {
  if (typeof settings === "string") return !settings.includes("{{") || partsOf(settings) !== undefined;
  if (typeof settings !== "object" || settings === null) return true;
  return Object.values(settings).every(allPlain);
}
