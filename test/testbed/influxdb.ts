import { join } from "node:path";
import type { Definition } from "./definition.ts";
import { debs, debVersion, libraries } from "./place.ts";
import { freePorts } from "./process.ts";

const PACKAGES = ["influxdb", "influxdb-client"];
const USER = { name: "admin", password: "admin-password" };

/** InfluxDB 1.x with authentication: whoever comes first may make the administrator, and a test does. */
export const influxdb: Definition = {
  name: "influxdb",
  summary: "InfluxDB 1 of Debian: line protocol at /write, read back by /query, with users",
  missing: () =>
    Bun.which("apt-get") === null || Bun.which("dpkg") === null ? "needs Debian's packages (apt-get, dpkg)" : undefined,
  install: async () => {
    await debs("influxdb", PACKAGES);
  },
  async plan(dir) {
    const root = await debs("influxdb", PACKAGES);
    const [http = 0, rpc = 0] = await freePorts(2);
    const lines = [
      ...["reporting-disabled = true", `bind-address = "127.0.0.1:${rpc}"`],
      ...["[meta]", `dir = "${join(dir, "meta")}"`],
      // What was acknowledged survives a kill: without a delay each write is synced.
      ...["[data]", `dir = "${join(dir, "data")}"`, `wal-dir = "${join(dir, "wal")}"`, 'wal-fsync-delay = "0s"'],
      ...["[http]", `bind-address = "127.0.0.1:${http}"`, "auth-enabled = true", "log-enabled = false"],
    ];
    await Bun.write(join(dir, "influxdb.conf"), `${lines.join("\n")}\n`);
    const url = `http://127.0.0.1:${http}`;
    return {
      ports: { http },
      env: { URL: url, USER: USER.name, PASSWORD: USER.password },
      processes: [
        {
          name: "influxd",
          argv: [join(root, "usr/bin/influxd"), "-config", join(dir, "influxdb.conf")],
          env: { LD_LIBRARY_PATH: libraries(root) },
          ready: { url: `${url}/ping` },
        },
      ],
      versions: { InfluxDB: await debVersion("influxdb") },
      usage: [`${url}; make the user: CREATE USER ${USER.name} WITH PASSWORD '${USER.password}' WITH ALL PRIVILEGES`],
    };
  },
};
