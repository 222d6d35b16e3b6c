/** What a template sees of an event: text and `{{ .Field.Path }}` with the exporter's Go field names. */
import type { Event } from "./event.ts";

type Read = (event: Event) => unknown;

const FIELDS: Readonly<Record<string, Read>> = {
  Name: (event) => event.metadata.name,
  Namespace: (event) => event.metadata.namespace,
  UID: (event) => event.metadata.uid,
  ResourceVersion: (event) => event.metadata.resourceVersion,
  Reason: (event) => event.reason,
  Message: (event) => event.message,
  Type: (event) => event.type,
  Count: (event) => event.count,
  Action: (event) => event.action,
  ReportingController: (event) => event.reportingComponent,
  ReportingInstance: (event) => event.reportingInstance,
  ClusterName: (event) => event.clusterName,
  "Source.Component": (event) => event.source.component,
  "Source.Host": (event) => event.source.host,
  "InvolvedObject.Kind": (event) => event.involvedObject.kind,
  "InvolvedObject.Namespace": (event) => event.involvedObject.namespace,
  "InvolvedObject.Name": (event) => event.involvedObject.name,
  "InvolvedObject.UID": (event) => event.involvedObject.uid,
  "InvolvedObject.APIVersion": (event) => event.involvedObject.apiVersion,
  "InvolvedObject.FieldPath": (event) => event.involvedObject.fieldPath,
};

/** Throws for an action that is not a known field. */
export function compileForEvent(text: string): (event: Event) => string {
  const parts = text.split(/\{\{-?\s*(.*?)\s*-?\}\}/s);
  const reads = parts.map((part, index): Read => {
    if (index % 2 === 0) return () => part;
    const read = FIELDS[part.replace(/^\./, "")];
    if (!read || !part.startsWith("."))
      throw new Error(`templates know fields such as {{ .Reason }} only, not {{ ${part} }}`);
    return read;
  });
  return (event) => {
    let out = "";
    for (const read of reads) out += read(event) ?? "";
    return out;
  };
}
