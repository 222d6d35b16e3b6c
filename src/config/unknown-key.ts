/** What to say about a key that nothing reads. */
import type { Decoder, Site } from "./decoder.ts";
import { nearest } from "./nearest.ts";
import { ALERTMANAGER_KEYS, FORK_KEYS, LATER_KEYS } from "./predecessor.ts";
import { topSchema } from "./schema.ts";

const TOP_KEYS: readonly string[] = Object.keys(topSchema.shape);
const ROUTE_KEYS = ["drop", "match", "routes"];

/** Says what to do about a key that nothing reads; it is ignored, as the predecessor does. */
export function unknownKey(key: string, at: number, site: Site, known: readonly string[], decoder: Decoder): void {
  const { message, hint, code, severity } = unknown(key, site, known);
  decoder.findings.add({
    severity: decoder.compat ? "warning" : (severity ?? "error"),
    code: code ?? "unknown-key",
    at,
    message: message ?? `unknown key \`${key}\` is ignored`,
    hint,
  });
}

interface Unknown {
  readonly message?: string;
  readonly hint?: string | undefined;
  readonly code?: string;
  readonly severity?: "warning";
}

function unknown(key: string, site: Site, known: readonly string[]): Unknown {
  const near = nearest(key, known);
  const all = known.length > 12 ? "see `petrel schema` for the keys there are" : `known here: ${known.join(", ")}`;
  const suggestion = near === undefined ? all : `did you mean \`${near}\`?`;
  const later = LATER_KEYS.has(key);
  if (site === "top" || site === "receiver") {
    const fork = FORK_KEYS[key];
    if (fork) {
      return {
        severity: "warning",
        code: "fork-key",
        message: `\`${key}\`, of a fork of kubernetes-event-exporter, is ignored`,
        hint: fork,
      };
    }
    if (later)
      return {
        code: "not-yet",
        message: `\`${key}\` is not available in this version and is ignored`,
        hint: "remove it",
      };
  }
  switch (site) {
    case "top":
      if (ROUTE_KEYS.includes(key)) return { hint: `put it under \`route:\`` };
      break;
    case "route":
      if (ALERTMANAGER_KEYS.has(key.toLowerCase())) {
        return { hint: "this is a key of Alertmanager; every route that matches gets the event, each at once" };
      }
      if (key === "receiver")
        return { hint: "a receiver belongs inside an item of `match`: `match: [{ receiver: NAME }]`" };
      if (key === "receivers" || TOP_KEYS.includes(key)) return { hint: `move \`${key}\` to the top level` };
      break;
    case "rule":
      return rule(key, suggestion);
    case "receiver":
      break;
    case "other":
      break;
  }
  return { hint: suggestion };
}

function rule(key: string, suggestion: string): Unknown {
  const wider = { message: `unknown key \`${key}\` is ignored, which makes the rule match more than it says` };
  switch (key.toLowerCase()) {
    case "drop":
      return { ...wider, hint: "`drop` goes beside `match`, not into an item of it" };
    case "match":
    case "routes":
      return { ...wider, hint: `\`${key}\` goes into a route, not into a rule` };
    case "types":
      return { ...wider, hint: "write `type: Normal|Warning`" };
    case "reasons":
    case "kinds":
    case "namespaces":
      return { ...wider, hint: `write \`${key.slice(0, -1)}: A|B\`` };
    case "name":
    case "not":
    case "maxcount":
    case "reportingcomponent":
    case "reportinginstance":
      return { ...wider, hint: "kubernetes-event-exporter has no such key; leave `compat: exporter` out to use it" };
    case "involvedobject":
      return { ...wider, hint: "write `kind`, `namespace` or `apiVersion` directly in the rule" };
    case "maxeventageseconds":
    case "throttleperiod":
      return { ...wider, hint: "move `maxEventAgeSeconds` to the top level" };
    case "metrics":
      return { ...wider, hint: "every event is counted in Petrel's own metrics" };
    default:
      return { ...wider, hint: suggestion };
  }
}
