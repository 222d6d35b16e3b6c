import { type Fixture, lineOf, serverTls, until } from "../contract.ts";
import { openRelay } from "../relay.ts";
import { answersNothing } from "./about.ts";
import { GOLDEN_LINE, splitLines } from "./lines.ts";

export default {
  async open(tls) {
    let text = "";
    const listener = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      ...(tls && { tls: serverTls(tls) }),
      socket: {
        data(_, bytes) {
          text += bytes.toString("latin1");
        },
      },
    });
    const relay = await openRelay(listener.port);
    return {
      config: { network: "tcp", address: `127.0.0.1:${relay.port}`, hostname: "vm", tag: "k8s.event" },
      behave: (how) => relay.behave(lineOf(how)),
      async received(count) {
        const lines = () => splitLines(Buffer.from(text, "latin1").toString());
        await until(() => lines().length >= count && (text === "" || text.endsWith("\n")), `${count} lines came`);
        return lines();
      },
      sent: relay.sent,
      async [Symbol.asyncDispose]() {
        await relay.close();
        listener.stop(true);
      },
    };
  },
  tls: (settings) => ({ network: "tls", tls: settings }),
  golden: `<132>2026-11-20T21:45:18Z vm k8s.event[${process.pid}]: ${GOLDEN_LINE}`,
  json: (text) => text.slice(text.indexOf("{")),
  about: {
    auth: "A client certificate in `tls`.",
    permissions: "None.",
    limits:
      "8 KiB a message with rsyslog unless it says otherwise ([maxMessageSize](https://www.rsyslog.com/doc/rainerscript/global.html))",
    order: "all by TCP and TLS, none by UDP",
    id: "RFC 5424: structured data `id`",
    retries: "connections that break; UDP and TCP answer nothing",
    tested: [
      { component: "rsyslog", server: "rsyslog", version: "8.2302.0" },
      { component: "syslog-ng", server: "syslog-ng", version: "3.38.1" },
    ],
  },
  gone: "network",
  skip: {
    ...answersNothing("a syslog server answers nothing"),
    "an event too large": "a syslog server cuts what it finds too large, and says nothing",
    "idempotent id": "RFC 3164 has no place for it; syslog.test.ts has RFC 5424's",
    hang: "what the system has taken counts as sent; syslog.test.ts has a server that does not read",
    "aborted during": "see hang",
    statuses: "no HTTP",
    "no secret shown": "no secrets",
  },
} satisfies Fixture;
