import { describe, expect, test } from "bun:test";
import {
  addDate,
  addDuration,
  formatTime,
  isoWeek,
  subtract,
  timeString,
  unixNano,
} from "../../src/template/gotime.ts";
import { formatDuration, parseDuration, roundDuration, truncateDuration } from "../../src/template/gotime-duration.ts";
import { parseTime } from "../../src/template/gotime-parse.ts";
import { loadZone, localZone } from "../../src/template/gotime-zone.ts";
import { UTC, ZERO_TIME, type Zone } from "../../src/template/value.ts";
import vectors from "../fixtures/gotemplate/time.json" with { type: "json" };

const RFC3339_NANO = "2006-01-02T15:04:05.999999999Z07:00";

interface Vector {
  readonly id: string;
  readonly duration?: string;
  readonly ns?: string;
  readonly string?: string;
  readonly layout?: string;
  readonly instant?: string;
  readonly zone?: string;
  readonly value?: string;
  readonly out?: string;
  readonly error?: string;
}

function zone(name: string): Zone {
  const found = loadZone(name, UTC);
  if (found === undefined) throw new Error(`no zone ${name}`);
  return found;
}

function render(vector: Vector): Record<string, string> {
  const { duration, layout = "", instant, value } = vector;
  try {
    if (duration !== undefined) {
      const ns = parseDuration(duration);
      return { ns: String(ns), string: formatDuration(ns) };
    }
    if (instant !== undefined) {
      const time = parseTime(RFC3339_NANO, instant, UTC);
      return { out: formatTime({ ...time, zone: zone(vector.zone ?? "UTC") }, layout) };
    }
    return { out: formatTime(parseTime(layout, value ?? "", UTC), RFC3339_NANO) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

describe("Go's answers", () => {
  // Local mean times and the like of before 1970 depend on how much history a copy of the zone data keeps.
  const historical = (vector: Vector): boolean =>
    vector.instant !== undefined && vector.instant < "1970" && vector.zone === "Europe/Amsterdam";
  const all: readonly Vector[] = vectors;
  const binding = all.filter((vector) => !historical(vector));
  let passed = 0;
  test.each(binding.map((vector) => [vector.id, vector] as const))("%s", (_id, vector) => {
    const { id: _, duration: _d, layout: _l, instant: _i, zone: _z, value: _v, ...wanted } = vector;
    expect(render(vector)).toEqual(wanted);
    passed++;
  });
  test("score", () => {
    console.log(`time.json: ${passed} of ${all.length} (${all.length - binding.length} not binding)`);
    expect(passed).toBe(binding.length);
  });
});

test("zones have Go's names only", () => {
  expect(loadZone("europe/berlin", UTC)).toBeUndefined();
  expect(loadZone("+05:00", UTC)).toBeUndefined();
  expect(loadZone("../etc", UTC)).toBeUndefined();
  expect(loadZone("", UTC)).toBe(UTC);
  const local = localZone("Europe/Berlin");
  expect(loadZone("Local", local)).toBe(local);
  expect(local.name).toBe("Local");
});

const ABBREVIATIONS: readonly [zone: string, instant: string, out: string][] = [
  ["Europe/Berlin", "2026-03-29T00:59:59Z", "CET +0100"],
  ["Europe/Berlin", "2026-03-29T01:00:00Z", "CEST +0200"],
  ["Europe/Moscow", "2012-01-01T00:00:00Z", "MSK +0400"],
  ["Europe/Moscow", "2005-07-01T00:00:00Z", "MSD +0400"],
  ["Europe/Lisbon", "1994-01-01T00:00:00Z", "CET +0100"],
  ["Europe/Lisbon", "2026-07-01T00:00:00Z", "WEST +0100"],
  ["America/St_Johns", "2006-10-29T02:30:59Z", "NDT -0230"],
  ["America/St_Johns", "2006-10-29T02:31:00Z", "NST -0330"],
  ["Africa/Casablanca", "2026-03-01T00:00:00Z", "+00 +0000"],
  ["Asia/Kathmandu", "2026-01-01T00:00:00Z", "+0545 +0545"],
  ["Pacific/Guam", "2026-01-01T00:00:00Z", "ChST +1000"],
];

test.each(ABBREVIATIONS)("%s at %s is %s", (name, instant, out) => {
  const time = parseTime(RFC3339_NANO, instant, UTC);
  expect(formatTime({ ...time, zone: zone(name) }, "MST -0700")).toBe(out);
});

test("parsing knows the abbreviations of its zone and keeps foreign ones", () => {
  const layout = "2006-01-02 15:04 MST";
  const show = (text: string, name: string): string => timeString(parseTime(layout, text, zone(name)));
  expect(show("2026-07-01 12:00 CEST", "Europe/Berlin")).toBe("2026-07-01 12:00:00 +0200 CEST");
  expect(show("1975-04-16 10:04 EST", "America/New_York")).toBe("1975-04-16 11:04:00 -0400 EDT");
  expect(show("2026-07-01 12:00 CEST", "UTC")).toBe("2026-07-01 12:00:00 +0000 CEST");
  expect(show("2026-07-01 12:00 GMT-3", "UTC")).toBe("2026-07-01 09:00:00 -0300 GMT-3");
});

test("arithmetic", () => {
  const time = parseTime(RFC3339_NANO, "2024-01-31T23:59:59.5Z", UTC);
  expect(timeString(addDate(time, 0, 1, 0))).toBe("2024-03-02 23:59:59.5 +0000 UTC");
  expect(timeString(addDuration(time, -1_500_000_001n))).toBe("2024-01-31 23:59:57.999999999 +0000 UTC");
  expect(subtract(time, addDuration(time, 90n))).toBe(-90n);
  expect(subtract(time, ZERO_TIME)).toBe((1n << 63n) - 1n);
  expect(unixNano(ZERO_TIME)).toBe(-6795364578871345152n);
  expect(isoWeek(parseTime("2006-01-02", "2027-01-03", UTC))).toEqual({ year: 2026, week: 53 });
  expect(roundDuration(-1_500_000_000n, 1_000_000_000n)).toBe(-2_000_000_000n);
  expect(truncateDuration(1_999_999_999n, 1_000_000_000n)).toBe(1_000_000_000n);
});

test("a time from the clock prints its monotonic part", () => {
  expect(timeString({ seconds: 0, nanos: 5, zone: UTC, monotonic: 1_500_000_000 })).toBe(
    "1970-01-01 00:00:00.000000005 +0000 UTC m=+1.500000000",
  );
});
