/** The config file, from its text to plain data and everything that is wrong with it. What is known of sinks and templates is given. */
import { readFileSync } from "node:fs";
import { ConfigError } from "../errors.ts";
import type { SinkDefinition } from "../sink.ts";
import { decode, resolveKeys } from "./decode.ts";
import { type Decoder, type Path, pathKey } from "./decoder.ts";
import { type Env, expandRaw } from "./env.ts";
import { type Findings, gatherFindings } from "./findings.ts";
import { gatesOf } from "./gate-fields.ts";
import { lint } from "./lint.ts";
import type { CheckTemplate } from "./lint-templates.ts";
import { nearest } from "./nearest.ts";
import { EXPORTER_KEYS } from "./predecessor.ts";
import { readTree } from "./read.ts";
import { type ReadReceiver, readReceivers } from "./receivers.ts";
import { secretSpans } from "./redact.ts";
import { parseTolerantly, reportIssues } from "./refusals.ts";
import { type Route, type Rule, routeSchema, type Top, topSchema } from "./schema.ts";
import { editSource, openSource } from "./source.ts";
import type { Mapping, Node } from "./tree.ts";
import type { Config, ConfigTest, Loaded, RouteConfig, RuleConditions, RuleConfig } from "./types.ts";

export interface ParseOptions {
  /** Shown in findings. */
  readonly file: string;
  readonly env: Env;
  /** As if the file said `compat: exporter`. */
  readonly compat?: boolean | undefined;
  readonly sinks: readonly SinkDefinition[];
  /** Content of a file that the config names; undefined when it cannot be read. Default: none can. */
  readonly readFile?: (path: string) => string | undefined;
  /** What finds out what is wrong with the templates of a config with these settings. */
  readonly templateCheck: (settings: Pick<Config, "compat" | "template">) => CheckTemplate;
}

/** Never throws: what is wrong is a finding. Pure but for `readFile`. */
export function parseConfig(text: string, options: ParseOptions): Loaded {
  const compat = options.compat ?? /^["']?compat["']?:[ \t]*["']?exporter\b/m.test(text);
  const opened = openSource(options.file, text);
  const raw = compat ? expandRaw(text, options.env) : undefined;
  const expanded = editSource(opened, raw?.edits ?? []);
  const findings = gatherFindings(expanded);
  for (const one of raw?.used ?? []) findings.hide(one);
  for (const { name, at } of raw?.missing ?? []) {
    if (/(?:^|\s)#/.test(text.slice(text.lastIndexOf("\n", at) + 1, at))) continue;
    findings.add({
      severity: "warning",
      code: "env-undefined",
      at,
      inFile: true,
      message: `environment variable ${name} is not set; nothing stands in for it`,
      hint: "set it; kubernetes-event-exporter has no way to write a dollar sign before a name",
    });
  }
  const files = new Set<string>();
  const readFile = (path: string): string | undefined => {
    files.add(path);
    return options.readFile?.(path);
  };
  const { source, root, cutAt } = readTree(expanded, findings, { ...(!compat && { env: options.env }), readFile });
  const decoder: Decoder = { compat, findings, env: options.env, readFile, nodes: new Map(), meant: [] };
  const read = root || !findings.fatal ? readConfig(root, source.text, options, decoder) : undefined;
  const config = read?.config;
  const secrets = decoder.meant.filter(({ kind }) => kind === "secret").map(({ node }) => node);
  const listed = findings.list(root ? secretSpans(root, secrets, source.origin) : []);
  const refused = config?.strict === true && listed.findings.some(({ severity }) => severity === "error");
  const loaded = { file: options.file, ...(files.size > 0 && { files: [...files] }), ...listed };
  if (!config || findings.fatal || refused) return loaded;
  if (cutAt === undefined) return { ...loaded, config, ...(read?.tests && { tests: read.tests }) };
  const before = parseConfig(text.slice(0, text.lastIndexOf("\n", cutAt) + 1), options).config;
  return { ...loaded, ...(before && { config: before }) };
}

export interface LoadOptions extends Omit<ParseOptions, "file" | "readFile"> {
  /** Where the file is, when findings are to call it otherwise. */
  readonly path?: string;
}

/** Reads a file and everything that it names. Throws ConfigError when the file itself cannot be read. */
export function loadConfig(file: string, { path = file, ...options }: LoadOptions): Loaded {
  return parseConfig(readText(path, file), { ...options, file, readFile: readIfThere });
}

/** Throws ConfigError, which calls the file `shown`. */
export function readText(path: string, shown: string = path): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? error.code : "unknown reason";
    throw new ConfigError(`config ${shown} cannot be read (${reason}); check the path and its permissions`);
  }
}

export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function readConfig(
  root: Node | undefined,
  text: string,
  options: ParseOptions,
  decoder: Decoder,
): Pick<Loaded, "config" | "tests"> | undefined {
  const { findings } = decoder;
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
  const keys = resolveKeys(withOneAge(node, findings), [...TOP_KEYS, "route", "receivers"], "top", decoder);
  const settings = [...keys].filter(([key]) => key !== "route" && key !== "receivers");
  const top = readTop({ ...node, entries: settings.map(([key, entry]) => ({ ...entry, key })) }, decoder);
  const parts = { receivers: keys.get("receivers"), route: keys.get("route") };
  const receivers = parts.receivers ? readReceivers(parts.receivers.value, options.sinks, decoder) : [];
  const route = parts.route ? readRoute(parts.route.value, decoder) : EMPTY_ROUTE;
  const template = top?.template ?? topSchema.shape.template.parse(undefined);
  const checkTemplate = options.templateCheck({ compat: decoder.compat ? "exporter" : "none", template });
  if (route) lint({ root: node, keys, route, receivers, decoder, text, checkTemplate });
  if (!top || !route) return undefined;
  const { tests, ...rest } = top;
  return {
    config: assemble(rest, route, receivers, options, decoder),
    ...(tests && {
      tests: placeTests(
        tests,
        receivers.map(({ name }) => name),
        decoder,
      ),
    }),
  };
}

const TOP_KEYS = Object.keys(topSchema.shape);
const EMPTY_ROUTE: Route = { drop: [], match: [], routes: [] };

/** Of two ages one that is 0 is none; two that are not stop the predecessor too. */
function withOneAge(node: Mapping, findings: Findings): Mapping {
  const age = (key: string) => node.entries.find((entry) => entry.key === key);
  const [first, second] = [age("maxEventAgeSeconds"), age("throttlePeriod")];
  if (!first || !second) return node;
  const zero = [first, second].find(({ value }) => value.kind === "scalar" && !value.value);
  if (zero) return { ...node, entries: node.entries.filter((entry) => entry !== zero) };
  findings.add({
    severity: "error",
    code: "two-ages",
    at: second.at,
    message: "`maxEventAgeSeconds` and `throttlePeriod` are both set, and mean the same",
    hint: "remove `throttlePeriod`",
    fatal: true,
  });
  return { ...node, entries: node.entries.filter((entry) => entry !== second) };
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
  // Everybody else gets what every kubelet takes for itself; with the exporter's a busy cluster starves.
  if (decoder.compat) {
    raw.kubeQPS ??= 5;
    raw.kubeBurst ??= 10;
  }
  for (const key of ["logLevel", "logFormat"]) if (raw[key] === "") delete raw[key];
  if (typeof raw.logLevel === "string") {
    const level = raw.logLevel.toLowerCase();
    raw.logLevel = LEVEL_NUMBERS[level] ?? level;
  }
  return parseTolerantly(topSchema, raw, [], decoder, { read: EXPORTER_KEYS.top ?? new Set(), fatal: () => true });
}

function readRoute(node: Node, decoder: Decoder): Route | undefined {
  if (node.kind === "scalar" && node.value === null) return EMPTY_ROUTE;
  const parsed = routeSchema.safeParse(decode(node, routeSchema, ["route"], "route", decoder));
  if (parsed.success) return parsed.data as Route;
  reportIssues(parsed.error.issues, ["route"], decoder, () => true);
  return undefined;
}

function placeTests(tests: NonNullable<Top["tests"]>, names: readonly string[], decoder: Decoder): ConfigTest[] {
  const { findings, nodes } = decoder;
  for (const [index, { expect }] of tests.entries()) {
    for (const receiver of [...(expect.receivers ?? []), ...Object.keys(expect.payload ?? {})]) {
      if (names.includes(receiver)) continue;
      const near = nearest(receiver, names);
      findings.add({
        severity: "warning",
        code: "undefined-receiver",
        at: nodes.get(pathKey(["tests", index, "expect"]))?.start ?? 0,
        message: `there is no receiver \`${receiver}\`: this test fails`,
        hint: near ? `did you mean \`${near}\`?` : "define it under `receivers`",
      });
      break;
    }
  }
  return tests.map(({ name, event, expect: { receivers, payload } }, index) => ({
    name,
    event,
    expect: { ...(receivers && { receivers }), ...(payload && { payload }) },
    at: findings.position(nodes.get(pathKey(["tests", index]))?.start ?? 0),
  }));
}

function assemble(
  top: Omit<Top, "tests">,
  route: Route,
  read: readonly ReadReceiver[],
  options: ParseOptions,
  decoder: Decoder,
): Config {
  const receivers = read.flatMap(({ config }) => (config ? [config] : []));
  const names = new Set(receivers.map(({ name }) => name));
  const {
    namespace,
    namespaces,
    cacheTTL,
    lookupTimeout,
    shutdownTimeout,
    sidecar,
    state,
    dedup,
    throttle,
    deadLetter,
    admin,
    http,
    file,
    ...rest
  } = top;
  const own = sidecar && readSidecar(sidecar, options, decoder);
  return {
    ...rest,
    compat: decoder.compat ? "exporter" : options.compat === false ? "none" : top.compat,
    namespaces: [...new Set(namespace === "" ? namespaces : [namespace, ...namespaces])],
    cacheTtlMs: cacheTTL,
    lookupTimeoutMs: lookupTimeout,
    shutdownTimeoutMs: shutdownTimeout,
    ...gatesOf({ dedup, throttle }),
    ...(deadLetter && { deadLetter }),
    ...(admin && { admin: { ...(admin.token !== undefined && { token: admin.token }) } }),
    ...readSources({ sources: top.sources, http, file }, decoder),
    ...(own && { sidecar: own }),
    ...(state && {
      state: { path: state.path, maxBytes: state.maxBytes, maxAgeMs: state.maxAge, fsync: state.fsync },
    }),
    route: placeRoute(route, ["route"], names, decoder),
    receivers,
  };
}

function readSources(
  { sources, http, file }: Pick<Top, "sources" | "http" | "file">,
  { findings, nodes }: Decoder,
): Pick<Config, "sources" | "http" | "file"> {
  for (const [key, given] of [
    ["http", http],
    ["file", file],
  ] as const) {
    if (given === undefined || sources.includes(key)) continue;
    findings.add({
      severity: "warning",
      code: "unused-source",
      at: nodes.get(key)?.start ?? 0,
      message: `\`${key}\` has settings, and \`sources\` does not name it: nothing comes from there`,
      hint: `write \`sources: [${[...sources, key].join(", ")}]\``,
    });
  }
  if (sources.length === 0) {
    findings.add({
      severity: "error",
      code: "required",
      at: nodes.get("sources")?.start ?? 0,
      message: "`sources` names nothing: no event would ever come",
      hint: "leave it out to watch the cluster, or write `sources: [http]`",
      fatal: true,
    });
  }
  if (sources.includes("file") && file === undefined) {
    findings.add({
      severity: "error",
      code: "required",
      at: nodes.get("sources")?.start ?? 0,
      message: "`sources` names `file`, and nothing says which",
      hint: "add `file: { path: … }`",
      fatal: true,
    });
  }
  const { dedupWindow, tls, token, ...port } = http ?? topSchema.shape.http.unwrap().parse({});
  return {
    sources: [...new Set(sources)],
    ...(sources.includes("http") && {
      http: {
        ...port,
        dedupWindowMs: dedupWindow,
        ...(token !== undefined && { token }),
        ...(tls && {
          tls: {
            certFile: tls.certFile,
            keyFile: tls.keyFile,
            ...(tls.clientCaFile !== undefined && { clientCaFile: tls.clientCaFile }),
          },
        }),
      },
    }),
    ...(sources.includes("file") && file && { file }),
  };
}

const SERVICE_ACCOUNT_NAMESPACE = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

function readSidecar(
  given: NonNullable<Top["sidecar"]>,
  { env, readFile }: ParseOptions,
  { findings, nodes }: Decoder,
): Config["sidecar"] {
  const namespace = given.namespace ?? (env.POD_NAMESPACE || readFile?.(SERVICE_ACCOUNT_NAMESPACE)?.trim());
  const pod = given.pod ?? (env.POD_NAME || env.HOSTNAME);
  if (namespace && pod) return { namespace, pod };
  findings.add({
    severity: "error",
    code: "sidecar-unknown",
    at: nodes.get("sidecar")?.start ?? 0,
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
  const { receiver, not, ...conditions } = rule;
  return {
    ...givenOf(conditions),
    ...(not && { not: givenOf(not) }),
    ...(receiver && key === "match" && names.has(receiver) && { receiver }),
    at,
  };
}

function givenOf(conditions: Readonly<Record<string, unknown>>): RuleConditions {
  return Object.fromEntries(Object.entries(conditions).filter(([, value]) => value !== "" && value !== undefined));
}
