/** What is wrong with a receiver's settings although each of them is right. */
import type { Decoder } from "./decoder.ts";
import type { ReadReceiver } from "./receivers.ts";

export function lintSink(receiver: ReadReceiver, decoder: Decoder): void {
  lintLokiPush(receiver, decoder);
  if (receiver.config?.sink === "loki") lintLoki(receiver, decoder);
  if (receiver.config?.sink === "slack") lintSlack(receiver, decoder);
}

const isEmpty = (value: unknown) => typeof value !== "object" || value === null || Object.keys(value).length === 0;

function lintLoki({ name, config, at }: ReadReceiver, { findings, compat }: Decoder): void {
  const { streamLabels, layout } = config?.config ?? {};
  if (isEmpty(streamLabels)) {
    findings.add({
      severity: "warning",
      code: "loki-stream-labels",
      at,
      message: compat
        ? `receiver \`${name}\` has no \`streamLabels\`, without which Loki refuses every event`
        : `receiver \`${name}\` has no \`streamLabels\`: all its events go into the stream {source="petrel"}`,
      hint: "add labels with few values each, such as the namespace",
    });
  }
  if (typeof layout === "object" && layout !== null && "streams" in layout) {
    findings.add({
      severity: "warning",
      code: "loki-layout",
      at,
      message: `the layout of receiver \`${name}\` is the body of a push, and would become the text of each line`,
      hint: "put the labels into `streamLabels`, and into the layout only what a line is to hold",
    });
  }
}

function lintSlack({ name, config, at }: ReadReceiver, { findings }: Decoder): void {
  const { token, channel, url } = config?.config ?? {};
  if (url || (token && channel)) return;
  findings.add({
    severity: "warning",
    code: "slack-no-address",
    at,
    message: `receiver \`${name}\` posts nowhere: \`${token ? "channel" : "token"}\` is missing`,
    hint: "give it `token` and `channel`, or the `url` of an incoming webhook",
  });
}

/** https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs */
function lintLokiPush({ config, at }: ReadReceiver, { findings }: Decoder): void {
  if (config?.sink !== "webhook" || !/\/loki\/api\/v1\/push\/?$/.test(String(config.config.endpoint))) return;
  const { layout } = config.config;
  const streams = typeof layout === "object" && layout !== null && "streams" in layout ? layout.streams : undefined;
  const proper =
    Array.isArray(streams) &&
    streams.every((one) => Array.isArray(one?.values) && one.values.every((value: unknown) => Array.isArray(value)));
  if (proper) return;
  findings.add({
    severity: "warning",
    code: "loki-push",
    at,
    message:
      "this endpoint is Loki's, which refuses a body that is not `streams: [{ stream: {…}, values: [[TIME, LINE]] }]`",
    hint: "give the webhook a `layout` of this shape, each value in a list of its own",
  });
}
