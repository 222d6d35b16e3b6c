import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { hostname, tmpdir } from "node:os";
import { createServer } from "node:tls";
import syslog from "../../sinks/syslog.ts";
import { fields } from "../../src/config/fields.ts";
import { ConfigError } from "../../src/errors.ts";
import { createSinkContext } from "../../src/pipeline/context.ts";
import type { Batch, Sink } from "../../src/sink.ts";
import { anEvent, compileSimple, recordingLogger, refusalOf, refusalText, tlsFile, until } from "../contract.ts";
import { unixDatagramServer } from "../wire/unix-datagram-server.ts";

const opened: Sink[] = [];
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(`${tmpdir()}/petrel-syslog-`);
});
afterEach(async () => {
  for (const sink of opened.splice(0)) await sink[Symbol.asyncDispose]?.();
  rmSync(folder, { recursive: true });
});

async function sinkWith(settings: object, compat = false): Promise<Sink> {
  const { logger } = recordingLogger();
  const options = { receiver: "s", logger, compat, compileTemplate: compileSimple, env: {} };
  const layout = { m: "{{ .Message }}" };
  const config = syslog.config(fields).parse({ hostname: "vm", tag: "k8s.event", layout, ...settings });
  const sink = await syslog.create(config, createSinkContext(options));
  opened.push(sink);
  return sink;
}

const soon = (ms = 1_000) => AbortSignal.timeout(ms);
const events = [anEvent({ message: "one" }), anEvent({ message: "zwö", type: "Normal" })] as const;
const pid = process.pid;

/** A server that collects everything; `path` for a unix socket. */
function collect(change: { path?: string; tls?: object; firstReads?: boolean } = {}) {
  const state = { text: "", connections: 0 };
  const socket = {
    open(it: { pause(): void }) {
      if (state.connections++ === 0 && change.firstReads === false) it.pause();
    },
    data(_: unknown, bytes: Buffer) {
      state.text += bytes.toString();
    },
  };
  const at = change.path === undefined ? { hostname: "127.0.0.1", port: 0 } : { unix: change.path };
  const listener = Bun.listen({ ...at, socket, ...(change.tls && { tls: change.tls }) } as Bun.TCPSocketListenOptions);
  return { state, listener, address: `127.0.0.1:${listener.port}` };
}

describe("syslog messages", () => {
  const time = "2026-11-20T21:45:18";
  const rows: readonly [string, object, string][] = [
    [
      "RFC 3164 as the predecessor wrote it, but with a severity",
      {},
      `<132>${time}Z vm k8s.event[${pid}]: {"m":"one"}\n`,
    ],
    [
      "RFC 5424",
      { format: "rfc5424" },
      `<132>1 ${time}.000Z vm k8s.event ${pid} BackOff [petrel@32473 id="ba30f343-3351.101"] {"m":"one"}`,
    ],
    [
      "facility, severity, appname",
      { facility: "daemon", severity: "debug", appname: "a b\n" },
      `<31>${time}Z vm ab[${pid}]: {"m":"one"}\n`,
    ],
    ["the local form", { network: "unixgram" }, `<132>Nov 20 21:45:18 k8s.event[${pid}]: {"m":"one"}\n`],
    ["lines on TCP", { network: "tcp" }, `<132>${time}Z vm k8s.event[${pid}]: {"m":"one"}\n`],
  ];
  for (const [name, settings, expected] of rows) {
    test(`are ${name}`, async () => {
      const sink = await sinkWith({ network: "udp", address: "127.0.0.1:514", ...settings });
      expect(sink.render([events[0]]).body).toBe(expected);
    });
  }

  test("on TCP in RFC 5424 are counted in octets", async () => {
    const sink = await sinkWith({ network: "tcp", address: "127.0.0.1", format: "rfc5424" });
    const { body } = sink.render([events[1]]);
    const [count = "", rest = ""] = [body.slice(0, body.indexOf(" ")), body.slice(body.indexOf(" ") + 1)];
    expect(Number(count)).toBe(Buffer.byteLength(rest));
    expect(rest).toStartWith("<134>1 ");
    expect(rest).toEndWith(' {"m":"zwö"}');
  });

  test("quote what an id must not hold", async () => {
    const sink = await sinkWith({ network: "udp", address: "127.0.0.1:514", format: "rfc5424" });
    const { body } = sink.render([anEvent({ id: 'a"]\\b', reason: "", message: "m" })]);
    expect(body).toContain(` - [petrel@32473 id="a\\"\\]\\\\b"] {"m":"m"}`);
  });

  test("in compat have the predecessor's priority and the time of sending", async () => {
    const sink = await sinkWith({ network: "udp", address: "127.0.0.1:514", hostname: undefined }, true);
    const { body } = sink.render([events[0]]);
    const shape = new RegExp(`^<128>(\\S+Z) ${hostname()} k8s\\.event\\[${pid}\\]: \\{"m":"one"\\}\\n$`);
    expect(body).toMatch(shape);
    expect(Math.abs(Date.parse(shape.exec(body)?.[1] ?? "") - Date.now())).toBeLessThan(5_000);
  });

  test("need an address that is one", async () => {
    expect(sinkWith({ network: "tcp", address: "host:port" })).rejects.toThrow(ConfigError);
    expect(sinkWith({ network: "udp", address: "" })).rejects.toThrow(ConfigError);
  });
});

describe("syslog over", () => {
  test("TLS with a client certificate", async () => {
    const file = (name: Parameters<typeof tlsFile>[0]) => readFileSync(tlsFile(name), "utf8");
    const tls = { key: file("server.key"), cert: file("server.crt"), ca: file("ca.crt"), requestCert: true };
    const { state, listener, address } = collect({ tls: { ...tls, rejectUnauthorized: true } });
    const own = { caFile: tlsFile("ca.crt"), certFile: tlsFile("client.crt"), keyFile: tlsFile("client.key") };
    const sink = await sinkWith({ network: "tls", address, tls: own });
    await sink.deliver([...events] as unknown as Batch, soon());
    await until(() => state.text.split("\n").length === 3, "both lines came");
    const stranger = await sinkWith({ network: "tls", address, tls: { caFile: tlsFile("other-ca.crt") } });
    expect(await refusalText(stranger.deliver([events[0]], soon()))).toMatch(/^network: .*got no connection \(/);
    listener.stop(true);
  });

  test("TLS without the client certificate that the server demands: nothing counts as delivered", async () => {
    const file = (name: Parameters<typeof tlsFile>[0]) => readFileSync(tlsFile(name), "utf8");
    const tls = { key: file("server.key"), cert: file("server.crt"), ca: file("ca.crt") };
    let text = "";
    const server = createServer({ ...tls, requestCert: true, rejectUnauthorized: true }, (socket) => {
      socket.on("data", (chunk) => {
        text += chunk;
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const sink = await sinkWith({ network: "tls", address, tls: { caFile: tlsFile("ca.crt") } });
    expect((await refusalOf(sink.deliver([events[0]], soon()))).reason).toBe("network");
    expect(text).toBe("");
    server.close();
  });

  test("a unix stream", async () => {
    const { state, listener } = collect({ path: `${folder}/log` });
    const sink = await sinkWith({ network: "unix", address: `${folder}/log` });
    await sink.deliver([events[0]], soon());
    await until(() => state.text.endsWith("\n"), "the line came");
    expect(state.text).toBe(`<132>Nov 20 21:45:18 k8s.event[${pid}]: {"m":"one"}\n`);
    listener.stop(true);
  });

  test("unix datagrams, as to /dev/log, also after the socket was made anew", async () => {
    const path = `${folder}/log`;
    const sink = await sinkWith({ network: "", address: path });
    expect(await refusalText(sink.deliver([events[0]], soon()))).toBe(
      `network: the syslog message to ${path} failed: ENOENT`,
    );
    for (const round of [1, 2]) {
      const server = unixDatagramServer(path);
      if (round === 2) expect((await refusalOf(sink.deliver([events[0]], soon()))).reason).toBe("network");
      await sink.deliver([...events] as unknown as Batch, soon());
      expect([server.receive(), server.receive(), server.receive()]).toEqual([
        `<132>Nov 20 21:45:18 k8s.event[${pid}]: {"m":"one"}\n`,
        `<134>Nov 20 21:45:18 k8s.event[${pid}]: {"m":"zwö"}\n`,
        undefined,
      ]);
      await sink.check?.(soon());
      server.close();
      rmSync(path);
    }
  });

  test("datagrams: what is too large is refused alone", async () => {
    const came: string[] = [];
    const data = (_: unknown, bytes: Buffer) => void came.push(bytes.toString());
    const server = await Bun.udpSocket({ hostname: "127.0.0.1", port: 0, socket: { data } });
    const sink = await sinkWith({ network: "udp", address: `127.0.0.1:${server.port}`, format: "rfc5424" });
    const batch: Batch = [events[0], anEvent({ message: "x".repeat(70_000) }), events[1]];
    const error = await refusalOf(sink.deliver(batch, soon()));
    expect(error.refused?.map(({ index, reason }) => [index, reason])).toEqual([[1, "too_large"]]);
    await until(() => came.length === 2, "the others came");
    expect(came[0]).toEndWith('{"m":"one"}');
    server.close();
  });

  test("TCP to a server that does not read: in time, and what follows begins with a whole message", async () => {
    const { state, listener, address } = collect({ firstReads: false });
    const sink = await sinkWith({ network: "tcp", address });
    const large = anEvent({ message: "x".repeat(20_000_000) });
    expect((await refusalOf(sink.deliver([large], soon(50)))).reason).toBe("timeout");
    await sink.deliver([events[0]], soon());
    await until(() => state.text.endsWith("\n"), "the line came");
    expect([state.connections, state.text]).toEqual([
      2,
      `<132>2026-11-20T21:45:18Z vm k8s.event[${pid}]: {"m":"one"}\n`,
    ]);
    listener.stop(true);
  });

  test("TCP after the server was started again", async () => {
    const first = collect();
    const sink = await sinkWith({ network: "tcp", address: first.address });
    await sink.deliver([events[0]], soon());
    await until(() => first.state.text !== "", "the first line came");
    first.listener.stop(true);
    expect(await refusalText(Promise.try(() => sink.deliver([events[0]], soon())))).toMatch(/^network: /);
  });
});
