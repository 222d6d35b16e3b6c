/** `petrel replay` */
import { parseDuration } from "../config/fields.ts";
import type { Config } from "../config/types.ts";
import { UsageError } from "../errors.ts";
import { friendlyFor } from "../friendly/load.ts";
import { createLogger } from "../logger.ts";
import { NotAnEvent, normalise } from "../normalise.ts";
import { COMPAT_FLAG, CONFIG_FLAG, OUTPUT_FLAG, parseFlags, positionals } from "./args.ts";
import type { Command, Io } from "./command.ts";
import { type DryRun, startDryRun } from "./dry-run.ts";
import { readConfig } from "./load.ts";
import { deliverAll, type ReplayCounts } from "./replay-deliver.ts";
import { type Input, openInput } from "./replay-input.ts";

export const command: Command = {
  name: "replay",
  summary: "Send events from a file, a journal or kubectl through a config.",
  usage: `usage: petrel replay [-c FILE] [FLAGS] FILE|FOLDER|-

Delivers events to the receivers that the config's route chooses, as petrel run would, and ends when
all of them have taken what is theirs. Nothing is asked of a cluster.

  kubectl get events -A -o json | petrel replay -c petrel.yaml --dry-run -

  -c, --config FILE      the config (config.yaml)
      --dry-run          send nothing; say how many each receiver would get, and each rule matched
      --timeout TIME     give up when nothing has been taken for so long (5m)
  -o, --output FORMAT    text, or json: one object
      --compat exporter  decide and render as kubernetes-event-exporter does
      --log-level LEVEL  warn; of what receivers say, on standard error

FILE: events as JSON, one per line or one after another (kubectl --watch -o json), lists, a file of
dead letters, or YAML (.yaml). FOLDER: a state folder; what its journal holds undelivered.
An id that comes twice is delivered once. Ages are not minded.

Exit code 1 when an event was left, refused or dropped, or something in FILE is none.
`,

  async run(args, io) {
    const { flags, rest } = parseFlags(args, {
      config: CONFIG_FLAG,
      "dry-run": {},
      timeout: { value: "TIME", default: "5m" },
      output: OUTPUT_FLAG,
      compat: COMPAT_FLAG,
      "log-level": { value: "LEVEL", choices: ["debug", "info", "warn", "error", "disabled"], default: "warn" },
    });
    const [argument] = positionals(rest, ["FILE"]);
    const timeoutMs = parseDuration(flags.timeout);
    if (timeoutMs === undefined)
      throw new UsageError(`--timeout: ${JSON.stringify(flags.timeout)} is no time; write it like 5m`);
    const config = readConfig(flags, io);
    const inputs = openInput(argument, io);
    const json = flags.output === "json";
    if (flags["dry-run"]) return await dryRun(inputs, config, json, io);
    const logger = createLogger({ level: flags["log-level"], format: "pretty", write: (line) => io.stderr(line) });
    const counts = await deliverAll(inputs, config, { logger, timeoutMs, stop: io.stop(), io });
    logger.flush("all");
    io.stdout(json ? `${JSON.stringify(counts)}\n` : countsText(counts));
    return counts.complete ? 0 : 1;
  },
};

async function dryRun(inputs: AsyncIterable<Input>, config: Config, json: boolean, io: Io): Promise<number> {
  const dry = startDryRun(config, (await friendlyFor(config))?.type);
  let events = 0;
  let problems = 0;
  for await (const one of inputs) {
    try {
      if ("problem" in one) throw new NotAnEvent(one.problem);
      dry.add(normalise(one.input, config));
      events += 1;
    } catch (error) {
      if (!(error instanceof NotAnEvent)) throw error;
      problems += 1;
      io.stderr(`petrel: ${"where" in one ? `${one.where}: ` : ""}${error.message}\n`);
    }
  }
  const { unmatched, receivers } = dry;
  const shown = { events, unmatched, problems, receivers: Object.fromEntries(receivers), rules: dry.rules() };
  io.stdout(json ? `${JSON.stringify(shown)}\n` : dryText(events, dry));
  return problems > 0 ? 1 : 0;
}

const plural = (count: number, what: string) => `${count} ${what}${count === 1 ? "" : "s"}`;

function dryText(events: number, dry: DryRun): string {
  const rows = [
    ...[...dry.receivers].map(([name, count]) => [name, String(count)]),
    ["(nobody)", String(dry.unmatched)],
  ];
  const rules = dry
    .rules()
    .map(({ line, part, receiver, matched }) => [
      `line ${line}: ${part}${receiver === undefined ? "" : ` → ${receiver}`}`,
      String(matched),
    ]);
  return `${plural(events, "event")}; nothing is sent\n\nreceivers\n${table(rows)}${rules.length > 0 ? `\nrules that matched\n${table(rules)}` : ""}`;
}

function countsText({ events, unmatched, problems, held, receivers, deadLetters, notShown }: ReplayCounts): string {
  const rows = receivers.map(({ name, delivered, held, dropped, refused, left, lastError }) => [
    name,
    `${delivered} delivered`,
    ...(held > 0 ? [`${held} held back`] : []),
    ...(refused > 0 ? [`${refused} refused`] : []),
    ...(dropped > 0 ? [`${dropped} dropped`] : []),
    ...(left > 0 ? [`${left} left${lastError === null ? "" : ` (${lastError})`}`] : []),
  ]);
  let text = `${plural(events, "event")}${held > 0 ? `, ${held} more held back` : ""}${problems > 0 ? `, ${problems} more could not be read` : ""}, ${unmatched} went nowhere\n${table(rows)}`;
  for (const { receiver, eventId, reason, message } of deadLetters) {
    text += `${receiver} refused ${eventId}: ${reason}: ${message}\n`;
  }
  return notShown > 0 ? `${text}… and ${notShown} more\n` : text;
}

function table(rows: readonly (readonly string[])[]): string {
  const width = Math.max(0, ...rows.map(([name = ""]) => name.length));
  return rows.map(([name = "", ...rest]) => `  ${name.padEnd(width)}  ${rest.join(", ")}\n`).join("");
}
