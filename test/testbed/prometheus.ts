import { join } from "node:path";
import type { Definition } from "./definition.ts";
import { debs, debVersion, libraries } from "./place.ts";
import { freePorts } from "./process.ts";

const PACKAGES = ["prometheus"];

/** Prometheus, which scrapes what stands in its targets.json. */
export const prometheus: Definition = {
  name: "prometheus",
  summary: "Prometheus of Debian: scrapes every half second what a test writes into its targets",
  missing: () =>
    Bun.which("apt-get") === null || Bun.which("dpkg") === null ? "needs Debian's packages (apt-get, dpkg)" : undefined,
  install: async () => {
    await debs("prometheus", PACKAGES);
  },
  async plan(dir) {
    const root = await debs("prometheus", PACKAGES);
    const [port = 0] = await freePorts(1);
    const targets = join(dir, "targets.json");
    await Bun.write(targets, "[]");
    const files = [{ files: [targets], refresh_interval: "1s" }];
    const config = {
      global: { scrape_interval: "500ms" },
      scrape_configs: [{ job_name: "petrel", file_sd_configs: files }],
    };
    // YAML reads JSON.
    await Bun.write(join(dir, "prometheus.yml"), JSON.stringify(config));
    const url = `http://127.0.0.1:${port}`;
    const flags = [`--config.file=${join(dir, "prometheus.yml")}`, `--storage.tsdb.path=${join(dir, "data")}`];
    return {
      ports: { http: port },
      env: { URL: url, TARGETS: targets, PROMTOOL: join(root, "usr/bin/promtool"), LIBRARIES: libraries(root) },
      processes: [
        {
          name: "prometheus",
          argv: [join(root, "usr/bin/prometheus"), ...flags, `--web.listen-address=127.0.0.1:${port}`],
          env: { LD_LIBRARY_PATH: libraries(root) },
          ready: { url: `${url}/-/ready` },
        },
      ],
      versions: { Prometheus: await debVersion("prometheus") },
      usage: [`${url}; write [{"targets": ["127.0.0.1:2112"]}] into ${targets}`],
    };
  },
};
