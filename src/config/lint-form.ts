/** What a receiver is to be sent, and its sink cannot send. */
import { formOf, isAsStored } from "../form.ts";
import type { SinkDefinition } from "../sink.ts";
import { type Decoder, type Path, pathKey } from "./decoder.ts";
import type { ReceiverConfig } from "./types.ts";

/** Sinks that pass on whatever text an event is. */
const LINES: ReadonlySet<string> = new Set(["file", "kafka", "pipe", "s3", "stdout", "udp", "webhook"]);

export function lintForm(receiver: ReceiverConfig, sink: SinkDefinition, path: Path, decoder: Decoder): void {
  const { format, mode, friendly } = receiver;
  const add = (key: "format" | "mode" | "friendly", code: string, message: string, hint: string) =>
    decoder.findings.add({
      severity: "error",
      code,
      at: decoder.nodes.get(pathKey([...path, key]))?.start ?? 0,
      message: `receiver \`${receiver.name}\`: ${message}`,
      hint,
    });
  const form = formOf(receiver, sink);
  if (format !== undefined && (sink.wholeEvent === false || format !== form.format)) {
    const what = sink.wholeEvent === false ? "words, whatever the `format`" : "CloudEvents, and nothing else";
    add("format", "format-unused", `${sink.title} is sent ${what}`, "remove `format`");
    return;
  }
  const { layout } = receiver.config;
  if ((form.format === "rfc5424" || form.format === "glog") && !LINES.has(sink.name)) {
    const what = form.format === "glog" ? "a line of glog's" : "a frame of syslog";
    add("format", "not-json", `${sink.title} wants JSON, and ${what} is none`, "write `format: eventrouter`");
  }
  if (isAsStored(form.format) && typeof layout === "object" && layout !== null && Object.keys(layout).length > 0)
    add(
      "format",
      "layout-unused",
      `with \`format: ${form.format}\` the whole event is sent, so that \`layout\` is not used`,
      "remove it",
    );
  if (form.format !== "cloudevents") {
    const hint = "add `format: cloudevents`";
    if (mode !== undefined) add("mode", "not-cloudevents", "`mode` says how CloudEvents go out, and none do", hint);
    if (friendly !== undefined)
      add("friendly", "not-cloudevents", "`friendly` says what CloudEvents are made of, and none are made", hint);
    return;
  }
  const { modes = [] } = sink;
  if (mode !== undefined && !modes.includes(mode)) {
    const there = modes.length === 0 ? "it is sent the JSON text of each" : `there are: ${modes.join(", ")}`;
    add("mode", "unknown-mode", `${sink.title} cannot be sent CloudEvents in \`mode: ${mode}\``, there);
  }
  if (friendly === "withRaw" && modes.length === 0) {
    const message = `${sink.title} is sent one text for an event, so that \`withRaw\` can give it the friendly form only`;
    add("friendly", "one-text", message, "write `friendly: only`, and give the raw events a receiver of their own");
  }
}
