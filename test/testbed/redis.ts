import { join } from "node:path";
import { certificates } from "./certs.ts";
import type { Definition } from "./definition.ts";
import { debs, debVersion, libraries } from "./place.ts";
import { freePorts } from "./process.ts";

const PACKAGES = ["redis-server", "redis-tools"];
const PASSWORD = "testbed-password";
/** May add to streams and lists whose keys begin with `acl:`, and nothing else. */
const ACL_USER = { name: "writer", password: "writer-password", keys: "acl:*" };

/** Redis: plain and TLS (client certificate optional), one password, one user of its ACL, data kept over restarts. */
export const redis: Definition = {
  name: "redis",
  summary: "Redis: streams, lists and channels, plain and TLS, password and ACL",
  missing: () =>
    Bun.which("apt-get") === null || Bun.which("dpkg") === null ? "needs Debian's packages (apt-get, dpkg)" : undefined,
  install: async () => {
    await debs("redis", PACKAGES);
  },
  async plan(dir) {
    const root = await debs("redis", PACKAGES);
    const tls = await certificates(join(dir, "tls"));
    const [port = 0, tlsPort = 0] = await freePorts(2);
    const lines = [
      ...["bind 127.0.0.1", `port ${port}`, `tls-port ${tlsPort}`, `dir ${dir}`],
      ...[`tls-cert-file ${tls.serverCert}`, `tls-key-file ${tls.serverKey}`, `tls-ca-cert-file ${tls.ca}`],
      // What was acknowledged survives a kill.
      ...["tls-auth-clients optional", 'save ""', "appendonly yes", "appendfsync always"],
      `requirepass ${PASSWORD}`,
      `user ${ACL_USER.name} on >${ACL_USER.password} ~${ACL_USER.keys} +xadd +rpush +ping +hello`,
    ];
    await Bun.write(join(dir, "redis.conf"), `${lines.join("\n")}\n`);
    return {
      ports: { redis: port, tls: tlsPort },
      env: {
        PASSWORD,
        ACL_USER: ACL_USER.name,
        ACL_PASSWORD: ACL_USER.password,
        CA: tls.ca,
        STRANGER_CA: tls.strangerCa,
        CLIENT_CERT: tls.clientCert,
        CLIENT_KEY: tls.clientKey,
        CLI: join(root, "usr/bin/redis-cli"),
        LIBRARIES: libraries(root),
      },
      processes: [
        {
          name: "redis-server",
          argv: [join(root, "usr/bin/redis-server"), join(dir, "redis.conf")],
          env: { LD_LIBRARY_PATH: libraries(root) },
          ready: { port: tlsPort },
        },
      ],
      versions: { Redis: await debVersion("redis-server") },
      usage: [
        `redis://default:${PASSWORD}@127.0.0.1:${port}, TLS 127.0.0.1:${tlsPort} (CA ${tls.ca})`,
        `user ${ACL_USER.name}, password ${ACL_USER.password}: keys ${ACL_USER.keys}`,
      ],
    };
  },
};
