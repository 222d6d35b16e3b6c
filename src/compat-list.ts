/**
 * Where Petrel differs from kubernetes-event-exporter unless a config says `compat: exporter`: the whole list. The docs
 * print it, and a test holds both sides of each line.
 */
export interface Difference {
  readonly id: string;
  readonly about: string;
  /** With `compat: exporter`. */
  readonly exporter: string;
  /** Without. */
  readonly petrel: string;
}

export const DIFFERENCES: readonly Difference[] = [
  {
    id: "environment",
    about: "environment variables",
    exporter: "put into the file's text before YAML is read: a value may become structure, and `$` cannot be written",
    petrel: "put into values after YAML was read; `$$` is a dollar sign, a template's `$name` is its own",
  },
  {
    id: "scalars",
    about: "numbers and booleans where text is wanted, and the reverse",
    exporter: 'as its YAML library has it: `0123` is "83", `"10"` is no number, `yes` is no boolean',
    petrel: 'as written: `0123` is "0123"; `"10"` and `yes` count, with a warning',
  },
  {
    id: "keys",
    about: "keys in another spelling",
    exporter: "unknown, so ignored: `apiversion`, `trottlePeriod`, `maxSize`",
    petrel: "taken for the key that is meant, with a warning; what is unknown is an error for `petrel check`",
  },
  {
    id: "own-keys",
    about:
      "the rule keys `name`, `not`, `maxCount`, `reportingComponent`, `reportingInstance`, `eventType`, and `{ eta: … }`",
    exporter: "unknown, so ignored; a map like any other",
    petrel: "conditions; a template in eta",
  },
  {
    id: "patterns",
    about: "a pattern that is not RE2",
    exporter: "never matches; a warning",
    petrel: "never matches; an error for `petrel check`, with a proposal",
  },
  {
    id: "fall-backs",
    about: "`component`, `host` and `minCount` of new-style events",
    exporter: "`source` and `count` alone, which such events do not have",
    petrel: "the reporting fields stand in for `source`, the series for `count`",
  },
  {
    id: "twice",
    about: "a receiver that two rules send to",
    exporter: "gets the event twice",
    petrel: "gets it once",
  },
  {
    id: "modified",
    about: "an event that occurs again",
    exporter: "ignored",
    petrel: "delivered, as the receiver's `updates` says",
  },
  {
    id: "age",
    about: "`maxEventAgeSeconds`",
    exporter: "of every event, by `lastTimestamp`, else `eventTime`",
    petrel: "of those that exist at the first start, by their newest time",
  },
  {
    id: "layout-scalars",
    about: "numbers, booleans in a layout",
    exporter: "null",
    petrel: "kept",
  },
  {
    id: "layout-empty",
    about: "`layout: {}`",
    exporter: "sends `{}` for every event",
    petrel: "counts as none",
  },
  {
    id: "label-maps",
    about: "sprig's dict functions on labels and annotations",
    exporter: "fail",
    petrel: "work",
  },
  {
    id: "times",
    about: "sprig's date functions on the API's times",
    exporter: "take them for now, or fail",
    petrel: "work",
  },
  {
    id: "headers",
    about: "HTTP headers of a webhook",
    exporter: "a Content-Type is added to its own; a template that fails is sent as its text",
    petrel: "a Content-Type replaces its own; a template that fails is the event's failure",
  },
  {
    id: "syslog",
    about: "syslog's priority and time",
    exporter: "`<128>`, an emergency, always; the time of sending",
    petrel: "by the event's type; the event's time",
  },
  {
    id: "loki",
    about: "Loki's times and labels",
    exporter:
      "the time of sending in whole seconds; no labels unless they are set, which Loki refuses; never templates",
    petrel: "the event's time; a label by default; templates",
  },
  {
    id: "index",
    about: "Elasticsearch's and OpenSearch's `indexFormat`",
    exporter: "by the time of sending",
    petrel: "by the event's time",
  },
  {
    id: "requests",
    about: "Elasticsearch, OpenSearch, Loki",
    exporter: "one request for each event",
    petrel: "many events in one request",
  },
  {
    id: "slack",
    about: "Slack's messages",
    exporter:
      "`&`, `<` and `>` of the whole message are escaped, so that no link works; a title needs `fields` to show",
    petrel: "what the event says is escaped, what the config says is not; a title shows by itself",
  },
  {
    id: "ids",
    about: "the event's id with SNS, SQS and OpsCenter",
    exporter: "not sent",
    petrel: "sent, so that a repeat can be dropped",
  },
];
