/** The registry: one line a sink, in alphabetical order. */
import type { SinkDefinition } from "../src/sink.ts";
import elasticsearch from "./elasticsearch.ts";
import eventbridge from "./eventbridge.ts";
import file from "./file.ts";
import firehose from "./firehose.ts";
import inMemory from "./in-memory.ts";
import kinesis from "./kinesis.ts";
import loki from "./loki.ts";
import opensearch from "./opensearch.ts";
import opscenter from "./opscenter.ts";
import pipe from "./pipe.ts";
import redis from "./redis.ts";
import s3 from "./s3.ts";
import slack from "./slack.ts";
import sns from "./sns.ts";
import sqs from "./sqs.ts";
import stdout from "./stdout.ts";
import syslog from "./syslog.ts";
import udp from "./udp.ts";
import webhook from "./webhook.ts";

export const sinks: readonly SinkDefinition[] = [
  elasticsearch,
  eventbridge,
  file,
  firehose,
  inMemory,
  kinesis,
  loki,
  opensearch,
  opscenter,
  pipe,
  redis,
  s3,
  slack,
  sns,
  sqs,
  stdout,
  syslog,
  udp,
  webhook,
];
