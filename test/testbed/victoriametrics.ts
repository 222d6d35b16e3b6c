import { join } from "node:path";
import type { Definition } from "./definition.ts";
import { debs, debVersion, libraries } from "./place.ts";
import { freePorts } from "./process.ts";

const PACKAGES = ["victoria-metrics"];

/** VictoriaMetrics, which takes line protocol where InfluxDB 2 does; Debian's InfluxDB is 1. */
export const victoriametrics: Definition = {
  name: "victoriametrics",
  summary: "VictoriaMetrics of Debian: line protocol at /api/v2/write, read back by /api/v1/export",
  missing: () =>
    Bun.which("apt-get") === null || Bun.which("dpkg") === null ? "needs Debian's packages (apt-get, dpkg)" : undefined,
  install: async () => {
    await debs("victoria", PACKAGES);
  },
  async plan(dir) {
    const root = await debs("victoria", PACKAGES);
    const [port = 0] = await freePorts(1);
    const url = `http://127.0.0.1:${port}`;
    const flags = [`-httpListenAddr=127.0.0.1:${port}`, `-storageDataPath=${join(dir, "data")}`];
    return {
      ports: { http: port },
      env: { URL: url },
      versions: { VictoriaMetrics: await debVersion("victoria-metrics") },
      processes: [
        {
          name: "victoria-metrics",
          argv: [join(root, "usr/bin/victoria-metrics"), ...flags],
          env: { LD_LIBRARY_PATH: libraries(root) },
          ready: { url: `${url}/health` },
        },
      ],
      usage: [`curl '${url}/internal/force_flush'; curl '${url}/api/v1/export?match[]={uid!=""}'`],
    };
  },
};
