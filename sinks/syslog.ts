/** Syslog: RFC 3164 as the predecessor wrote it, or RFC 5424. */
import { hostname } from "node:os";
import type { Event } from "../src/event.ts";
import { type Batch, defineSink } from "../src/sink.ts";
import { parseAddress } from "../src/wire/address.ts";
import { streamOutput } from "../src/wire/stream.ts";
import { tlsReader } from "../src/wire/tls.ts";
import { type DatagramOutput, udpOutput } from "../src/wire/udp.ts";

const FACILITIES =
  "kern user mail daemon auth syslog lpr news uucp cron authpriv ftp ntp audit alert clock local0 local1 local2 local3 local4 local5 local6 local7".split(
    " ",
  );
const SEVERITIES = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"] as const;
const LOCAL_FACILITIES = ["local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"] as const;
const OTHER_FACILITIES = ["kern", "user", "daemon", "syslog", "auth", "authpriv", "cron"] as const;
/** What the predecessor sent with every event: local0 and severity 0, which is an emergency. */
const PREDECESSORS_PRIORITY = 128;
const PORTS = { plain: 514, tls: 6514 } as const;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

export default defineSink({
  name: "syslog",
  title: "Syslog",
  summary: "Sends each event to a syslog server or to the local one, with a severity that follows the event's type.",
  config: (field) =>
    field.object({
      network: field
        .choice(["", "udp", "udp4", "udp6", "tcp", "tcp4", "tcp6", "tls", "unix", "unixgram"])
        .default("")
        .describe("How to reach the server; empty: the local one at /dev/log."),
      address: field.text().default("").describe("`host:port`, or the path of a unix socket."),
      tag: field.text().default("petrel").describe("Name of the program in the message (RFC 5424: APP-NAME)."),
      appname: field.text().optional().describe("The same as `tag`, by its newer name."),
      hostname: field.text().optional().describe("Name of the sending host in the message; by default the machine's."),
      format: field.choice(["rfc3164", "rfc5424"]).default("rfc3164").describe("Form of the message."),
      framing: field
        .choice(["octet", "newline"])
        .optional()
        .describe("How messages on TCP and TLS are told apart: newline for rfc3164 and octet counting for rfc5424."),
      facility: field
        .choice([...LOCAL_FACILITIES, ...OTHER_FACILITIES])
        .default("local0")
        .describe("Facility."),
      severity: field
        .choice(SEVERITIES)
        .optional()
        .describe("Severity of every message; by default `warning` for Warning events and `info` for others."),
      layout: field.layout().optional().describe("Fields to send instead of the whole event."),
      tls: field.tls().optional().describe("TLS settings, for the network `tls`."),
    }),
  example: { network: "tls", address: "syslog.example.com:6514", format: "rfc5424", tag: "k8s.event" },
  batch: { count: 100 },
  carriesId: true,
  updates: "all",
  async create(config, context) {
    const { network, severity } = config;
    const payload = context.payload({ layout: config.layout });
    const local = network === "" || network.startsWith("unix");
    const facility = FACILITIES.indexOf(config.facility) * 8;
    const priority = (event: Event) =>
      context.compat ? PREDECESSORS_PRIORITY : facility + (severity ? SEVERITIES.indexOf(severity) : severityOf(event));
    const host = printable(config.hostname ?? hostname(), 255);
    const app = printable(config.appname ?? config.tag, 48);
    const message = (event: Event): string => {
      const time = context.compat ? new Date() : timeOf(event);
      const start = `<${priority(event)}>`;
      if (config.format === "rfc5424") {
        const id = event.id.replace(/["\\\]]/g, "\\$&");
        const head = `${start}1 ${time.toISOString()} ${host} ${app} ${process.pid} ${printable(event.reason, 32)}`;
        return `${head} [petrel@32473 id="${id}"] ${payload(event)}`;
      }
      const program = `${app}[${process.pid}]: ${payload(event)}`;
      return local
        ? `${start}${stamp(time)} ${program}`
        : `${start}${time.toISOString().slice(0, 19)}Z ${host} ${program}`;
    };

    const address = config.address || "/dev/log";
    const doing = `the syslog message to ${address}`;
    const stream = isStream(network);
    const octets = (config.framing ?? (config.format === "rfc5424" ? "octet" : "newline")) === "octet";
    const framed = (event: Event) => {
      const text = message(event);
      if (stream && octets) return `${Buffer.byteLength(text)} ${text}`;
      return stream || config.format === "rfc3164" ? `${text}\n` : text;
    };
    const render = (batch: Batch) => ({ body: batch.map(framed).join("") });

    if (stream) {
      const tls = network === "tls" ? tlsReader(config.tls ?? { insecureSkipVerify: false }) : undefined;
      if (config.tls?.insecureSkipVerify)
        context.log.warn("certificates are not verified: tls.insecureSkipVerify is set");
      const port = tls ? PORTS.tls : PORTS.plain;
      const to = network === "unix" ? { unix: address } : parseAddress(address, "syslog.address", port);
      const output = streamOutput({ to, tls, sent: context.sent });
      return {
        render,
        deliver: (batch, signal) => output.write(Buffer.from(render(batch).body), signal, doing),
        check: (signal) => output.open(signal, doing),
        async [Symbol.asyncDispose]() {
          output.close();
        },
      };
    }
    let output: DatagramOutput;
    if (local) {
      const { unixDatagramOutput } = await import("../src/wire/unix-datagram.ts");
      output = unixDatagramOutput(address, context.sent);
    } else output = udpOutput(parseAddress(address, "syslog.address", PORTS.plain), context.sent);
    return {
      render,
      deliver: (batch, signal) =>
        output.send(
          batch.map((event) => Buffer.from(framed(event))),
          signal,
          doing,
        ),
      check: (signal) => output.open(signal, doing),
      async [Symbol.asyncDispose]() {
        output.close();
      },
    };
  },
});

function isStream(network: string): boolean {
  return network.startsWith("tcp") || network === "tls" || network === "unix";
}

function severityOf(event: Event): number {
  return SEVERITIES.indexOf(event.type === "Normal" ? "info" : "warning");
}

function timeOf(event: Event): Date {
  const text = event.series?.lastObservedTime ?? event.lastTimestamp ?? event.eventTime ?? event.firstTimestamp;
  const time = new Date(text ?? event.metadata.creationTimestamp ?? Number.NaN);
  return Number.isNaN(time.getTime()) ? new Date() : time;
}

/** `Nov  1 09:05:00`: the classic time, without year and zone; UTC here. */
function stamp(time: Date): string {
  const day = String(time.getUTCDate()).padStart(2);
  return `${MONTHS[time.getUTCMonth()]} ${day} ${time.toISOString().slice(11, 19)}`;
}

/** A header field: printable ASCII without spaces, `-` if nothing is left. @see RFC 5424, section 6 */
function printable(text: string, max: number): string {
  return text.replace(/[^\x21-\x7e]/g, "").slice(0, max) || "-";
}
