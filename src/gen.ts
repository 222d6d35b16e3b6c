/** `bun run gen`: writes what is generated; `--check` fails when a file is not what it would write. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadSinks } from "../sinks/index.ts";
import { configJsonSchema } from "./config/json-schema.ts";
import { alertsReadme } from "./deploy-docs.ts";
import { type About, configsReadme, sinksReadme, sinksTable } from "./docs.ts";
import { declarations } from "./friendly/declarations.ts";
import { schemasReadme } from "./friendly/docs.ts";
import { schemas } from "./friendly/schema.ts";

const BEGIN = "<!-- sinks:begin -->\n";
const END = "<!-- sinks:end -->";

/** Every generated file, by its path from the root of the repository. */
export async function generate(root: string): Promise<Map<string, string>> {
  const sinks = await loadSinks();
  const files = new Map<string, string>([
    ["configs/schema.json", `${JSON.stringify(configJsonSchema(sinks), null, 2)}\n`],
    ["configs/README.md", configsReadme(examples(join(root, "configs")))],
    [
      "sinks/README.md",
      sinksReadme(await Promise.all(sinks.map(async (sink) => ({ sink, about: await aboutOf(sink.name) })))),
    ],
    ["configs/schemas/README.md", schemasReadme()],
    ["configs/schemas/index.d.ts", declarations()],
  ]);
  for (const [type, schema] of Object.entries(schemas()))
    files.set(`configs/schemas/${type}.json`, `${JSON.stringify(schema, null, 2)}\n`);
  const alerts = readFileSync(join(import.meta.dir, "../deploy/alerts/petrel.yaml"), "utf8");
  files.set("deploy/alerts/README.md", alertsReadme(alerts));
  files.set("deploy/helm/files/alerts.yaml", alerts);
  const readme = join(root, "README.md");
  if (existsSync(readme)) {
    const text = readFileSync(readme, "utf8");
    const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
    if (begin === -1 || end < begin)
      throw new Error(`README.md has no place for the receivers: ${BEGIN.trim()} and ${END}`);
    files.set("README.md", `${text.slice(0, begin + BEGIN.length)}\n${sinksTable(sinks)}\n${text.slice(end)}`);
  }
  return files;
}

/** What the fixture of a sink's tests says of it. */
async function aboutOf(name: string): Promise<About> {
  const file = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const { default: fixture }: { default: { about: About } } = await import(`../test/sinks/${file}.ts`);
  return fixture.about;
}

/** The second comment of a config says what it shows. */
function examples(folder: string): { name: string; title: string }[] {
  const names = readdirSync(folder).filter((name) => name.endsWith(".yaml"));
  return names.sort().map((name) => {
    const comments = readFileSync(join(folder, name), "utf8")
      .split("\n")
      .filter((line) => line.startsWith("# "));
    return { name, title: comments.find((line) => !line.includes("$schema"))?.slice(2) ?? "" };
  });
}

async function main(args: readonly string[]): Promise<number> {
  const root = join(import.meta.dir, "..");
  const check = args.includes("--check");
  let drift = 0;
  for (const [path, text] of await generate(root)) {
    const file = join(root, path);
    if (existsSync(file) && readFileSync(file, "utf8") === text) continue;
    drift++;
    if (check) console.error(`${path} is not what \`bun run gen\` writes`);
    else {
      writeFileSync(file, text);
      console.log(`wrote ${path}`);
    }
  }
  return check && drift > 0 ? 1 : 0;
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
