/** The registry: one line a sink, in alphabetical order. */
import type { SinkDefinition } from "../src/sink.ts";
import elasticsearch from "./elasticsearch.ts";
import file from "./file.ts";
import inMemory from "./in-memory.ts";
import loki from "./loki.ts";
import opensearch from "./opensearch.ts";
import pipe from "./pipe.ts";
import redis from "./redis.ts";
import slack from "./slack.ts";
import sqs from "./sqs.ts";
import stdout from "./stdout.ts";
import syslog from "./syslog.ts";
import udp from "./udp.ts";
import webhook from "./webhook.ts";

export const sinks: readonly SinkDefinition[] = [
  elasticsearch,
  file,
  inMemory,
  loki,
  opensearch,
  pipe,
  redis,
  slack,
  sqs,
  stdout,
  syslog,
  udp,
  webhook,
];
