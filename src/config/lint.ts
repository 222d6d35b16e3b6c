/** What is accepted and surely not meant: findings that no schema can make. */
import { type Decoder, type Path, pathKey } from "./decoder.ts";
import { lintDeadLetters } from "./lint-dead-letters.ts";
import { lintPattern } from "./lint-patterns.ts";
import { lintRoute } from "./lint-route.ts";
import { lintSink } from "./lint-sinks.ts";
import { type CheckTemplate, lintTemplate } from "./lint-templates.ts";
import { OWN_RULE_KEYS } from "./predecessor.ts";
import type { ReadReceiver } from "./receivers.ts";
import type { Route } from "./schema.ts";
import type { Mapping, Node } from "./tree.ts";

export interface Linted {
  readonly root: Mapping;
  /** Values of the top-level keys that are there. */
  readonly keys: ReadonlyMap<string, { readonly at: number; readonly value: Node }>;
  readonly route: Route;
  readonly receivers: readonly ReadReceiver[];
  readonly decoder: Decoder;
  /** What was parsed. */
  readonly text: string;
  readonly checkTemplate: CheckTemplate;
}

export function lint(linted: Linted): void {
  const { decoder, text, checkTemplate } = linted;
  for (const meant of decoder.meant) {
    if (meant.kind === "pattern") lintPattern(meant, decoder);
    if (meant.kind === "template") lintTemplate(meant, text, decoder, checkTemplate);
  }
  lintTop(linted);
  lintOwnKeys(linted);
  if (linted.keys.has("route")) lintRoute(linted.route, linted.receivers, decoder);
  for (const receiver of linted.receivers) lintSink(receiver, decoder);
  lintDeadLetters(
    linted.receivers.map(({ name }) => name),
    decoder,
  );
}

function lintTop({ root, keys, receivers, decoder: { findings } }: Linted): void {
  const number = (key: string) => {
    const entry = keys.get(key);
    return entry?.value.kind === "scalar" && typeof entry.value.value === "number"
      ? { ...entry, number: entry.value.value }
      : undefined;
  };
  if (!keys.has("route")) {
    findings.add({
      severity: "warning",
      code: "no-route",
      at: root.start,
      message: "there is no `route`: no event goes anywhere",
      hint: "add `route: { routes: [{ match: [{ receiver: NAME }] }] }`",
    });
  }
  if (receivers.length === 0 && keys.get("receivers")?.value.kind !== "map") {
    findings.add({
      severity: "warning",
      code: "no-receivers",
      at: keys.get("receivers")?.at ?? root.start,
      message: "there are no receivers: no event goes anywhere",
      hint: "add `receivers: [{ name: dump, stdout: {} }]`",
    });
  }
  const age = number("maxEventAgeSeconds");
  if (age && age.number < 0) {
    findings.add({
      severity: "warning",
      code: "negative-age",
      at: age.value.start,
      message: "a negative age leaves every event out that exists at the first start",
      hint: "write `startFrom: now` if that is meant",
    });
  }
  const sidecar = keys.get("sidecar");
  const namespaces = ["namespace", "namespaces"]
    .flatMap((key) => keys.get(key) ?? [])
    .find(({ value }) => !isNone(value));
  if (sidecar && namespaces) {
    findings.add({
      severity: "warning",
      code: "sidecar-namespaces",
      at: namespaces.at,
      message: `\`sidecar\` (line ${findings.position(sidecar.at).line}) watches its own pod's namespace and no other`,
      hint: "remove one of the two",
    });
  }
  const reasons = keys.get("watchReasons");
  const listed = (node: Node | undefined) => (node?.kind === "list" ? node.items.length : 1);
  const watches = reasons ? listed(reasons.value) * listed(keys.get("namespaces")?.value) : 1;
  if (reasons && watches > MANY_WATCHES) {
    findings.add({
      severity: "warning",
      code: "many-watches",
      at: reasons.at,
      message: `one watch for each reason of each namespace makes ${watches} of them`,
      hint: "watch everything, and match `reason` in the route",
    });
  }
}

/** A watch is a connection, and a list at the start. */
const MANY_WATCHES = 20;

/** The exporter ignored these keys of a rule, so that a config of its time may now route otherwise. Said once. */
function lintOwnKeys({ keys, route, decoder: { nodes, findings, compat } }: Linted): void {
  const strict = keys.get("strict")?.value;
  if (compat || (strict?.kind === "scalar" && strict.value === true)) return;
  const path = firstOwnKey(route, ["route"]);
  if (!path) return;
  findings.add({
    severity: "info",
    code: "own-key",
    at: nodes.get(pathKey(path))?.start ?? 0,
    message: `\`${path.at(-1)}\` is a condition here; kubernetes-event-exporter ignored it`,
    hint: "`strict: true` says that a config is Petrel's",
  });
}

function firstOwnKey(route: Route, path: Path): Path | undefined {
  for (const list of ["drop", "match"] as const) {
    for (const [index, rule] of route[list].entries()) {
      const key = Object.keys(rule).find((name) => OWN_RULE_KEYS.has(name));
      if (key !== undefined) return [...path, list, index, key];
    }
  }
  for (const [index, below] of route.routes.entries()) {
    const found = firstOwnKey(below, [...path, "routes", index]);
    if (found) return found;
  }
  return undefined;
}

const isNone = (node: Node) =>
  node.kind === "scalar" ? node.text === "" || node.value === null : node.kind === "list" && node.items.length === 0;
