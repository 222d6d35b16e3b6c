/** `petrel dlq` */
import { UsageError } from "../errors.ts";
import { normalise } from "../normalise.ts";
import type { Replayed } from "../pipeline/dead-letter-replay.ts";
import type { ShownLetter } from "../pipeline/dead-letters.ts";
import { COMPAT_FLAG, CONFIG_FLAG, OUTPUT_FLAG, parseFlags } from "./args.ts";
import type { Command, Io } from "./command.ts";
import type { Letters } from "./dlq-letters.ts";
import { eventTitle } from "./explain.ts";

const ACTIONS = ["list", "show", "replay", "drop"] as const;
type Action = (typeof ACTIONS)[number];

export const command: Command = {
  name: "dlq",
  summary: "List, show, send again or drop events that receivers refused for good.",
  usage: `usage: petrel dlq list [FLAGS]
       petrel dlq show [FLAGS] ID...
       petrel dlq replay|drop [FLAGS] ID... | --receiver NAME | --all

Dead letters are numbered. replay sends them to their receivers again, and those that are taken are
kept no longer; drop keeps them no longer without that.

  --admin URL            of a running petrel (http://127.0.0.1:2113); sends PETREL_ADMIN_TOKEN along
  --state FOLDER         the state folder of one that does not run (list, show: or of a running one)
  -c, --config FILE      with --state: how replay reaches the receivers (config.yaml)
  --receiver NAME        only this receiver's
  --all                  all there are
  --limit COUNT          list: at most so many, the oldest first (100)
  -o, --output FORMAT    text, or json: one object per letter and line, with its "event", which
                         petrel route, render and replay take

Exit code 1 when one is not there, or is not taken.
`,

  async run(args, io) {
    const { flags, rest } = parseFlags(args, {
      admin: { value: "URL" },
      state: { value: "FOLDER" },
      config: CONFIG_FLAG,
      compat: COMPAT_FLAG,
      receiver: { value: "NAME" },
      all: {},
      limit: { value: "COUNT", default: "100" },
      output: OUTPUT_FLAG,
    });
    const [action, ...named] = rest;
    if (!isAction(action)) throw new UsageError(`say what to do: ${ACTIONS.join(", ")}`);
    if (flags.admin !== undefined && flags.state !== undefined)
      throw new UsageError("give --admin or --state, not both");
    const ids = named.map(idOf);
    const limit = /^\d{1,6}$/.test(flags.limit) ? Number(flags.limit) : 0;
    if (limit < 1) throw new UsageError(`--limit: ${JSON.stringify(flags.limit)} is no count`);
    const many = flags.all || flags.receiver !== undefined;
    if (action === "list" && ids.length > 0) throw new UsageError("list takes no IDs; show does");
    if (action === "show" && ids.length === 0) throw new UsageError("ID missing");
    if ((action === "replay" || action === "drop") && many === ids.length > 0) {
      throw new UsageError("name letters by their IDs, or with --receiver NAME, or with --all");
    }
    const letters = await open(action, flags, io);
    try {
      const job: Job = { letters, json: flags.output === "json", io };
      if (action === "list") return await list(job, flags.receiver, limit);
      if (action === "show") return await show(job, ids);
      const chosen = many ? idsOf(letters, flags.receiver) : chunked(ids);
      return action === "replay" ? await replay(job, chosen) : await drop(job, chosen);
    } finally {
      await letters.close();
    }
  },
};

interface Job {
  readonly letters: Letters;
  readonly json: boolean;
  readonly io: Io;
}

/** Letters of one request. */
const PAGE = 500;

function isAction(text: string | undefined): text is Action {
  return ACTIONS.some((action) => action === text);
}

function idOf(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new UsageError(`${JSON.stringify(text)} is no ID of a dead letter`);
  return Number(text);
}

async function open(
  action: Action,
  flags: {
    readonly admin: string | undefined;
    readonly state: string | undefined;
    readonly config: string;
    readonly compat: "exporter" | "none" | undefined;
  },
  io: Io,
): Promise<Letters> {
  if (flags.state === undefined) {
    const { askAdmin } = await import("./dlq-admin.ts");
    return askAdmin(flags.admin ?? "http://127.0.0.1:2113", io.env.PETREL_ADMIN_TOKEN);
  }
  const [{ openState }, { readConfig }] = await Promise.all([import("./dlq-state.ts"), import("./load.ts")]);
  const write = action === "replay" || action === "drop";
  return openState(flags.state, { write, config: () => readConfig(flags, io), io });
}

async function list({ letters, json, io }: Job, receiver: string | undefined, limit: number): Promise<number> {
  let shown = 0;
  let count = 0;
  for (let after: number | null = 0; after !== null && shown < limit; ) {
    const page = await letters.list({ receiver, after, limit: Math.min(PAGE, limit - shown) });
    for (const letter of page.letters) io.stdout(json ? `${JSON.stringify(letter)}\n` : letterText(letter));
    shown += page.letters.length;
    count = page.count;
    after = page.next;
  }
  if (!json) {
    const whose = receiver === undefined ? "" : ` of ${receiver}`;
    io.stdout(`${shown} shown${whose}, ${count} dead letter${count === 1 ? "" : "s"} in all\n`);
  }
  return 0;
}

async function show({ letters, json, io }: Job, ids: readonly number[]): Promise<number> {
  let code = 0;
  for (const id of ids) {
    const letter = await letters.get(id);
    if (letter === undefined) {
      io.stderr(`petrel: there is no dead letter ${id}\n`);
      code = 1;
    } else
      io.stdout(
        json ? `${JSON.stringify(letter)}\n` : `${letterText(letter)}${JSON.stringify(letter.event, null, 2)}\n`,
      );
  }
  return code;
}

async function replay({ letters, json, io }: Job, chosen: AsyncIterable<readonly number[]>): Promise<number> {
  const total = { delivered: 0, refused: 0, waiting: 0, missing: 0 };
  for await (const ids of chosen) {
    const { results, ...counts } = await letters.replay(ids);
    for (const key of ["delivered", "refused", "waiting", "missing"] as const) total[key] += counts[key];
    for (const result of results) {
      if (json) io.stdout(`${JSON.stringify(result)}\n`);
      else if (result.outcome !== "delivered") io.stderr(`petrel: ${outcomeText(result)}\n`);
    }
  }
  const { delivered, refused, waiting, missing } = total;
  if (!json) {
    io.stdout(
      `${delivered} delivered${refused > 0 ? `, ${refused} refused` : ""}${waiting > 0 ? `, ${waiting} not answered in time` : ""}\n`,
    );
  }
  return refused + waiting + missing > 0 ? 1 : 0;
}

function outcomeText({ id, outcome, reason, message }: Replayed): string {
  switch (outcome) {
    case "gone":
      return `there is no dead letter ${id}`;
    case "no-receiver":
      return `dead letter ${id} is of a receiver that the config does not have`;
    case "refused":
      return `dead letter ${id} was refused again: ${reason}: ${message}`;
    default:
      return `dead letter ${id} had no answer in time, and is kept until there is one`;
  }
}

async function drop({ letters, json, io }: Job, chosen: AsyncIterable<readonly number[]>): Promise<number> {
  let dropped = 0;
  let missing = 0;
  for await (const ids of chosen) {
    for (const id of ids) {
      if (await letters.drop(id)) dropped += 1;
      else {
        missing += 1;
        io.stderr(`petrel: there is no dead letter ${id}\n`);
      }
    }
  }
  io.stdout(json ? `${JSON.stringify({ dropped, missing })}\n` : `${dropped} dropped\n`);
  return missing > 0 ? 1 : 0;
}

/** All of a receiver, or all there are, a page at a time; each at most once. */
async function* idsOf(letters: Letters, receiver: string | undefined): AsyncGenerator<readonly number[]> {
  for (let after: number | null = 0; after !== null; ) {
    const page = await letters.list({ receiver, after, limit: PAGE });
    yield page.letters.map(({ id }) => id);
    after = page.next;
  }
}

async function* chunked(ids: readonly number[]): AsyncGenerator<readonly number[]> {
  for (let at = 0; at < ids.length; at += PAGE) yield ids.slice(at, at + PAGE);
}

function letterText(letter: ShownLetter): string {
  const { id, receiver, at, reason, message, attempts } = letter;
  const tried = attempts === 1 ? "1 attempt" : `${attempts} attempts`;
  return `${id}  ${receiver}  ${at.slice(0, 19)}Z  ${reason}, ${tried}: ${message.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, " ")}\n   ${titleOf(letter)}\n`;
}

function titleOf({ event, eventId }: ShownLetter): string {
  try {
    return eventTitle(normalise(event));
  } catch {
    return eventId;
  }
}
