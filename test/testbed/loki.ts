import { join } from "node:path";
import type { Definition } from "./definition.ts";
import { command, once, place } from "./place.ts";
import { freePorts } from "./process.ts";

const MODULE = "github.com/grafana/loki/v3";
const VERSION = "v3.7.8";
/** What the module mirror's answer must hash to. */
const SUM = "h1:bJ0WFWVOjgvG/jYmT9fIX15SYXXDwuEu/IMgTwMA97U=";

/**
 * Loki from its source. Its go.mod has replacements, which `go install` refuses, so a module with the same ones is made;
 * the replacement by a folder of its own repository gives way to the published module.
 */
async function program(): Promise<string> {
  const folder = place("loki", VERSION, SUM);
  await once(folder, async (draft) => {
    const module = join(draft, "module");
    const { Dir, Sum } = JSON.parse(await command(["go", "mod", "download", "-json", `${MODULE}@${VERSION}`]));
    if (Sum !== SUM) throw new Error(`${MODULE}@${VERSION} has the sum ${Sum}, not ${SUM}`);
    const theirs = await Bun.file(join(Dir, "go.mod")).text();
    const ours = theirs
      .replace(/^module .*$/m, "module testbed/loki")
      .replace(/^replace github\.com\/grafana\/loki\/pkg\/push =>.*$/m, "");
    await Bun.write(join(module, "go.mod"), ours);
    await Bun.write(join(module, "go.sum"), Bun.file(join(Dir, "go.sum")));
    const go = (...args: string[]) =>
      command(["go", ...args], { cwd: module, env: { CGO_ENABLED: "0", GOFLAGS: "-mod=mod" }, deadlineMs: 1_800_000 });
    await go("mod", "edit", `-require=${MODULE}@${VERSION}`);
    await go("get", `${MODULE}@${VERSION}`);
    await go("build", "-trimpath", "-ldflags", "-s -w", "-o", join(draft, "loki"), `${MODULE}/cmd/loki`);
  });
  return join(folder, "loki");
}

/** One process that keeps its data in its folder, so that it can be killed and started again. */
export const loki: Definition = {
  name: "loki",
  summary: `Loki ${VERSION}: push by JSON, structured metadata, read back by query_range`,
  missing: () => (Bun.which("go") === null ? "needs Go to be built" : undefined),
  install: async () => {
    await program();
  },
  async plan(dir) {
    const path = await program();
    const [http = 0, grpc = 0] = await freePorts(2);
    const config = {
      auth_enabled: false,
      analytics: { reporting_enabled: false },
      server: {
        http_listen_address: "127.0.0.1",
        http_listen_port: http,
        grpc_listen_address: "127.0.0.1",
        grpc_listen_port: grpc,
        log_level: "warn",
      },
      common: {
        instance_addr: "127.0.0.1",
        path_prefix: join(dir, "data"),
        replication_factor: 1,
        ring: { kvstore: { store: "inmemory" } },
        storage: {
          filesystem: { chunks_directory: join(dir, "data/chunks"), rules_directory: join(dir, "data/rules") },
        },
      },
      schema_config: {
        configs: [
          {
            from: "2024-01-01",
            store: "tsdb",
            object_store: "filesystem",
            schema: "v13",
            index: { prefix: "index_", period: "24h" },
          },
        ],
      },
      ingester: { lifecycler: { min_ready_duration: "0s" } },
      limits_config: { allow_structured_metadata: true, reject_old_samples: true, max_line_size: "256KB" },
      frontend: { address: "127.0.0.1" },
    };
    // YAML reads JSON.
    await Bun.write(join(dir, "loki.yaml"), JSON.stringify(config, null, 2));
    const url = `http://127.0.0.1:${http}`;
    return {
      ports: { http },
      env: { URL: url },
      processes: [
        { name: "loki", argv: [path, `-config.file=${join(dir, "loki.yaml")}`], ready: { url: `${url}/ready` } },
      ],
      versions: { Loki: VERSION.slice(1) },
      usage: [`push ${url}/loki/api/v1/push`, `curl -G ${url}/loki/api/v1/query_range --data-urlencode 'query={…}'`],
    };
  },
};
