/** What a real Kafka has, read by its own console consumer. */
import type { Running } from "../testbed/component.ts";
import { command } from "../testbed/place.ts";

export interface Read {
  readonly id: string;
  readonly key: string;
  readonly value: string;
}

/** How long the consumer waits for another message. On a busy machine it may take longer until it gets its first. */
const WAITS_MS = [3_000, 20_000];

/** Everything in the topics whose names begin so, by the message's header `topic`, empty without one. */
export async function consumed(kafka: Running, start: string): Promise<Map<string, Read[]>> {
  for (const waitMs of WAITS_MS) {
    const topics = await consume(kafka, start, waitMs);
    if (topics.size > 0) return topics;
  }
  return new Map();
}

async function consume(kafka: Running, start: string, waitMs: number): Promise<Map<string, Read[]>> {
  const text = await command(
    [
      ...["nice", "-n", "10", "java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"],
      ...["-cp", String(kafka.env.CLASSES), "-Dorg.slf4j.simpleLogger.defaultLogLevel=off"],
      ...["org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", `127.0.0.1:${kafka.ports.plain}`],
      ...["--include", `${start}.*`, "--from-beginning", "--timeout-ms", String(waitMs)],
      ...["print.key", "print.headers", "print.partition", "print.offset"].flatMap((name) => [
        "--formatter-property",
        `${name}=true`,
      ]),
    ],
    { deadlineMs: 60_000 },
  );
  const topics = new Map<string, Read[]>();
  for (const line of text.split("\n")) {
    const [, id, topic, key, value] =
      /^Partition:\d+\tOffset:\d+\t(?:id:([^,\t]*)(?:,topic:([^\t]*))?|NO_HEADERS)\t([^\t]*)\t(.*)$/.exec(line) ?? [];
    if (key === undefined || value === undefined) continue;
    const list = topics.get(topic ?? "") ?? [];
    list.push({ id: id ?? "", key, value });
    topics.set(topic ?? "", list);
  }
  return topics;
}
