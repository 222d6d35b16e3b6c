/**
 * The methods of Go's time.Time, Duration, Month, Weekday and Location, as templates reach them. Importing it fills the
 * types of types.ts.
 *
 * @see https://pkg.go.dev/time
 */

import { P, paramOf } from "./func.ts";
import {
  addDate,
  addDuration,
  civilOf,
  compareTimes,
  formatTime,
  inZone,
  MONTHS,
  subtract,
  timeJson,
  timeString,
  unixNano,
  WEEKDAYS,
} from "./gotime.ts";
import { formatDuration, roundDuration, truncateDuration } from "./gotime-duration.ts";
import {
  BOOL,
  BYTES,
  DURATION,
  duration,
  FLOAT64,
  float,
  INT,
  INT64,
  LOCATION,
  num,
  numberType,
  ptrTo,
  STRING,
  TIME,
  time,
} from "./types.ts";
import {
  Bytes,
  GoError,
  type GoTime,
  type Method,
  type Param,
  Ptr,
  type Type,
  UTC,
  type Value,
  ZERO_SECONDS,
  type Zone,
} from "./value.ts";

export const MONTH: Type = numberType("int", "time.Month");
export const WEEKDAY: Type = numberType("int", "time.Weekday");
const LOCATION_POINTER = ptrTo(LOCATION);

function nameIn(names: readonly string[], index: number, what: string): string {
  return names[index] ?? `%!${what}(${index})`;
}

MONTH.methods.set("String", {
  params: [],
  result: STRING,
  call: (self: number) => nameIn(MONTHS, self - 1, "Month").replace(/\((.*)\)/, `(${self})`),
});
WEEKDAY.methods.set("String", {
  params: [],
  result: STRING,
  call: (self: number) => nameIn(WEEKDAYS, self, "Weekday"),
});
LOCATION.methods.set("String", { params: [], pointer: true, result: STRING, call: (self: Zone) => self.name });

// --- Duration ------------------------------------------------------------------------------------------------------

const NANOS_PER = { Hours: 3_600_000_000_000n, Minutes: 60_000_000_000n, Seconds: 1_000_000_000n } as const;

for (const [name, unit] of Object.entries(NANOS_PER)) {
  // As Go: whole units and the rest apart, so that large durations keep their fraction.
  const call = (self: bigint): Value => float(Number(self / unit) + Number(self % unit) / Number(unit));
  DURATION.methods.set(name, { params: [], result: FLOAT64, call });
}
for (const [name, unit] of Object.entries({ Milliseconds: 1_000_000n, Microseconds: 1000n, Nanoseconds: 1n })) {
  DURATION.methods.set(name, { params: [], result: INT64, call: (self: bigint) => self / unit });
}
const durationMethods: Readonly<Record<string, Method>> = {
  String: { params: [], result: STRING, call: (self: bigint) => formatDuration(self) },
  Abs: { params: [], result: DURATION, call: (self: bigint) => duration(self < 0n ? -self : self) },
  Round: {
    params: [P.duration],
    result: DURATION,
    call: (self: bigint, [to]: [bigint]) => duration(roundDuration(self, to)),
  },
  Truncate: {
    params: [P.duration],
    result: DURATION,
    call: (self: bigint, [to]: [bigint]) => duration(truncateDuration(self, to)),
  },
};
for (const [name, method] of Object.entries(durationMethods)) DURATION.methods.set(name, method);

// --- Time ----------------------------------------------------------------------------------------------------------

/** A method without arguments. */
function get(result: Type, call: (self: GoTime) => Value): Method {
  return { params: [], result, call };
}

/** A method with one argument. */
function take<T>(param: Param<T>, result: Type, call: (self: GoTime, argument: T) => Value): Method {
  return { params: [param], result, call: (self: GoTime, [argument]: [T]) => call(self, argument) };
}

function refused(words: string): Method {
  return { params: [], refused: words, call: () => undefined };
}

function secondResult(name: string, type: string): Method {
  return refused(`invalid function signature for ${name}: second return value should be error; is ${type}`);
}

function thirdResult(name: string): Method {
  return refused(`function ${name} has 3 return values; should be 1 or 2`);
}

const encoder = new TextEncoder();

function marshalled(self: GoTime, quoted: boolean): Value {
  try {
    return new Bytes(encoder.encode(quoted ? `"${timeJson(self)}"` : timeJson(self)));
  } catch (error) {
    throw new GoError(error instanceof Error ? error.message : String(error));
  }
}

/** Nanoseconds since year 1, where Go's Truncate and Round count from. */
function sinceYearOne(self: GoTime): bigint {
  return (BigInt(self.seconds) - BigInt(ZERO_SECONDS)) * 1_000_000_000n + BigInt(self.nanos);
}

function withoutMonotonic({ seconds, nanos, zone }: GoTime): GoTime {
  return { seconds, nanos, zone };
}

function truncateTime(self: GoTime, step: bigint): GoTime {
  if (step <= 0n) return withoutMonotonic(self);
  return addDuration(withoutMonotonic(self), -(sinceYearOne(self) % step));
}

function roundTime(self: GoTime, step: bigint): GoTime {
  if (step <= 0n) return withoutMonotonic(self);
  const rest = sinceYearOne(self) % step;
  return addDuration(withoutMonotonic(self), rest + rest < step ? -rest : step - rest);
}

function goString(self: GoTime): string {
  const { year, month, day, hour, minute, second } = civilOf(self);
  const known = self.zone.name === "UTC" || self.zone.name === "Local";
  const zone = known ? `time.${self.zone.name}` : `time.Location(${JSON.stringify(self.zone.name)})`;
  const name = MONTHS[month - 1] ?? "";
  return `time.Date(${year}, time.${name}, ${day}, ${hour}, ${minute}, ${second}, ${self.nanos}, ${zone})`;
}

const timeMethods: Readonly<Record<string, Method>> = {
  String: get(STRING, timeString),
  GoString: get(STRING, goString),
  Format: take(P.string, STRING, formatTime),
  Unix: get(INT64, (self) => BigInt(self.seconds)),
  UnixMilli: get(INT64, (self) => BigInt(self.seconds) * 1000n + BigInt(Math.floor(self.nanos / 1e6))),
  UnixMicro: get(INT64, (self) => BigInt(self.seconds) * 1_000_000n + BigInt(Math.floor(self.nanos / 1000))),
  UnixNano: get(INT64, unixNano),
  IsZero: get(BOOL, (self) => self.seconds === ZERO_SECONDS && self.nanos === 0),
  After: take(P.time, BOOL, (self, other) => compareTimes(self, other) > 0),
  Before: take(P.time, BOOL, (self, other) => compareTimes(self, other) < 0),
  Equal: take(P.time, BOOL, (self, other) => compareTimes(self, other) === 0),
  Compare: take(P.time, INT, (self, other) => Math.sign(compareTimes(self, other))),
  Add: take(P.duration, TIME, (self, by) => time(addDuration(self, by))),
  Sub: take(P.time, DURATION, (self, other) => duration(subtract(self, other))),
  AddDate: {
    params: [P.int, P.int, P.int],
    result: TIME,
    call: (self: GoTime, [years, months, days]: [number, number, number]) => time(addDate(self, years, months, days)),
  },
  Truncate: take(P.duration, TIME, (self, step) => time(truncateTime(self, step))),
  Round: take(P.duration, TIME, (self, step) => time(roundTime(self, step))),
  UTC: get(TIME, (self) => time(inZone(self, UTC))),
  // The local zone is UTC, as in the images of Petrel and of its predecessor.
  Local: get(TIME, (self) => time(inZone(self, UTC))),
  In: take(paramOf(LOCATION_POINTER), TIME, (self, location) => {
    if (!(location instanceof Ptr) || location.native === null) {
      throw new GoError("time: missing Location in call to Time.In");
    }
    return time(inZone(self, location.native as Zone));
  }),
  Location: get(LOCATION_POINTER, (self) => new Ptr(LOCATION_POINTER, self.zone)),
  IsDST: get(BOOL, (self) => {
    // Standard time is the lesser offset of the year's two.
    const { offset } = self.zone.at(self.seconds);
    const halfYear = 15_768_000;
    return (
      offset > Math.min(self.zone.at(self.seconds - halfYear).offset, self.zone.at(self.seconds + halfYear).offset)
    );
  }),
  Year: get(INT, (self) => civilOf(self).year),
  Month: get(MONTH, (self) => num(MONTH, civilOf(self).month)),
  Day: get(INT, (self) => civilOf(self).day),
  Hour: get(INT, (self) => civilOf(self).hour),
  Minute: get(INT, (self) => civilOf(self).minute),
  Second: get(INT, (self) => civilOf(self).second),
  Nanosecond: get(INT, (self) => self.nanos),
  YearDay: get(INT, (self) => civilOf(self).yearDay),
  Weekday: get(WEEKDAY, (self) => num(WEEKDAY, civilOf(self).weekday)),
  MarshalJSON: get(BYTES, (self) => marshalled(self, true)),
  MarshalText: get(BYTES, (self) => marshalled(self, false)),
  ISOWeek: secondResult("ISOWeek", "int"),
  Zone: secondResult("Zone", "int"),
  ZoneBounds: secondResult("ZoneBounds", "time.Time"),
  Clock: thirdResult("Clock"),
  Date: thirdResult("Date"),
};
for (const [name, method] of Object.entries(timeMethods)) TIME.methods.set(name, method);
