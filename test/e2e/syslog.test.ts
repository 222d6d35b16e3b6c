import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { component, type Running } from "../testbed/component.ts";
import { type Cluster, cluster } from "../testbed/kube-cluster.ts";
import { describeReal } from "../testbed/suite.ts";
import { eventually } from "./eventually.ts";
import { startExecutable } from "./executable.ts";

/** One way of sending, with the severity and the id as the server understood them. */
interface Way {
  readonly settings: Record<string, unknown>;
  readonly rfc5424: boolean;
}

/** What both servers say about a message, brought to one form. */
interface Understood {
  readonly priority: number;
  readonly host: string;
  readonly app: string;
  /** Undefined where the protocol has no place for it. */
  readonly id: string | undefined;
  readonly reason: string | undefined;
  readonly json: string;
}

const jsonLines = (path: string): Record<string, string>[] =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));

function fromRsyslog(message: Record<string, string>): Understood {
  const { pri, host = "", app = "", msgid, sd = "", msg = "" } = message;
  return {
    priority: Number(pri),
    host,
    app,
    id: /id="([^"]*)"/.exec(sd)?.[1],
    reason: msgid === "-" ? undefined : msgid,
    json: msg.slice(msg.indexOf("{")),
  };
}

/** Its JSON spells structured data as a tree, with the dot-separated name of the element as keys. */
function fromSyslogNg(message: Record<string, unknown>): Understood {
  const text = (key: string) => (typeof message[key] === "string" ? message[key] : "");
  const id = /"id":"([^"]*)"/.exec(JSON.stringify(message._SDATA ?? message.SDATA ?? ""))?.[1];
  return {
    priority: Number(text("PRI")),
    host: text("HOST"),
    app: text("PROGRAM"),
    id,
    reason: text("MSGID") || undefined,
    json: text("MESSAGE").slice(text("MESSAGE").indexOf("{")),
  };
}

describeReal("real syslog servers understand every way of sending", ["kube", "rsyslog", "syslog-ng"], () => {
  let kube: Cluster;
  let rsyslog: Running;
  let syslogNg: Running;
  const folder = mkdtempSync(join(tmpdir(), "petrel-syslog-e2e-"));

  beforeAll(async () => {
    [kube, rsyslog, syslogNg] = await Promise.all([cluster(), component("rsyslog"), component("syslog-ng")]);
  }, 120_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const local = (port: number | undefined) => `127.0.0.1:${port}`;

  test("by UDP, TCP and TLS, in both formats and framings", async () => {
    const ns = `syslog-${Date.now().toString(36)}`;
    const bsd = { format: "rfc3164" };
    const ietf = { format: "rfc5424" };
    const r = rsyslog.ports;
    const n = syslogNg.ports;
    const tls = { caFile: rsyslog.env.CA };
    const mutual = {
      caFile: syslogNg.env.CA,
      certFile: syslogNg.env.CLIENT_CERT,
      keyFile: syslogNg.env.CLIENT_KEY,
    };
    const ways: Record<string, Way & { server: "rsyslog" | "syslog-ng" }> = {
      a1: { server: "rsyslog", rfc5424: false, settings: { ...bsd, network: "udp", address: local(r.syslog) } },
      a2: { server: "rsyslog", rfc5424: true, settings: { ...ietf, network: "udp", address: local(r.syslog) } },
      a3: { server: "rsyslog", rfc5424: false, settings: { ...bsd, network: "tcp", address: local(r.syslog) } },
      a4: { server: "rsyslog", rfc5424: true, settings: { ...ietf, network: "tcp", address: local(r.syslog) } },
      a5: {
        server: "rsyslog",
        rfc5424: true,
        settings: { ...ietf, framing: "newline", network: "tcp", address: local(r.syslog) },
      },
      a6: { server: "rsyslog", rfc5424: true, settings: { ...ietf, network: "tls", address: local(r.tls), tls } },
      b1: { server: "syslog-ng", rfc5424: false, settings: { ...bsd, network: "udp", address: local(n.bsd) } },
      b2: { server: "syslog-ng", rfc5424: false, settings: { ...bsd, network: "tcp", address: local(n.bsd) } },
      b3: { server: "syslog-ng", rfc5424: true, settings: { ...ietf, network: "tcp", address: local(n.tcp) } },
      b4: { server: "syslog-ng", rfc5424: true, settings: { ...ietf, network: "udp", address: local(n.udp) } },
      b5: {
        server: "syslog-ng",
        rfc5424: true,
        settings: { ...ietf, network: "tls", address: local(n.tls), tls: mutual },
      },
    };
    const stranger = {
      network: "tls",
      address: local(r.tls),
      tag: `${ns}-no`,
      tls: { caFile: rsyslog.env.STRANGER_CA },
    };
    const receivers = [
      ...Object.entries(ways).map(([name, way]) => ({ name, syslog: { ...way.settings, tag: `${ns}-${name}` } })),
      { name: "stranger", syslog: stranger },
    ];
    const config = {
      namespace: ns,
      shutdownTimeout: "1s",
      route: { routes: [{ match: receivers.map(({ name }) => ({ receiver: name })) }] },
      receivers,
    };
    await kube.api("POST", "/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: ns } });
    const petrel = await startExecutable(folder, config, kube.adminConfig);
    try {
      const time = "2026-11-20T21:44:18Z";
      const written: { uid: string; resourceVersion: string; message: string; type: string }[] = [];
      for (const [name, type, message] of [
        ["plain", "Normal", "Created pod"],
        ["loud", "Warning", 'Back-off "restarting"\nfailed container'],
        ["wide", "Normal", "größer 大きい 🐦"],
      ] as const) {
        const event = (await kube.api("POST", `/api/v1/namespaces/${ns}/events`, {
          apiVersion: "v1",
          kind: "Event",
          metadata: { name, namespace: ns },
          involvedObject: { kind: "Pod", namespace: ns, name: "web-0" },
          ...{ reason: "Tested", message, type, firstTimestamp: time, lastTimestamp: time, count: 1 },
        })) as { metadata: { uid: string; resourceVersion: string } };
        written.push({ ...event.metadata, message, type });
      }
      const understood = (name: string): Understood[] => {
        const all =
          ways[name]?.server === "rsyslog"
            ? jsonLines(rsyslog.env.GOT ?? "").map(fromRsyslog)
            : jsonLines(syslogNg.env.GOT ?? "").map(fromSyslogNg);
        return all.filter(({ app }) => app === `${ns}-${name}`);
      };
      for (const [name, way] of Object.entries(ways)) {
        await eventually(name, 20_000, () => {
          const count = understood(name).length;
          return count >= 3 ? undefined : `${count} of 3 messages`;
        });
        const got = understood(name).map((message) => {
          const event = JSON.parse(message.json);
          return { ...message, json: [event.metadata.uid, event.message] };
        });
        expect({ name, got }).toEqual({
          name,
          got: written.map(({ uid, resourceVersion, message, type }) => ({
            // local0 (16), then warning (4) or info (6)
            priority: 16 * 8 + (type === "Warning" ? 4 : 6),
            host: hostname(),
            app: `${ns}-${name}`,
            id: way.rfc5424 ? `${uid}.${resourceVersion}` : undefined,
            reason: way.rfc5424 ? "Tested" : undefined,
            json: [uid, message],
          })),
        });
      }
      await eventually("the stranger is refused", 20_000, async () =>
        (await petrel.metric("petrel_events_retried_total", 'receiver="stranger"')) > 0 ? undefined : "no retry",
      );
      expect(await petrel.metric("petrel_events_delivered_total", 'receiver="stranger"')).toBe(0);
      expect(jsonLines(rsyslog.env.GOT ?? "").filter(({ app }) => app === stranger.tag)).toEqual([]);
    } finally {
      await petrel.stop();
    }
  }, 120_000);
});
