import { readdirSync } from "node:fs";
import { join } from "node:path";
import { certificates } from "./certs.ts";
import type { Definition } from "./definition.ts";
import { debs, debVersion, libraries } from "./place.ts";
import { freePorts } from "./process.ts";

const RSYSLOG = ["rsyslog", "rsyslog-gnutls", "libestr0", "libfastjson4", "liblognorm5"];
const SYSLOG_NG = ["syslog-ng-core"];

const debian = () =>
  Bun.which("apt-get") === null || Bun.which("dpkg") === null ? "needs Debian's packages (apt-get, dpkg)" : undefined;

async function configure(name: string, values: Readonly<Record<string, string | number>>): Promise<string> {
  const text = await Bun.file(join(import.meta.dir, "syslog", name)).text();
  return text.replace(/@([A-Z_]+)@/g, (_, key: string) => String(values[key]));
}

/** The folder that holds a file of this name, below `root`. */
function folderOf(root: string, file: string): string {
  const found = readdirSync(root, { recursive: true, encoding: "utf8" }).find((path) => path.endsWith(`/${file}`));
  if (found === undefined) throw new Error(`no ${file} below ${root}`);
  return join(root, found, "..");
}

/** rsyslog: UDP and TCP on one port, TLS on another; one JSON line per message in got.jsonl. */
export const rsyslog: Definition = {
  name: "rsyslog",
  summary: "rsyslog: RFC 3164 and 5424 by UDP, TCP (octet counting, newline) and TLS",
  missing: debian,
  install: async () => {
    await debs("rsyslog", RSYSLOG);
  },
  async plan(dir) {
    const root = await debs("rsyslog", RSYSLOG);
    const tls = await certificates(join(dir, "tls"));
    const [port = 0, tlsPort = 0] = await freePorts(2);
    await Bun.write(join(dir, "rsyslog.conf"), await configure("rsyslog.conf", { RUN: dir, PORT: port, TLS: tlsPort }));
    const got = join(dir, "got.jsonl");
    await Bun.write(got, "");
    return {
      ports: { syslog: port, tls: tlsPort },
      env: { GOT: got, CA: tls.ca, STRANGER_CA: tls.strangerCa },
      processes: [
        {
          name: "rsyslogd",
          argv: [
            join(root, "usr/sbin/rsyslogd"),
            "-n",
            "-f",
            join(dir, "rsyslog.conf"),
            "-i",
            join(dir, "rsyslog.pid"),
          ],
          env: { LD_LIBRARY_PATH: libraries(root), RSYSLOG_MODDIR: folderOf(root, "imudp.so") },
          ready: { port: tlsPort },
        },
      ],
      versions: { rsyslog: await debVersion("rsyslog") },
      usage: [`UDP and TCP 127.0.0.1:${port}, TLS 127.0.0.1:${tlsPort} (CA ${tls.ca})`, `tail -f ${got}`],
    };
  },
};

/** syslog-ng: a second opinion; TLS with client certificates. */
export const syslogNg: Definition = {
  name: "syslog-ng",
  summary: "syslog-ng: RFC 3164 (UDP, TCP) and RFC 5424 (UDP, TCP, TLS with client certificate)",
  missing: debian,
  install: async () => {
    await debs("syslog-ng", SYSLOG_NG);
  },
  async plan(dir) {
    const root = await debs("syslog-ng", SYSLOG_NG);
    const tls = await certificates(join(dir, "tls"));
    const [bsd = 0, tcp = 0, udp = 0, tlsPort = 0] = await freePorts(4);
    await Bun.write(
      join(dir, "syslog-ng.conf"),
      await configure("syslog-ng.conf", { BSD: bsd, TCP: tcp, UDP: udp, TLS: tlsPort }),
    );
    const got = join(dir, "got.jsonl");
    await Bun.write(got, "");
    const modules = join(root, "usr/lib/syslog-ng");
    return {
      ports: { bsd, tcp, udp, tls: tlsPort },
      env: { GOT: got, CA: tls.ca, CLIENT_CERT: tls.clientCert, CLIENT_KEY: tls.clientKey },
      processes: [
        {
          name: "syslog-ng",
          argv: [
            ...[join(root, "usr/sbin/syslog-ng"), "-F", "--no-caps", "-f", join(dir, "syslog-ng.conf")],
            ...["--module-path", folderOf(root, "libjson-plugin.so"), "-R", join(dir, "persist")],
            ...["-p", join(dir, "syslog-ng.pid"), "--control", join(dir, "ctl")],
          ],
          env: { LD_LIBRARY_PATH: `${libraries(root)}:${modules}` },
          ready: { port: tcp },
        },
      ],
      versions: { "syslog-ng": await debVersion("syslog-ng-core") },
      usage: [
        `RFC 3164: UDP and TCP (newline) 127.0.0.1:${bsd}`,
        `RFC 5424: TCP (octet counting) 127.0.0.1:${tcp}, UDP 127.0.0.1:${udp}`,
        `RFC 5424 with client certificate: TLS 127.0.0.1:${tlsPort}`,
        `CA ${tls.ca}, client ${tls.clientCert} and ${tls.clientKey}`,
        `tail -f ${got}`,
      ],
    };
  },
};
