/** sprig's date functions. */
// Gives time.Time its methods, so that what these functions return prints.
import "../time-type.ts";
import { budget } from "../budget.ts";
import { type FuncMap, fn, P } from "../func.ts";
import { addDuration, formatTime, fromMillis, inZone, subtract, unixTime } from "../gotime.ts";
import { formatDuration, parseDuration, roundDuration } from "../gotime-duration.ts";
import { parseTime } from "../gotime-parse.ts";
import { loadZone } from "../gotime-zone.ts";
import { timeOf } from "../inspect.ts";
import { INT32, time } from "../types.ts";
import { GoError, type GoTime, Num, UTC, type Value, ZERO_TIME, type Zone } from "../value.ts";

/** The clock, and the zone that Go calls Local. */
export interface Clock {
  /** Milliseconds since 1970, with fractions. */
  now(): number;
  readonly zone: Zone;
}

const SECOND = 1_000_000_000n;

/** The time in a value: a time.Time, and where Go's answer would be "now", a Kubernetes time too. */
function knownTime(value: Value): GoTime | undefined {
  return timeOf(value, budget.lenient ? "lenient" : "exact");
}

/** Seconds since 1970 where date functions take them: int, int64, and int32 where `with32`. */
function epochSeconds(value: Value, with32: boolean): number | undefined {
  if (typeof value === "number" || typeof value === "bigint") return Number(value);
  return with32 && value instanceof Num && value.type === INT32 ? Number(value.value) : undefined;
}

function parseOr<T>(parse: () => T, fallback: T): T {
  try {
    return parse();
  } catch {
    return fallback;
  }
}

/** Rethrows what a parser threw as the function's error. */
function must<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new GoError(error instanceof Error ? error.message : String(error));
  }
}

/** strconv.ParseInt(text, 10, 64) without its error: zero, or the largest or smallest number. */
function parseSeconds(text: string): bigint {
  if (!/^[+-]?[0-9]+$/.test(text)) return 0n;
  const value = BigInt(text.replace(/^\+/, ""));
  const max = (1n << 63n) - 1n;
  return value > max ? max : value < -max - 1n ? -max - 1n : value;
}

function durationText(value: Value): string {
  const seconds = typeof value === "string" ? parseSeconds(value) : typeof value === "bigint" ? value : 0n;
  return formatDuration(BigInt.asIntN(64, seconds * SECOND));
}

const UNITS: readonly (readonly [string, bigint])[] = [
  ["y", 365n * 24n * 3600n * SECOND],
  ["mo", 30n * 24n * 3600n * SECOND],
  ["d", 24n * 3600n * SECOND],
  ["h", 3600n * SECOND],
  ["m", 60n * SECOND],
  ["s", SECOND],
];

/** The largest unit that the duration exceeds. */
function roughly(nanoseconds: bigint): string {
  const size = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  for (const [name, unit] of UNITS) if (size > unit) return `${size / unit}${name}`;
  return "0s";
}

export function dateFuncs(clock: Clock): FuncMap {
  const now = (): GoTime => fromMillis(clock.now(), clock.zone);
  const since = (then: GoTime): bigint => subtract(now(), then);

  const dateInZone = (layout: string, value: Value, zone: string): string => {
    const seconds = epochSeconds(value, true);
    const at = knownTime(value) ?? (seconds === undefined ? now() : unixTime(seconds, 0, UTC));
    return formatTime(inZone(at, loadZone(zone, clock.zone) ?? UTC), layout);
  };
  const ago = (value: Value): string => {
    const seconds = epochSeconds(value, false);
    const then = knownTime(value) ?? (seconds === undefined ? now() : unixTime(seconds, 0, UTC));
    return formatDuration(roundDuration(since(then), SECOND));
  };
  const durationRound = (value: Value): string => {
    if (typeof value === "string") return roughly(parseOr(() => parseDuration(value), 0n));
    if (typeof value === "bigint") return roughly(value);
    const then = knownTime(value);
    return then === undefined ? "0s" : roughly(since(then));
  };

  const inZoneFunc = fn([P.string, P.any, P.string], dateInZone);
  const modify = fn([P.string, P.time], (text, at) => {
    const by = parseOr(() => parseDuration(text), undefined);
    return time(by === undefined ? at : addDuration(at, by));
  });
  const mustModify = fn([P.string, P.time], (text, at) =>
    time(
      addDuration(
        at,
        must(() => parseDuration(text)),
      ),
    ),
  );

  return {
    now: fn([], () => time({ ...now(), monotonic: performance.now() * 1e6 })),
    ago: fn([P.any], ago),
    date: fn([P.string, P.any], (layout, value) => dateInZone(layout, value, "Local")),
    date_in_zone: inZoneFunc,
    dateInZone: inZoneFunc,
    date_modify: modify,
    dateModify: modify,
    must_date_modify: mustModify,
    mustDateModify: mustModify,
    duration: fn([P.any], durationText),
    durationRound: fn([P.any], durationRound),
    htmlDate: fn([P.any], (value) => dateInZone("2006-01-02", value, "Local")),
    htmlDateInZone: fn([P.any, P.string], (value, zone) => dateInZone("2006-01-02", value, zone)),
    toDate: fn([P.string, P.string], (layout, text) =>
      time(parseOr(() => parseTime(layout, text, clock.zone), ZERO_TIME)),
    ),
    mustToDate: fn([P.string, P.string], (layout, text) => time(must(() => parseTime(layout, text, clock.zone)))),
    unixEpoch: fn([P.time], (at) => String(at.seconds)),
  };
}
