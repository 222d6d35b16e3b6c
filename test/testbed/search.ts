import { join } from "node:path";
import type { Definition } from "./definition.ts";
import { command, once, pinnedVersion, place } from "./place.ts";
import { freePorts } from "./process.ts";

const SOURCES = join(import.meta.dir, "search");

/** Jars from Maven and one class: what is published has no starter, and no security either. */
async function classPath(name: string, main: string): Promise<string> {
  const pom = join(SOURCES, `${name}.xml`);
  const source = join(SOURCES, `${main}.java`);
  const folder = place(name, await Bun.file(pom).text(), await Bun.file(source).text());
  await once(folder, async (draft) => {
    const jars = join(draft, "jars");
    await command([
      ...["mvn", "-B", "-ntp", "-q", "-Dstyle.color=never", "-f", pom],
      ...["dependency:copy-dependencies", "-DincludeScope=runtime", `-DoutputDirectory=${jars}`],
    ]);
    await command(["javac", "-nowarn", "-cp", `${jars}/*`, "-d", join(draft, "classes"), source]);
  });
  return `${join(folder, "classes")}:${join(folder, "jars")}/*`;
}

function node(name: string, title: string, main: string, summary: string): Definition {
  return {
    name,
    summary,
    missing: () => {
      const lacking = ["java", "javac", "mvn"].filter((program) => Bun.which(program) === null);
      return lacking.length === 0 ? undefined : `needs a JDK and Maven (${lacking.join(", ")})`;
    },
    install: async () => {
      await classPath(name, main);
    },
    async plan(dir) {
      const [http = 0, transport = 0] = await freePorts(2);
      const url = `http://127.0.0.1:${http}`;
      const flags = ["-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
      const argv = ["java", ...flags, "-cp", await classPath(name, main), main, dir, String(http), String(transport)];
      return {
        ports: { http },
        env: { URL: url },
        processes: [{ name, argv, ready: { url: `${url}/_cluster/health?wait_for_status=yellow` } }],
        versions: { [title]: pinnedVersion(join(SOURCES, `${name}.xml`), name) },
        usage: [`curl ${url}/_cat/indices`],
      };
    },
  };
}

export const elasticsearch = node(
  "elasticsearch",
  "Elasticsearch",
  "ElasticsearchNode",
  "Elasticsearch 7.17.28, without data streams",
);
export const opensearch = node("opensearch", "OpenSearch", "OpenSearchNode", "OpenSearch 2.19.1, with data streams");
