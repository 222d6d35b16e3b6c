/** Go's time.Time: calendar, arithmetic, Format. Reading times from text: gotime-parse.ts. */
import { type GoTime, UTC, type Zone } from "./value.ts";

const BILLION = 1_000_000_000n;
const DAY = 86_400;

export interface Civil {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  /** 0 is Sunday. */
  readonly weekday: number;
  /** From 1. */
  readonly yearDay: number;
  readonly abbreviation: string;
  /** Seconds east of UTC. */
  readonly offset: number;
}

export const MONTHS: readonly string[] = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];
export const WEEKDAYS: readonly string[] = [
  "Sunday",
  "Monday",
  "Tuesday",
  "Wednesday",
  "Thursday",
  "Friday",
  "Saturday",
];

/** What the calendar and the clock show in the time's zone. */
export function civilOf(time: GoTime): Civil {
  const { abbreviation, offset } = time.zone.at(time.seconds);
  const local = time.seconds + offset;
  const days = Math.floor(local / DAY);
  const clock = local - days * DAY;
  // Days to date: H. Hinnant, "chrono-compatible low-level date algorithms", years beginning in March.
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return {
    year,
    month,
    day: dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1,
    hour: Math.floor(clock / 3600),
    minute: Math.floor((clock % 3600) / 60),
    second: clock % 60,
    weekday: (((days + 4) % 7) + 7) % 7,
    yearDay: days - daysOf(year, 1, 1) + 1,
    abbreviation,
    offset,
  };
}

/** Days from 1970-01-01; a month or day out of range runs over into its neighbours. */
function daysOf(year: number, month: number, day: number): number {
  const years = year + Math.floor((month - 1) / 12);
  const inYear = ((((month - 1) % 12) + 12) % 12) + 1;
  const shifted = inYear <= 2 ? years - 1 : years;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (inYear > 2 ? inYear - 3 : inYear + 9) + 2) / 5) + day - 1;
  return (
    era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
  );
}

/** As time.Date: values out of range run over. */
export function makeTime(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
  nanos: number,
  zone: Zone,
): GoTime {
  const carry = Math.floor(nanos / 1e9);
  const wall = daysOf(year, month, day) * DAY + hour * 3600 + minute * 60 + second + carry;
  const seconds = wall - zone.at(wall - zone.at(wall).offset).offset;
  return { seconds, nanos: nanos - carry * 1e9, zone };
}

/** As time.Unix: nanoseconds beyond a second carry over. */
export function unixTime(seconds: number, nanos: number, zone: Zone): GoTime {
  const carry = Math.floor(nanos / 1e9);
  return { seconds: seconds + carry, nanos: nanos - carry * 1e9, zone };
}

/** As Time.In. */
export function inZone(time: GoTime, zone: Zone): GoTime {
  return { ...time, zone };
}

/** As Time.UnixNano, with its wrap-around outside the years 1678 to 2262. */
export function unixNano(time: GoTime): bigint {
  return BigInt.asIntN(64, BigInt(time.seconds) * BILLION + BigInt(time.nanos));
}

/** As Time.Add. */
export function addDuration(time: GoTime, nanoseconds: bigint): GoTime {
  const total = BigInt(time.nanos) + nanoseconds;
  const carry = total >= 0n ? total / BILLION : -((-total + BILLION - 1n) / BILLION);
  const moved = { seconds: time.seconds + Number(carry), nanos: Number(total - carry * BILLION), zone: time.zone };
  return time.monotonic === undefined ? moved : { ...moved, monotonic: time.monotonic + Number(nanoseconds) };
}

/** As Time.AddDate. */
export function addDate(time: GoTime, years: number, months: number, days: number): GoTime {
  const { year, month, day, hour, minute, second } = civilOf(time);
  return makeTime(year + years, month + months, day + days, hour, minute, second, time.nanos, time.zone);
}

/** As Time.Sub: nanoseconds, the largest or smallest duration where the difference does not fit. */
export function subtract(time: GoTime, other: GoTime): bigint {
  const difference = (BigInt(time.seconds) - BigInt(other.seconds)) * BILLION + BigInt(time.nanos - other.nanos);
  const max = (1n << 63n) - 1n;
  return difference > max ? max : difference < -max - 1n ? -max - 1n : difference;
}

/** Below zero when `time` is before `other`, zero for the same instant. */
export function compareTimes(time: GoTime, other: GoTime): number {
  return time.seconds - other.seconds || time.nanos - other.nanos;
}

/** As Time.ISOWeek: the year and the week that the Thursday of this week lies in. */
export function isoWeek(time: GoTime): { year: number; week: number } {
  const { yearDay, weekday, year } = civilOf(time);
  const thursday = yearDay + 3 - ((weekday + 6) % 7);
  const length = daysOf(year + 1, 1, 1) - daysOf(year, 1, 1);
  if (thursday < 1)
    return { year: year - 1, week: Math.ceil((thursday + daysOf(year, 1, 1) - daysOf(year - 1, 1, 1)) / 7) };
  if (thursday > length) return { year: year + 1, week: Math.ceil((thursday - length) / 7) };
  return { year, week: Math.ceil(thursday / 7) };
}

/** Days of a month; `month` 1 to 12. */
export function daysIn(month: number, year: number): number {
  return daysOf(year, month + 1, 1) - daysOf(year, month, 1);
}

// --- Format --------------------------------------------------------------------------------------------------------

/** A part of a layout: text, or what Go's reference time shows there ("2006", "Jan", ".000"). */
export interface LayoutPart {
  readonly kind: "text" | "value";
  readonly text: string;
}

// Longer spellings first where one begins with another. `Jan` and `Mon` before a lower-case letter are plain text, and
// a fraction ends at its last digit.
const VALUES =
  /January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|0[1-6]|002|15|1|2006|2|_2(?!006)|__2|3|4|5|PM|pm|-070000|-07:00:00|-0700|-07:00|-07|Z070000|Z07:00:00|Z0700|Z07:00|Z07|[.,](?:0+|9+)(?![0-9])/g;

const MAX_LAYOUTS = 512;
const layouts = new Map<string, readonly LayoutPart[]>();

/** The layout in parts, as Go's nextStdChunk finds them: anywhere in the text. */
export function layoutParts(layout: string): readonly LayoutPart[] {
  const known = layouts.get(layout);
  if (known !== undefined) return known;
  const parts: LayoutPart[] = [];
  let done = 0;
  for (const match of layout.matchAll(VALUES)) {
    if (match.index > done) parts.push({ kind: "text", text: layout.slice(done, match.index) });
    parts.push({ kind: "value", text: match[0] });
    done = match.index + match[0].length;
  }
  if (done < layout.length) parts.push({ kind: "text", text: layout.slice(done) });
  if (layouts.size >= MAX_LAYOUTS) layouts.clear();
  layouts.set(layout, parts);
  return parts;
}

/** As Time.Format. */
export function formatTime(time: GoTime, layout: string): string {
  const civil = civilOf(time);
  let out = "";
  for (const part of layoutParts(layout))
    out += part.kind === "text" ? part.text : formatPart(part.text, civil, time.nanos);
  return out;
}

function formatPart(part: string, civil: Civil, nanos: number): string {
  switch (part) {
    case "2006":
      return pad(civil.year, 4);
    case "06":
      return pad(Math.abs(civil.year) % 100, 2);
    case "January":
      return MONTHS[civil.month - 1] ?? "";
    case "Jan":
      return (MONTHS[civil.month - 1] ?? "").slice(0, 3);
    case "1":
      return String(civil.month);
    case "01":
      return pad(civil.month, 2);
    case "Monday":
      return WEEKDAYS[civil.weekday] ?? "";
    case "Mon":
      return (WEEKDAYS[civil.weekday] ?? "").slice(0, 3);
    case "2":
      return String(civil.day);
    case "_2":
      return String(civil.day).padStart(2, " ");
    case "02":
      return pad(civil.day, 2);
    case "__2":
      return String(civil.yearDay).padStart(3, " ");
    case "002":
      return pad(civil.yearDay, 3);
    case "15":
      return pad(civil.hour, 2);
    case "3":
      return String(civil.hour % 12 || 12);
    case "03":
      return pad(civil.hour % 12 || 12, 2);
    case "4":
      return String(civil.minute);
    case "04":
      return pad(civil.minute, 2);
    case "5":
      return String(civil.second);
    case "05":
      return pad(civil.second, 2);
    case "PM":
      return civil.hour >= 12 ? "PM" : "AM";
    case "pm":
      return civil.hour >= 12 ? "pm" : "am";
    case "MST":
      return civil.abbreviation === "" ? formatOffset("-0700", civil.offset) : civil.abbreviation;
    default:
      return part.startsWith(".") || part.startsWith(",")
        ? formatFraction(part, nanos)
        : formatOffset(part, civil.offset);
  }
}

function formatOffset(part: string, offset: number): string {
  if (offset === 0 && part.startsWith("Z")) return "Z";
  const size = Math.abs(offset);
  // Go decides the sign after cutting to minutes: 30 seconds west print as +00.
  const sign = offset <= -60 ? "-" : "+";
  const hours = pad(Math.floor(size / 3600), 2);
  const minutes = pad(Math.floor((size % 3600) / 60), 2);
  const seconds = pad(size % 60, 2);
  switch (part.slice(1)) {
    case "07":
      return sign + hours;
    case "07:00":
      return `${sign}${hours}:${minutes}`;
    case "07:00:00":
      return `${sign}${hours}:${minutes}:${seconds}`;
    case "070000":
      return sign + hours + minutes + seconds;
    default:
      return sign + hours + minutes;
  }
}

function formatFraction(part: string, nanos: number): string {
  const digits = part.length - 1;
  const text = pad(nanos, 9).slice(0, digits);
  if (part[1] === "0") return part.charAt(0) + text;
  const trimmed = text.replace(/0+$/, "");
  return trimmed === "" ? "" : part.charAt(0) + trimmed;
}

function pad(value: number, width: number): string {
  return value < 0 ? `-${String(-value).padStart(width, "0")}` : String(value).padStart(width, "0");
}

/** As Time.String, with the monotonic part of times from `now`. */
export function timeString(time: GoTime): string {
  const text = formatTime(time, "2006-01-02 15:04:05.999999999 -0700 MST");
  if (time.monotonic === undefined) return text;
  const size = Math.abs(time.monotonic);
  const nanos = pad(Math.round(size % 1e9), 9);
  return `${text} m=${time.monotonic < 0 ? "-" : "+"}${Math.floor(size / 1e9)}.${nanos}`;
}

/** As Time.MarshalJSON without the quotes; throws an Error with Go's text for years that RFC 3339 does not have. */
export function timeJson(time: GoTime): string {
  const { year, offset } = civilOf(time);
  if (year < 0 || year > 9999) throw new Error("Time.MarshalJSON: year outside of range [0,9999]");
  if (Math.abs(offset) >= 24 * 3600) throw new Error("Time.MarshalJSON: timezone hour outside of range [0,23]");
  return formatTime(time, "2006-01-02T15:04:05.999999999Z07:00");
}

/** The clock's time as time.Now gives it; `monotonic` in nanoseconds since the process started. */
export function fromMillis(millis: number, zone: Zone = UTC): GoTime {
  const seconds = Math.floor(millis / 1000);
  return { seconds, nanos: Math.round((millis - seconds * 1000) * 1e6), zone };
}
