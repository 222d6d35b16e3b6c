/** The config file, from its text to plain data and everything that is wrong with it. */
import { readFileSync } from "node:fs";
import { ConfigError } from "../errors.ts";
import type { SinkDefinition } from "../sink.ts";
import { type Decoder, decode, type Path, pathKey, resolveKeys } from "./decode.ts";
import { type Env, expandRaw } from "./env.ts";
import { type Findings, gatherFindings } from "./findings.ts";
import { lint, type TemplateFault } from "./lint.ts";
import { type ReadReceiver, readReceivers } from "./receivers.ts";
import { reportIssues } from "./refusals.ts";
import { type Route, type Rule, routeSchema, type Top, topSchema } from "./schema.ts";
import { editSource, openSource, type Source } from "./source.ts";
import { buildTree, type Mapping, type Node, parseYaml } from "./tree.ts";
import type { Config, Loaded, RouteConfig, RuleConfig } from "./types.ts";

export interface ParseOptions {
  /** Shown in findings. */
  readonly file: string;
  readonly env: Env;
  readonly sinks: readonly SinkDefinition[];
  /** As if the file said `compat: exporter`. */
  readonly compat?: boolean;
  /** Content of a file that the config names; undefined when it cannot be read. Default: none can. */
  readonly readFile?: (path: string) => string | undefined;
  /** What is wrong with a template, line and column counted from 1 within it; undefined when nothing is. */
  readonly checkTemplate?: (text: string) => TemplateFault | undefined;
}

/** Never throws: what is wrong is a finding. Pure but for `readFile`. */
export function parseConfig(text: string, options: ParseOptions): Loaded {
  const compat = options.compat ?? /^compat:[ \t]*["']?exporter\b/m.test(text);
  let source = openSource(options.file, text);
  let missing: readonly { name: string; at: number }[] = [];
  if (compat) {
    const raw = expandRaw(text, options.env);
    source = editSource(source, raw.edits);
    missing = raw.missing.filter(({ at }) => !/(?:^|\s)#/.test(text.slice(text.lastIndexOf("\n", at) + 1, at)));
  }
  const findings = gatherFindings(source);
  const root = readTree(source, compat, options, findings);
  for (const { name } of missing) {
    findings.add({
      severity: "warning",
      code: "env-undefined",
      at: 0,
      message: `environment variable ${name} is not set; nothing stands in for it`,
    });
  }
  const config = root === "broken" ? undefined : readConfig(root, compat, options, findings);
  const list = findings.list();
  const refused = findings.fatal || (config?.strict === true && list.some(({ severity }) => severity === "error"));
  return { file: options.file, findings: list, ...(config && !refused && { config }) };
}

/** Reads a file and everything that it names. Throws ConfigError when the file itself cannot be read. */
export function loadConfig(path: string, options: Omit<ParseOptions, "file" | "readFile">): Loaded {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? "unknown reason";
    throw new ConfigError(`config ${path} cannot be read (${reason}); check the path and its permissions`);
  }
  return parseConfig(text, { ...options, file: path, readFile: readText });
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function readTree(
  source: Source,
  compat: boolean,
  options: ParseOptions,
  findings: Findings,
): Node | undefined | "broken" {
  const parsed = parseYaml(source.text);
  if (!parsed) return undefined;
  const [error] = parsed.errors;
  if (error) {
    findings.add({ severity: "error", code: "yaml", at: error.pos[0], message: error.message, fatal: true });
    return "broken";
  }
  if (parsed.documents > 1) {
    findings.add({
      severity: "warning",
      code: "several-documents",
      at: parsed.document.range[2],
      message: `the file holds ${parsed.documents} YAML documents; only the first counts`,
      hint: "keep one document in a file",
    });
  }
  return buildTree(parsed.document, source, findings, {
    ...(!compat && { env: options.env }),
    readFile: options.readFile ?? (() => undefined),
  });
}

function readConfig(
  root: Node | undefined,
  compat: boolean,
  options: ParseOptions,
  findings: Findings,
): Config | undefined {
  const decoder: Decoder = { compat, findings, nodes: new Map(), meant: [] };
  const empty: Mapping = { kind: "map", flow: false, start: 0, end: 0, entries: [] };
  const node = !root || (root.kind === "scalar" && root.value === null) ? empty : root;
  decoder.nodes.set("", node);
  if (node.kind !== "map") {
    findings.add({
      severity: "error",
      code: "wrong-type",
      at: node.start,
      message: `a config is a map with \`route\` and \`receivers\`, not ${node.kind === "list" ? "a list" : "text"}`,
      fatal: true,
    });
    return undefined;
  }
  refuseTwoAges(node, findings);
  const keys = resolveKeys(node, [...Object.keys(topSchema.shape), "route", "receivers"], "top", decoder);
  const parts = { route: keys.get("route"), receivers: keys.get("receivers") };
  keys.delete("route");
  keys.delete("receivers");
  const rest: Mapping = { ...node, entries: [...keys].map(([key, entry]) => ({ ...entry, key })) };
  const top = readTop(rest, decoder);
  const receivers = parts.receivers ? readReceivers(parts.receivers.value, options.sinks, decoder) : [];
  const route = parts.route ? readRoute(parts.route.value, decoder) : EMPTY_ROUTE;
  if (route) {
    lint({ root: node, parts, route, receivers, decoder, checkTemplate: options.checkTemplate ?? (() => undefined) });
  }
  if (!top || !route) return undefined;
  return assemble(top, route, receivers, options, decoder, node);
}

const EMPTY_ROUTE: Route = { drop: [], match: [], routes: [] };

function refuseTwoAges(node: Mapping, findings: Findings): void {
  const age = (key: string) =>
    node.entries.find(
      ({ key: written, value }) =>
        written === key && value.kind === "scalar" && value.value !== 0 && value.value !== null,
    );
  const [first, second] = [age("maxEventAgeSeconds"), age("throttlePeriod")];
  if (!first || !second) return;
  findings.add({
    severity: "error",
    code: "two-ages",
    at: second.at,
    message: "`maxEventAgeSeconds` and `throttlePeriod` are both set, and mean the same",
    hint: "remove `throttlePeriod`",
    fatal: true,
  });
}

/** https://github.com/rs/zerolog#leveled-logging: what the predecessor's `logLevel` takes beside the names. */
const LEVEL_NUMBERS: Readonly<Record<string, string>> = {
  "-1": "trace",
  0: "debug",
  1: "info",
  2: "warn",
  3: "error",
  4: "fatal",
  5: "fatal",
  6: "info",
  7: "disabled",
  panic: "fatal",
};

function readTop(node: Mapping, decoder: Decoder): Top | undefined {
  const raw = decode(node, topSchema, [], "top", decoder) as Record<string, unknown>;
  // The predecessor's zero values mean its defaults.
  for (const key of ["maxEventAgeSeconds", "kubeQPS", "kubeBurst", "cacheSize"]) if (raw[key] === 0) delete raw[key];
  for (const key of ["logLevel", "logFormat"]) if (raw[key] === "") delete raw[key];
  if (typeof raw.logLevel === "string") {
    const level = raw.logLevel.toLowerCase();
    raw.logLevel = LEVEL_NUMBERS[level] ?? level;
  }
  const parsed = topSchema.safeParse(raw);
  if (parsed.success) return parsed.data;
  reportIssues(parsed.error.issues, [], decoder, () => true);
  return undefined;
}

function readRoute(node: Node, decoder: Decoder): Route | undefined {
  if (node.kind === "scalar" && node.value === null) return EMPTY_ROUTE;
  const parsed = routeSchema.safeParse(decode(node, routeSchema, ["route"], "route", decoder));
  if (parsed.success) return parsed.data as Route;
  reportIssues(parsed.error.issues, ["route"], decoder, () => true);
  return undefined;
}

function assemble(
  top: Top,
  route: Route,
  read: readonly ReadReceiver[],
  options: ParseOptions,
  decoder: Decoder,
  root: Mapping,
): Config | undefined {
  const receivers = read.flatMap(({ config }) => (config ? [config] : []));
  const names = new Set(receivers.map(({ name }) => name));
  const { namespace, namespaces, lookupTimeout, shutdownTimeout, sidecar, ...rest } = top;
  const own = sidecar && readSidecar(sidecar, options, decoder, root);
  return {
    ...rest,
    compat: decoder.compat ? "exporter" : top.compat,
    namespaces: [...new Set(namespace === "" ? namespaces : [namespace, ...namespaces])],
    lookupTimeoutMs: lookupTimeout,
    shutdownTimeoutMs: shutdownTimeout,
    ...(own && { sidecar: own }),
    route: placeRoute(route, ["route"], names, decoder),
    receivers,
  };
}

const SERVICE_ACCOUNT_NAMESPACE = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

function readSidecar(
  given: NonNullable<Top["sidecar"]>,
  { env, readFile }: ParseOptions,
  { findings, nodes }: Decoder,
  root: Mapping,
): Config["sidecar"] {
  const namespace = given.namespace ?? (env.POD_NAMESPACE || readFile?.(SERVICE_ACCOUNT_NAMESPACE)?.trim());
  const pod = given.pod ?? (env.POD_NAME || env.HOSTNAME);
  if (namespace && pod) return { namespace, pod };
  findings.add({
    severity: "error",
    code: "sidecar-unknown",
    at: nodes.get("sidecar")?.start ?? root.start,
    message: `\`sidecar\` cannot tell ${namespace ? "the pod's name" : "the pod's namespace"}`,
    hint: `set ${namespace ? "POD_NAME" : "POD_NAMESPACE"} from the downward API, or \`sidecar.${namespace ? "pod" : "namespace"}\``,
    fatal: true,
  });
  return undefined;
}

function placeRoute(route: Route, path: Path, names: ReadonlySet<string>, decoder: Decoder): RouteConfig {
  const at = (below: Path) => decoder.findings.position(decoder.nodes.get(pathKey(below))?.start ?? 0);
  const rules = (list: readonly Rule[], key: "drop" | "match") =>
    list.map((rule, index) => placeRule(rule, key, at([...path, key, index]), names));
  return {
    drop: rules(route.drop, "drop"),
    match: rules(route.match, "match"),
    routes: route.routes.map((below, index) => placeRoute(below, [...path, "routes", index], names, decoder)),
    at: at(path),
  };
}

/** Empty patterns match anything and go; so does a receiver that is not there, or in a drop rule. */
function placeRule(rule: Rule, key: "drop" | "match", at: RuleConfig["at"], names: ReadonlySet<string>): RuleConfig {
  const { receiver, ...conditions } = rule;
  const kept = Object.fromEntries(
    Object.entries(conditions).filter(([, value]) => value !== "" && value !== undefined),
  );
  return { ...kept, ...(receiver && key === "match" && names.has(receiver) && { receiver }), at };
}
