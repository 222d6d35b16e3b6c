/** UDP, one datagram per event. */
import { defineSink } from "../src/sink.ts";
import { parseAddress } from "../src/wire/address.ts";
import { udpOutput } from "../src/wire/udp.ts";

export default defineSink({
  name: "udp",
  title: "UDP",
  summary: "Sends each event as one datagram of JSON, ended by a newline.",
  config: (field) =>
    field.object({
      host: field.text().min(1).describe("Where to send, as `host:port`."),
      layout: field.layout().optional().describe("Fields to send instead of the whole event."),
      deDot: field.flag().default(false).describe("Replace dots in label and annotation keys by underscores."),
    }),
  example: { host: "collector.example.com:9999", layout: { reason: "{{ .Reason }}", message: "{{ .Message }}" } },
  batch: { count: 100 },
  carriesId: false,
  updates: "all",
  create({ host, layout, deDot }, context) {
    const payload = context.payload({ layout, deDot });
    const output = udpOutput(parseAddress(host, "udp.host"), context.sent);
    const doing = `the datagram to ${host}`;
    return {
      render: (batch) => ({ body: batch.map((event) => `${payload(event)}\n`).join("") }),
      deliver: (batch, signal) =>
        output.send(
          batch.map((event) => Buffer.from(`${payload(event)}\n`)),
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
