/** Go's time.ParseInLocation. */
import { toByteString } from "./byte-string.ts";
import { addDuration, daysIn, layoutParts, MONTHS, makeTime, WEEKDAYS } from "./gotime.ts";
import { quoteTime } from "./gotime-duration.ts";
import { fixedZone, offsetOfName } from "./gotime-zone.ts";
import { type GoTime, UTC, type Zone } from "./value.ts";

/** What has been read so far; -1 where nothing was. */
interface Fields {
  year: number;
  month: number;
  day: number;
  yearDay: number;
  hour: number;
  minute: number;
  second: number;
  nanos: number;
  am: boolean;
  pm: boolean;
  utc: boolean;
  offset: number | undefined;
  zoneName: string;
}

/** A value that does not fit its place in the layout. */
class Misfit extends Error {}
/** A number out of the range of its field. */
class OutOfRange extends Error {
  readonly rest: string;
  constructor(field: string, rest: string) {
    super(field);
    this.rest = rest;
  }
}

/** The time in the text; throws an Error with Go's words: `parsing time "x" as "2006": cannot parse "x" as "2006"`. */
export function parseTime(layout: string, text: string, zone: Zone): GoTime {
  const value = toByteString(text);
  const fields: Fields = {
    year: 0,
    month: -1,
    day: -1,
    yearDay: -1,
    hour: 0,
    minute: 0,
    second: 0,
    nanos: 0,
    am: false,
    pm: false,
    utc: false,
    offset: undefined,
    zoneName: "",
  };
  const misfit = (part: string, rest: string): Error => {
    const [whole, shape] = [toByteString(layout), toByteString(part)].map(quoteTime);
    return new Error(`parsing time ${quoteTime(value)} as ${whole}: cannot parse ${quoteTime(rest)} as ${shape}`);
  };
  const fault = (message: string): Error => new Error(`parsing time ${quoteTime(value)}: ${message}`);

  const parts = layoutParts(layout);
  let rest = value;
  for (const [index, part] of parts.entries()) {
    try {
      if (part.kind === "text") {
        const skipped = skipText(rest, toByteString(part.text));
        if (skipped.left !== "") throw misfit(part.text, skipped.rest);
        rest = skipped.rest;
      } else {
        rest = readPart(part.text, rest, fields, fractionAfter(parts, index));
      }
    } catch (error) {
      if (error instanceof OutOfRange) throw fault(`${error.message} out of range`);
      if (error instanceof Misfit) throw misfit(part.text, rest);
      throw error;
    }
  }
  if (rest !== "") throw fault(`extra text: ${quoteTime(rest)}`);
  return assemble(fields, zone, fault);
}

/** Whether the next value of the layout reads the fraction of a second. */
function fractionAfter(parts: ReturnType<typeof layoutParts>, index: number): boolean {
  const next = parts.slice(index + 1).find((part) => part.kind === "value");
  return next !== undefined && /^[.,]/.test(next.text);
}

/** A space in the layout takes any number of spaces, also none at the end. */
function skipText(value: string, text: string): { rest: string; left: string } {
  let rest = value;
  let left = text;
  while (left !== "") {
    if (left.startsWith(" ")) {
      if (rest !== "" && !rest.startsWith(" ")) break;
      left = left.replace(/^ +/, "");
      rest = rest.replace(/^ +/, "");
    } else {
      if (rest.charAt(0) !== left.charAt(0)) break;
      left = left.slice(1);
      rest = rest.slice(1);
    }
  }
  return { rest, left };
}

/** Reads one value from the beginning of `value` into `fields`; returns what follows it. */
function readPart(part: string, value: string, fields: Fields, fractionFollows: boolean): string {
  switch (part) {
    case "06": {
      const year = signedNumber(value.slice(0, 2), 2);
      fields.year = year + (year >= 69 ? 1900 : 2000);
      return value.slice(2);
    }
    case "2006":
      if (!/^[0-9]/.test(value)) throw new Misfit();
      fields.year = signedNumber(value.slice(0, 4), 4);
      return value.slice(4);
    case "Jan":
    case "January": {
      const [month, rest] = nameIn(MONTHS, value, part === "Jan");
      fields.month = month + 1;
      return rest;
    }
    case "1":
    case "01": {
      const [month, rest] = digits(value, part === "01");
      if (month < 1 || month > 12) throw new OutOfRange("month", rest);
      fields.month = month;
      return rest;
    }
    case "Mon":
    case "Monday":
      // Only its spelling counts, not whether it fits the date.
      return nameIn(WEEKDAYS, value, part === "Mon")[1];
    case "2":
    case "_2":
    case "02": {
      const [day, rest] = digits(part === "_2" ? value.replace(/^ /, "") : value, part === "02");
      fields.day = day;
      return rest;
    }
    case "__2":
    case "002": {
      const text = part === "__2" ? value.replace(/^ {1,2}/, "") : value;
      const match = /^[0-9]{1,3}/.exec(text);
      if (match === null || (part === "002" && match[0].length !== 3)) throw new Misfit();
      fields.yearDay = Number(match[0]);
      return text.slice(match[0].length);
    }
    case "15":
    case "3":
    case "03": {
      const [hour, rest] = digits(value, part === "03");
      if (hour > (part === "15" ? 23 : 12)) throw new OutOfRange("hour", rest);
      fields.hour = hour;
      return rest;
    }
    case "4":
    case "04": {
      const [minute, rest] = digits(value, part === "04");
      if (minute > 59) throw new OutOfRange("minute", rest);
      fields.minute = minute;
      return rest;
    }
    case "5":
    case "05": {
      const [second, rest] = digits(value, part === "05");
      if (second > 59) throw new OutOfRange("second", rest);
      fields.second = second;
      // A fraction that the layout does not mention is read all the same.
      const fraction = fractionFollows ? null : /^[.,][0-9]+/.exec(rest);
      if (fraction === null) return rest;
      fields.nanos = nanosOf(fraction[0]);
      return rest.slice(fraction[0].length);
    }
    case "PM":
    case "pm": {
      const half = value.slice(0, 2);
      if (half === part) fields.pm = true;
      else if (half === (part === "PM" ? "AM" : "am")) fields.am = true;
      else throw new Misfit();
      return value.slice(2);
    }
    case "MST":
      return readZoneName(value, fields);
    default:
      return part.startsWith(".") || part.startsWith(",")
        ? readFraction(part, value, fields)
        : readOffset(part, value, fields);
  }
}

/** One or two digits, exactly two when `fixed`. */
function digits(value: string, fixed: boolean): [number, string] {
  const match = (fixed ? /^[0-9]{2}/ : /^[0-9]{1,2}/).exec(value);
  if (match === null) throw new Misfit();
  return [Number(match[0]), value.slice(match[0].length)];
}

function signedNumber(text: string, length: number): number {
  if (text.length < length || !/^[+-]?[0-9]+$/.test(text)) throw new Misfit();
  return Number(text);
}

/** The place of the name that the value begins with, in any case. */
function nameIn(names: readonly string[], value: string, short: boolean): [number, string] {
  for (const [index, name] of names.entries()) {
    const wanted = short ? name.slice(0, 3) : name;
    if (value.slice(0, wanted.length).toLowerCase() === wanted.toLowerCase())
      return [index, value.slice(wanted.length)];
  }
  throw new Misfit();
}

function nanosOf(fraction: string): number {
  return Number(fraction.slice(1, 10).padEnd(9, "0"));
}

function readFraction(part: string, value: string, fields: Fields): string {
  if (part[1] === "9") {
    const match = /^[.,][0-9]+/.exec(value);
    if (match === null) return value;
    fields.nanos = nanosOf(match[0]);
    return value.slice(match[0].length);
  }
  const text = value.slice(0, part.length);
  if (text.length < part.length || !/^[.,]/.test(text)) throw new Misfit();
  // Go reads the digits with a sign.
  const number = /^([+-]?)([0-9]*)$/.exec(text.slice(1, 10));
  if (number === null || (number[1] === "" && number[2] === "")) throw new Misfit();
  const nanos = Number(`${number[1]}${number[2] || "0"}`) * 10 ** (9 - Math.min(part.length - 1, 9));
  if (nanos < 0) throw new OutOfRange("fractional second", value.slice(part.length));
  fields.nanos = nanos;
  return value.slice(part.length);
}

/** What the layouts of offsets look like in the value: groups are sign, hours, minutes, seconds. */
const OFFSETS: Readonly<Record<string, RegExp>> = {
  "07": /^(.)(..)/s,
  "0700": /^(.)(..)(..)/s,
  "07:00": /^(.)(..):(..)/s,
  "070000": /^(.)(..)(..)(..)/s,
  "07:00:00": /^(.)(..):(..):(..)/s,
};

function readOffset(part: string, value: string, fields: Fields): string {
  if (part.startsWith("Z") && value.startsWith("Z")) {
    fields.utc = true;
    return value.slice(1);
  }
  const match = OFFSETS[part.slice(1)]?.exec(value);
  if (match === null || match === undefined) throw new Misfit();
  const [whole, sign, ...numbers] = match;
  const rest = value.slice(whole.length);
  const broken = numbers.findIndex((text) => !/^[0-9]{2}$/.test(text));
  const [hours = 0, minutes = 0, seconds = 0] = (broken < 0 ? numbers : numbers.slice(0, broken)).map(Number);
  // The last of several faults is the one that Go names.
  if (seconds > 60) throw new OutOfRange("time zone offset second", rest);
  if (minutes > 60) throw new OutOfRange("time zone offset minute", rest);
  if (hours > 24) throw new OutOfRange("time zone offset hour", rest);
  const offset = (hours * 60 + minutes) * 60 + seconds;
  if (broken >= 0 || (sign !== "+" && sign !== "-")) throw new Misfit();
  fields.offset = sign === "-" ? -offset : offset;
  return rest;
}

function readZoneName(value: string, fields: Fields): string {
  if (value.startsWith("UTC")) {
    fields.utc = true;
    return value.slice(3);
  }
  const name = zoneNameAt(value);
  if (name === undefined) throw new Misfit();
  fields.zoneName = name;
  return value.slice(name.length);
}

/** As Go's parseTimeZone: three letters, or four or five that end in T, or an offset after GMT or instead of letters. */
function zoneNameAt(value: string): string | undefined {
  if (value.length < 3) return undefined;
  if (value.startsWith("ChST") || value.startsWith("MeST")) return value.slice(0, 4);
  if (value.startsWith("GMT")) return `GMT${signedOffset(value.slice(3))}`;
  if (/^[+-]/.test(value)) return signedOffset(value) || undefined;
  const letters = /^[A-Z]{0,6}/.exec(value)?.[0] ?? "";
  if (letters.length === 3) return letters;
  if (letters.length === 4 && (letters.endsWith("T") || letters === "WITA")) return letters;
  return letters.length === 5 && letters.endsWith("T") ? letters : undefined;
}

function signedOffset(value: string): string {
  const match = /^[+-]([0-9]+)/.exec(value);
  return match !== null && Number(match[1]) <= 23 ? match[0] : "";
}

function assemble(fields: Fields, zone: Zone, fault: (message: string) => Error): GoTime {
  const { year, minute, second, nanos } = fields;
  let { month, day, hour } = fields;
  // A text may name both.
  if (fields.pm && hour < 12) hour += 12;
  else if (fields.am && hour === 12) hour = 0;
  if (fields.yearDay >= 0) {
    if (fields.yearDay < 1 || fields.yearDay > (daysIn(2, year) === 29 ? 366 : 365)) {
      throw fault("day-of-year out of range");
    }
    let rest = fields.yearDay;
    let found = 1;
    while (rest > daysIn(found, year)) rest -= daysIn(found++, year);
    if (month >= 0 && month !== found) throw fault("day-of-year does not match month");
    if (day >= 0 && day !== rest) throw fault("day-of-year does not match day");
    month = found;
    day = rest;
  } else {
    if (month < 0) month = 1;
    if (day < 0) day = 1;
  }
  if (day < 1 || day > daysIn(month, year)) throw fault("day out of range");

  const inUtc = makeTime(year, month, day, hour, minute, second, nanos, UTC);
  if (fields.utc) return inUtc;
  if (fields.offset !== undefined) {
    const moved = addDuration(inUtc, BigInt(-fields.offset) * 1_000_000_000n);
    const local = zone.at(moved.seconds);
    const same = local.offset === fields.offset && (fields.zoneName === "" || local.abbreviation === fields.zoneName);
    return { ...moved, zone: same ? zone : fixedZone(fields.zoneName, fields.offset) };
  }
  if (fields.zoneName !== "") {
    const known = offsetOfName(zone, fields.zoneName, inUtc.seconds);
    if (known !== undefined) return { ...addDuration(inUtc, BigInt(-known) * 1_000_000_000n), zone };
    // Go does not know the offset of a foreign abbreviation, except of GMT+3: the clock stays, the name is kept.
    const offset = /^GMT[+-]/.test(fields.zoneName) ? Number(fields.zoneName.slice(3)) * 3600 : 0;
    return {
      ...makeTime(year, month, day, hour, minute, second, nanos, UTC),
      zone: fixedZone(fields.zoneName, offset),
    };
  }
  return makeTime(year, month, day, hour, minute, second, nanos, zone);
}
