/** Time zones: offsets from the runtime's tz data (Intl), abbreviations from the table beside this file. */
import { zoneEras } from "./gotime-zone-names.ts";
import { UTC, type Zone } from "./value.ts";

/** What a time shows in a zone. */
type Shown = ReturnType<Zone["at"]>;

/** A zone that knows the abbreviations it ever had. */
interface NamedZone extends Zone {
  /** The offset of an abbreviation in seconds. */
  offsetOf(abbreviation: string): number | undefined;
}

const zones = new Map<string, NamedZone>();

/**
 * As time.LoadLocation: `""` and `UTC` are UTC, `Local` is the given zone, names are case-sensitive; undefined for an
 * unknown name.
 */
export function loadZone(name: string, local: Zone): Zone | undefined {
  if (name === "" || name === "UTC") return UTC;
  if (name === "Local") return local;
  const known = zones.get(name);
  if (known !== undefined) return known;
  const zone = intlZone(name);
  if (zone !== undefined) zones.set(name, zone);
  return zone;
}

/** The zone called `Local`, which behaves as the named one; UTC for an unknown name. */
export function localZone(name: string): Zone {
  const zone = loadZone(name, UTC) ?? UTC;
  if (zone === UTC) return UTC;
  const local: NamedZone = {
    name: "Local",
    at: (seconds) => zone.at(seconds),
    offsetOf: (abbreviation) => (isNamed(zone) ? zone.offsetOf(abbreviation) : undefined),
  };
  return local;
}

function isNamed(zone: Zone): zone is NamedZone {
  return "offsetOf" in zone;
}

/** As time.FixedZone. */
export function fixedZone(name: string, offset: number): Zone {
  const shown: Shown = { abbreviation: name, offset };
  return { name, at: () => shown };
}

/**
 * As Location.lookupName: the offset of an abbreviation in the zone, preferably one in use then; undefined when the
 * zone never had it.
 */
export function offsetOfName(zone: Zone, abbreviation: string, seconds: number): number | undefined {
  const around = [seconds, seconds - HALF_YEAR, seconds + HALF_YEAR].map((at) => zone.at(at));
  const now = around.filter((shown) => shown.abbreviation === abbreviation);
  for (const { offset } of now) if (zone.at(seconds - offset).abbreviation === abbreviation) return offset;
  return now[0]?.offset ?? (isNamed(zone) ? zone.offsetOf(abbreviation) : undefined);
}

const HALF_YEAR = 15_778_476;
const WEEK = 604_800;
/** The range of JavaScript's Date, in seconds. */
const MAX_SECONDS = 8_640_000_000_000;
const MAX_WEEKS = 256;

interface Week {
  /** Offset before and from `change`, a Unix second; Infinity when the week has no change. */
  readonly before: number;
  readonly after: number;
  readonly change: number;
}

function intlZone(name: string): NamedZone | undefined {
  // tzdata's zone for clocks that nobody has set; Intl does not know it.
  if (name === "Factory") return { name, at: () => ({ abbreviation: "-00", offset: 0 }), offsetOf: () => undefined };
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat("en-US", { timeZone: name, timeZoneName: "longOffset" });
  } catch {
    return undefined;
  }
  // Intl ignores case and takes "+05:00"; Go's names are file names.
  if (format.resolvedOptions().timeZone !== name || /^[+-]/.test(name)) return undefined;
  const eras = zoneEras(name);
  const shown = new Map<string, Shown>();
  const weeks = new Map<number, Week>();
  const weekOf = (number: number): Week => {
    let week = weeks.get(number);
    if (week === undefined) {
      week = probe(format, number * WEEK);
      if (weeks.size >= MAX_WEEKS) weeks.clear();
      weeks.set(number, week);
    }
    return week;
  };
  return {
    name,
    at(seconds) {
      const bounded = Math.max(-MAX_SECONDS + WEEK, Math.min(MAX_SECONDS - WEEK, seconds));
      const week = weekOf(Math.floor(bounded / WEEK));
      const offset = bounded < week.change ? week.before : week.after;
      const era = eras.findIndex((candidate) => bounded < candidate.until);
      const key = `${era}/${offset}/${bounded < 0}`;
      let result = shown.get(key);
      if (result === undefined) {
        result = { abbreviation: eras[era]?.names.get(offset) ?? numericName(offset, bounded), offset };
        shown.set(key, result);
      }
      return result;
    },
    offsetOf(abbreviation) {
      for (const era of eras) for (const [offset, letters] of era.names) if (letters === abbreviation) return offset;
      return undefined;
    },
  };
}

/** No zone changes twice within a week, so the offsets at its ends tell whether and where to search. */
function probe(format: Intl.DateTimeFormat, from: number): Week {
  const before = intlOffset(format, from);
  const after = intlOffset(format, from + WEEK);
  if (before === after) return { before, after, change: Number.POSITIVE_INFINITY };
  let low = from;
  let high = from + WEEK;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (intlOffset(format, middle) === before) low = middle;
    else high = middle;
  }
  return { before, after, change: high };
}

function intlOffset(format: Intl.DateTimeFormat, seconds: number): number {
  const match = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(format.format(seconds * 1000));
  if (match?.[1] === undefined) return 0;
  const size = Number(match[2]) * 3600 + Number(match[3]) * 60 + Number(match[4] ?? 0);
  return match[1] === "-" ? -size : size;
}

/** tzdata's name of an offset without letters: `+03`, `-0930`; before standard time came, local mean time. */
function numericName(offset: number, seconds: number): string {
  if (seconds < 0 && offset % 60 !== 0) return "LMT";
  const minutes = Math.abs(offset) / 60;
  const hours = String(Math.floor(minutes / 60)).padStart(2, "0");
  const rest = Math.floor(minutes % 60);
  return `${offset < 0 ? "-" : "+"}${hours}${rest === 0 ? "" : String(rest).padStart(2, "0")}`;
}
