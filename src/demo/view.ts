/** The live view: a pure function from the state of the demo to one screen of text. */
import type { Entry } from "./ledger.ts";

export interface StoryState {
  readonly title: string;
  readonly told: number;
  readonly total: number;
}

export interface ReceiverState {
  readonly name: string;
  readonly delivered: number;
  /** Events in deliveries that failed. */
  readonly failed: number;
  readonly retried: number;
  readonly dropped: number;
  readonly waiting: number;
  /** Milliseconds; NaN when unknown. */
  readonly p50: number;
  readonly p99: number;
  /** Short; undefined while all is well. */
  readonly trouble: string | undefined;
}

export interface DemoState {
  readonly day: number;
  readonly speed: number;
  /** Milliseconds, of the same clock as the entries. */
  readonly startedAt: number;
  readonly written: number;
  readonly stories: readonly StoryState[];
  readonly receivers: readonly ReceiverState[];
  /** Oldest first. */
  readonly recent: readonly Entry[];
  /** False: where an event came to is not known, only where it is routed to. */
  readonly arrivals: boolean;
  /** Of one core, in percent. */
  readonly cpu: number;
  readonly memoryBytes: number;
  /** The last line that Petrel logged. */
  readonly logged: string;
  /** The demo is over and waits for what is on its way. */
  readonly ending: boolean;
  readonly color: boolean;
  readonly unicode: boolean;
}

type Style = "plain" | "dim" | "bold" | "title" | "good" | "warning" | "bad";
type Span = readonly [text: string, style?: Style];
type Line = readonly Span[];

/** Select Graphic Rendition, of the 16 colours that every terminal's own theme makes readable. */
const SGR: Readonly<Record<Style, string>> = {
  plain: "",
  dim: "\x1b[2m",
  bold: "\x1b[1m",
  title: "\x1b[1;36m",
  good: "\x1b[32m",
  warning: "\x1b[33m",
  bad: "\x1b[31m",
};
const RESET = "\x1b[0m";

interface Glyphs {
  readonly rule: string;
  readonly full: string;
  readonly empty: string;
  readonly there: string;
  readonly coming: string;
  readonly none: string;
  readonly done: string;
  readonly open: string;
  readonly times: string;
  readonly more: string;
}

const UNICODE: Glyphs = {
  rule: "─",
  full: "━",
  empty: "╌",
  there: "●",
  coming: "○",
  none: "·",
  done: "✓",
  open: "›",
  times: "×",
  more: "…",
};
const ASCII: Glyphs = {
  rule: "-",
  full: "=",
  empty: ".",
  there: "*",
  coming: "o",
  none: ".",
  done: "v",
  open: ">",
  times: "x",
  more: "~",
};

const BAR = 10;
/** Up to here messages get no column of their own. */
const NARROW = 100;

/** Exactly `height` lines of at most `width` columns, joined by newlines. `now` in the clock of the entries. */
export function draw(state: DemoState, width: number, height: number, now: number): string {
  const glyphs = state.unicode ? UNICODE : ASCII;
  const blank: Line = [];
  const rule: Line = [[glyphs.rule.repeat(width), "dim"]];
  const roomy = height >= 30;
  const head: Line[] = [header(state, width, now), rule, ...stories(state, width, glyphs)];
  const table: Line[] = [...(roomy ? [blank] : []), rule, ...receivers(state, width)];
  const foot: Line[] = [rule, costs(state, width), whose(width)];
  const room = height - head.length - table.length - foot.length - (roomy ? 3 : 2);
  const list = events(state, width, Math.max(0, room), glyphs, now);
  const body = [...head, ...table, ...(roomy ? [blank] : []), rule, ...list];
  while (body.length < height - foot.length) body.push(blank);
  return [...body.slice(0, Math.max(0, height - foot.length)), ...foot]
    .slice(0, height)
    .map((line) => paint(line, width, state.color, glyphs.more))
    .join("\n");
}

function header(state: DemoState, width: number, now: number): Line {
  const left: Line = [
    [" petrel demo", "title"],
    ["   a simulated cluster, watched by the real pipeline", "plain"],
  ];
  const what = state.ending ? "waiting for the last" : `day ${state.day}, ${clock(now - state.startedAt)}`;
  const speed = state.speed === 1 ? "" : ` at ${state.speed}x`;
  return spread(left, [[`${what}${speed} `, "dim"]], width);
}

/** Two beside each other, as pairs read down. */
function stories(state: DemoState, width: number, glyphs: Glyphs): Line[] {
  const cell = Math.floor(width / 2);
  const rows = Math.ceil(state.stories.length / 2);
  const tell = (story: StoryState | undefined): Line => {
    if (!story) return [];
    const filled = Math.round((story.told / Math.max(1, story.total)) * BAR);
    const done = story.told >= story.total;
    const waiting = story.told === 0;
    const title = clip(story.title, cell - BAR - 6, glyphs.more).padEnd(Math.max(0, cell - BAR - 6));
    return [
      [` ${done ? glyphs.done : waiting ? " " : glyphs.open} `, done ? "good" : "title"],
      [title, done || waiting ? "dim" : "plain"],
      [" "],
      [glyphs.full.repeat(filled), done ? "good" : "title"],
      [glyphs.empty.repeat(BAR - filled), "dim"],
      ["  "],
    ];
  };
  return Array.from({ length: rows }, (_, row) => [...tell(state.stories[row]), ...tell(state.stories[row + rows])]);
}

function receivers(state: DemoState, width: number): Line[] {
  const name = Math.min(24, Math.max(10, ...state.receivers.map((one) => one.name.length)) + 2);
  const titles = ["delivered", "failed", "retried", "waiting", "p50 ms", "p99 ms"];
  const cells = (texts: readonly string[]) => texts.map((text) => text.padStart(10)).join("");
  const lines: Line[] = [[[` ${"receiver".padEnd(name)}${cells(titles)}`, "dim"]]];
  for (const one of state.receivers) {
    const numbers = cells([
      String(one.delivered),
      String(one.failed),
      String(one.retried),
      String(one.waiting),
      milliseconds(one.p50),
      milliseconds(one.p99),
    ]);
    const trouble: Line = one.trouble === undefined || width < NARROW ? [] : [[`   ${one.trouble}`, "bad"]];
    const style: Style = one.trouble === undefined ? "plain" : "bad";
    lines.push([[" "], [one.name.padEnd(name), style === "bad" ? "bad" : "bold"], [numbers, style], ...trouble]);
  }
  return lines;
}

function events(state: DemoState, width: number, room: number, glyphs: Glyphs, now: number): Line[] {
  const names = state.receivers.map((one) => one.name);
  const marks = names.map((name) => clip(name, 9, glyphs.more));
  const columns = marks.reduce((sum, name) => sum + name.length + 1, 0);
  const left = Math.max(20, width - columns - 1);
  const narrow = width < NARROW;
  const reasonWidth = narrow ? 20 : 22;
  const objectWidth = narrow ? Math.max(0, left - reasonWidth - 8) : 30;
  const titles = ` ${"ago".padStart(5)} ${"reason".padEnd(reasonWidth)} ${"object".padEnd(objectWidth)} message`;
  const shown = state.recent.slice(-room).reverse();
  const lines: Line[] = [
    [
      [(narrow ? titles.slice(0, -8) : titles).slice(0, left).padEnd(left), "dim"],
      [marks.map((name) => ` ${name}`).join(""), "dim"],
    ],
  ];
  for (const entry of shown) {
    const nobody = !entry.routed.includes(true);
    const loud: Style = nobody ? "dim" : entry.type === "Warning" ? "warning" : "plain";
    const object = narrow ? entry.object.replace(/^Pod\//, "") : entry.object;
    const count = entry.count > 1 ? ` ${glyphs.times}${entry.count}` : "";
    const reason = clip(entry.reason, reasonWidth - count.length, glyphs.more) + count;
    const text: Span[] = [
      [` ${age(now - entry.writtenAt).padStart(5)} `, "dim"],
      [reason.padEnd(reasonWidth), loud],
      [" "],
      [clip(object, objectWidth, glyphs.more).padEnd(objectWidth), nobody ? "dim" : "plain"],
    ];
    const used = 8 + reasonWidth + objectWidth;
    if (!narrow) text.push([" "], [clip(entry.message, left - used - 1, glyphs.more), "dim"]);
    const length = text.reduce((sum, [part]) => sum + part.length, 0);
    text.push([" ".repeat(Math.max(0, left - length))]);
    for (const [index, name] of marks.entries()) {
      const mark = markOf(entry, index, state.arrivals, glyphs);
      text.push([` ${" ".repeat(Math.floor((name.length - 1) / 2))}`], mark, [
        " ".repeat(Math.ceil((name.length - 1) / 2)),
      ]);
    }
    lines.push(text);
  }
  return lines;
}

function markOf(entry: Entry, index: number, arrivals: boolean, glyphs: Glyphs): Span {
  if (entry.arrived[index] || (!arrivals && entry.routed[index])) return [glyphs.there, "good"];
  return entry.routed[index] ? [glyphs.coming, "bad"] : [glyphs.none, "dim"];
}

function costs(state: DemoState, width: number): Line {
  const lost = state.receivers.reduce((sum, one) => sum + one.dropped, 0);
  const waiting = state.receivers.reduce((sum, one) => sum + one.waiting, 0);
  const failing = state.receivers.filter((one) => one.trouble !== undefined);
  const said: Span[] =
    failing.length > 0
      ? [[`${failing.map((one) => one.name).join(", ")} down, ${waiting} waiting`, "bad"]]
      : [[state.logged, "dim"]];
  return [
    [" "],
    [`${state.written} events`, "bold"],
    [`   ${lost} lost   `, lost > 0 ? "bad" : "plain"],
    [
      `cpu ${state.cpu.toFixed(1)} %   ${megabytes(state.memoryBytes)}${width < NARROW ? "" : ", cluster and view included"}   `,
      "plain",
    ],
    ...said,
  ];
}

function whose(width: number): Line {
  const command = "petrel run --kubeconfig ~/.kube/config -c petrel.yaml";
  const left: Line = [
    [" your cluster: ", "dim"],
    [command, "plain"],
  ];
  return spread(left, [["ctrl-c ends ", "dim"]], width);
}

function spread(left: Line, right: Line, width: number): Line {
  const length = [...left, ...right].reduce((sum, [text]) => sum + text.length, 0);
  return length + 2 > width ? left : [...left, [" ".repeat(width - length)], ...right];
}

function paint(line: Line, width: number, color: boolean, more: string): string {
  let rest = width;
  let out = "";
  for (const [text, style = "plain"] of line) {
    const part = text.length > rest ? clip(text, rest, more) : text;
    rest -= part.length;
    const sgr = color ? SGR[style] : "";
    out += sgr === "" || part.trim() === "" ? part : `${sgr}${part}${RESET}`;
    if (rest === 0) break;
  }
  return color ? out : out.trimEnd();
}

/** At most `length` characters of one line of text. */
export function clip(text: string, length: number, more: string): string {
  const flat = text.replace(/\s+/g, (space) => (space.length > 1 && !space.includes("\n") ? space : " "));
  if (flat.length <= length) return flat;
  return length <= 0 ? "" : flat.slice(0, length - more.length).trimEnd() + more;
}

/** `m:ss` */
function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

function age(ms: number): string {
  const seconds = Math.max(0, ms / 1_000);
  if (seconds < 10) return `${seconds.toFixed(1)}s`;
  return seconds < 100 ? `${Math.floor(seconds)}s` : `${Math.floor(seconds / 60)}m`;
}

/** Three digits are enough for a latency. */
export function milliseconds(ms: number): string {
  if (Number.isNaN(ms)) return "";
  return ms < 9.95 ? ms.toFixed(1) : String(Math.round(ms));
}

export const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;
