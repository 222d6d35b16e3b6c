/** `petrel convert`: a predecessor's config as Petrel's, with a remark on everything that is not the same. */
import { existsSync, readFileSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { UsageError } from "../errors.ts";
import { parseFlags, positionals } from "./args.ts";
import type { Command, Io } from "./command.ts";
import type { Converted, Json } from "./convert/charts.ts";
import type { ConvertedExporter } from "./convert/exporter.ts";

const EXIT_LEFT = 1;

export const command: Command = {
  name: "convert",
  summary: "Turn a predecessor's config into Petrel's.",
  usage: `usage: petrel convert FILE

Prints a config for Petrel that does what FILE did, with comments on what changed and why. FILE is
  a config of kubernetes-event-exporter, or values of its charts (Bitnami's, resmoio's, Giant
  Swarm's)
  eventrouter's config.json, or its environment (NAME=VALUE in lines)
  the environment of Kubernetes Event Grid Bridge, or the values of its chart
- is standard input. Comments of a YAML file are kept; a config of Petrel's comes out as it is.

Standard error tells of each change to a config of kubernetes-event-exporter, with its line.
Exit codes: 0 petrel check --strict has nothing to say about the result, 1 it has, 2 FILE cannot be
converted.
`,
  async run(args, io) {
    const { rest } = parseFlags(args, {});
    const [argument = ""] = positionals(rest, ["FILE"]);
    const text = argument === "-" ? await readAll(io) : readFrom(argument, io);
    const file = argument === "-" ? "standard input" : argument;
    const result = await converted(text, file, io);
    io.stdout(result.text);
    for (const { line, text: words } of result.warnings) io.stderr(`petrel: ${file}:${line}: ${words}\n`);
    for (const { line, severity, message, hint } of result.left) {
      io.stderr(
        `petrel: line ${line} of the result, ${severity}: ${message}${hint === undefined ? "" : `; ${hint}`}\n`,
      );
    }
    return result.left.length > 0 ? EXIT_LEFT : 0;
  },
};

async function converted(text: string, file: string, io: Io): Promise<ConvertedExporter> {
  const found = await recognised(text, io);
  if (found.kind === "exporter") return await fromExporter(found.text, file, io, found.remarks, found.line);
  const { stringify } = await import("yaml");
  const { from, remarks, config } = found;
  const head = [`What ${from} said, for Petrel.`, ...remarks].map((line) => `# ${line.replace(/[\r\n]+/g, " ")}\n`);
  return { text: `${head.join("")}${stringify(config, { lineWidth: 0 })}`, warnings: [], left: [] };
}

type Found =
  | ({ readonly kind: "other" } & Converted)
  | {
      readonly kind: "exporter";
      readonly text: string;
      readonly remarks: readonly string[];
      /** Of the file, at which the text begins. */
      readonly line: number;
    };

async function recognised(text: string, io: Io): Promise<Found> {
  const { parseDocument } = await import("yaml");
  const { fromBridge, fromBridgeValues, fromGiantSwarm, isGiantSwarm, isObject } = await import("./convert/charts.ts");
  const variables = variablesOf(text);
  const of = (pattern: RegExp) => Object.keys(variables).some((name) => pattern.test(name));
  if (of(/^eventgridbridge_/i)) return { kind: "other", ...fromBridge(variables) };
  const { fromVariables, fromJson } = await import("./convert/eventrouter.ts");
  if (of(/^(?:EVENTROUTER_|WATCH_NAMESPACE$)/)) {
    const path = variables.EVENTROUTER_CONFIG;
    return { kind: "other", ...fromVariables(variables, path ? readFrom(path, io) : undefined) };
  }
  const yaml = !text.trimStart().startsWith("{");
  // Mistakes in its syntax are dealt with where they are understood.
  if (yaml && /^["']?(?:route|receivers)["']?[ \t]*:/m.test(text)) {
    return { kind: "exporter", text, remarks: [], line: 1 };
  }
  const document = yaml ? parseDocument(text, { uniqueKeys: false, logLevel: "silent" }) : undefined;
  let value: unknown;
  try {
    value = document ? document.toJS() : JSON.parse(text);
  } catch {
    throw new UsageError("this is neither JSON, nor YAML, nor NAME=VALUE in lines");
  }
  if (!isObject(value)) throw new UsageError("this is no predecessor's config");
  if ("receivers" in value || "route" in value || isExporters(value))
    return { kind: "exporter", text, remarks: [], line: 1 };
  const grid = isObject(value.azure) ? value.azure.eventGrid : undefined;
  if (isObject(grid)) return { kind: "other", ...fromBridgeValues(value, grid) };
  if (document && value.config !== undefined) return fromChart(text, document, value);
  if (isGiantSwarm(value)) return { kind: "other", ...fromGiantSwarm(value) };
  // The values of its old chart are YAML, and name the sink alone.
  return { kind: "other", ...fromJson(JSON.stringify(value)) };
}

const isExporters = (value: Json): boolean =>
  ["logLevel", "maxEventAgeSeconds", "throttlePeriod", "clusterName", "leaderElection", "metricsNamePrefix"].some(
    (key) => key in value,
  );

async function fromExporter(
  text: string,
  file: string,
  io: Io,
  remarks: readonly string[],
  line: number,
): Promise<ConvertedExporter> {
  const { convertExporter } = await import("./convert/exporter.ts");
  const readFile = (path: string): string | undefined => {
    try {
      return readFileSync(path, "utf8");
    } catch {
      return undefined;
    }
  };
  const result = convertExporter(text, { file, env: io.env, readFile, remarks });
  return { ...result, warnings: result.warnings.map((one) => ({ ...one, line: one.line + line - 1 })) };
}

/** The key `config` of its charts, a map or a text. */
function fromChart(text: string, document: import("yaml").Document, values: Json): Found {
  const node: unknown = document.get("config", true);
  const remarks = Object.keys(values)
    .filter((key) => key !== "config")
    .map((key) => `${key}: of the chart, not of the program; Petrel's own chart has the like.`);
  const range = node instanceof Object && "range" in node && Array.isArray(node.range) ? node.range : [0, 0, 0];
  const start = text.lastIndexOf("\n", Number(range[0])) + 1;
  const line = text.slice(0, start).split("\n").length;
  if (typeof values.config === "string") return { kind: "exporter", text: values.config, remarks, line: line + 1 };
  const indent = Number(range[0]) - start;
  const block = text.slice(start, Number(range[2]));
  // In braces it has no lines of its own.
  const inline = block.slice(0, indent).trim() !== "";
  const moved = block.replace(new RegExp(`^ {1,${indent}}`, "gm"), "");
  return { kind: "exporter", text: inline ? text.slice(Number(range[0]), Number(range[1])) : moved, remarks, line };
}

function variablesOf(text: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const match = /^(?:export\s+)?([A-Za-z_]\w*)=(.*)$/.exec(line.trim());
    if (match?.[1]) found[match[1]] = (match[2] ?? "").replace(/^(["'])(.*)\1$/, "$2");
  }
  return found;
}

/** @throws UsageError */
function readFrom(argument: string, io: Io): string {
  const path = isAbsolute(argument) ? argument : join(io.cwd, argument);
  if (!existsSync(path)) throw new UsageError(`there is no ${argument}`);
  return readFileSync(path, "utf8");
}

async function readAll(io: Io): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of io.stdin()) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
