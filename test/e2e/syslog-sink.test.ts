/** What rsyslog and syslog-ng, two parsers that agree with nobody, make of what the syslog receiver sends. */
import { beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import syslog from "../../sinks/syslog.ts";
import { fields } from "../../src/config/fields.ts";
import { eventJson } from "../../src/payload.ts";
import { createSinkContext } from "../../src/pipeline/context.ts";
import { anEvent, compileSimple, recordingLogger, until } from "../contract.ts";
import { component, type Running } from "../testbed/component.ts";
import { describeReal } from "../testbed/suite.ts";

/** Packages may have to be fetched. */
const START_MS = 120_000;

const events = [
  anEvent({ id: "uid.1", message: 'one <b> "quoted" & [bracketed]' }),
  anEvent({ id: "uid.2", message: "zwö 日本 😀", type: "Normal", reason: "Pulled" }),
  anEvent({ id: 'u"i]d\\.3', message: "three\nlines\r\n\tand a tab", reason: "Rea son" }),
] as const;

interface Seen {
  readonly pri: string;
  readonly app: string;
  readonly host: string;
  readonly time: string;
  readonly msg: string;
  readonly msgid?: string;
  readonly id?: string;
}

const rsyslogSeen = (line: string): Seen => {
  const { sd = "", ...seen } = JSON.parse(line);
  const id = /^\[petrel@32473 id="((?:[^"\\]|\\.)*)"\]$/.exec(sd)?.[1]?.replace(/\\(.)/g, "$1");
  return { ...seen, ...(id !== undefined && { id }) };
};

const syslogNgSeen = (line: string): Seen => {
  const seen = JSON.parse(line);
  const id = seen._SDATA?.["petrel@32473"]?.id ?? seen[".SDATA"]?.["petrel@32473"]?.id;
  return {
    pri: seen.PRI,
    app: seen.PROGRAM,
    host: seen.HOST,
    time: seen.ISODATE,
    msg: seen.MESSAGE,
    ...(seen.MSGID && { msgid: seen.MSGID }),
    ...(id !== undefined && { id }),
  };
};

/** Delivers the events with these settings and returns what the server wrote of them. */
async function through(server: Running, read: (line: string) => Seen, settings: object): Promise<Seen[]> {
  const tag = `petrel-${crypto.randomUUID().slice(0, 8)}`;
  const options = {
    receiver: "s",
    logger: recordingLogger().logger,
    compat: false,
    compileTemplate: compileSimple,
    env: {},
  };
  const config = syslog.config(fields).parse({ tag, hostname: "vm", ...settings });
  const sink = await syslog.create(config, createSinkContext(options));
  await sink.check?.(AbortSignal.timeout(5_000));
  await sink.deliver(events, AbortSignal.timeout(5_000));
  const mine = () =>
    readFileSync(String(server.env.GOT), "utf8")
      .split("\n")
      .filter((line) => line.includes(tag));
  await until(() => mine().length >= events.length, `${tag} arrived`);
  await sink[Symbol.asyncDispose]?.();
  return mine().map(read);
}

function expectAll(seen: readonly Seen[], rfc5424: boolean): void {
  expect(seen.map(({ msg }) => msg.trim())).toEqual(events.map(eventJson));
  expect(seen.map(({ pri }) => pri)).toEqual(["132", "134", "132"]);
  expect(seen.map(({ host }) => host)).toEqual(["vm", "vm", "vm"]);
  for (const { time } of seen) expect(Date.parse(time)).toBe(Date.parse("2026-11-20T21:45:18Z"));
  if (!rfc5424) return;
  expect(seen.map(({ msgid }) => msgid)).toEqual(["BackOff", "Pulled", "Reason"]);
  expect(seen.map(({ id }) => id)).toEqual(events.map(({ id }) => id));
}

describeReal("rsyslog takes", ["rsyslog"], () => {
  beforeAll(() => component("rsyslog"), START_MS);

  const rows: readonly [string, object, boolean][] = [
    ["RFC 3164 by UDP", { network: "udp" }, false],
    ["RFC 3164 by TCP, newline", { network: "tcp" }, false],
    ["RFC 3164 by TCP, octet counting", { network: "tcp", framing: "octet" }, false],
    ["RFC 5424 by UDP", { network: "udp", format: "rfc5424" }, true],
    ["RFC 5424 by TCP, octet counting", { network: "tcp", format: "rfc5424" }, true],
    ["RFC 5424 by TCP, newline", { network: "tcp", format: "rfc5424", framing: "newline" }, true],
    ["RFC 5424 by TLS", { network: "tls", format: "rfc5424" }, true],
    ["RFC 3164 by TLS", { network: "tls" }, false],
  ];
  for (const [name, settings, rfc5424] of rows) {
    test(name, async () => {
      const server = await component("rsyslog");
      const encrypted = "network" in settings && settings.network === "tls";
      const address = `127.0.0.1:${encrypted ? server.ports.tls : server.ports.syslog}`;
      const tls = { caFile: server.env.CA };
      expectAll(await through(server, rsyslogSeen, { ...settings, address, ...(encrypted && { tls }) }), rfc5424);
    });
  }
});

describeReal("syslog-ng takes", ["syslog-ng"], () => {
  beforeAll(() => component("syslog-ng"), START_MS);

  const rows: readonly [string, object, string, boolean][] = [
    ["RFC 3164 by UDP", { network: "udp" }, "bsd", false],
    ["RFC 3164 by TCP, newline", { network: "tcp" }, "bsd", false],
    ["RFC 5424 by UDP", { network: "udp", format: "rfc5424" }, "udp", true],
    ["RFC 5424 by TCP, octet counting", { network: "tcp", format: "rfc5424" }, "tcp", true],
    ["RFC 5424 by TLS with client certificate", { network: "tls", format: "rfc5424" }, "tls", true],
  ];
  for (const [name, settings, port, rfc5424] of rows) {
    test(name, async () => {
      const server = await component("syslog-ng");
      const { CA: caFile, CLIENT_CERT: certFile, CLIENT_KEY: keyFile } = server.env;
      const tls = port === "tls" ? { tls: { caFile, certFile, keyFile } } : {};
      const address = `127.0.0.1:${server.ports[port]}`;
      expectAll(await through(server, syslogNgSeen, { ...settings, ...tls, address }), rfc5424);
    });
  }
});
