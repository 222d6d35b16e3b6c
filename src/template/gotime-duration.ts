/** Go's time.Duration: an int64 of nanoseconds, here a bigint. */
import { toByteString } from "./byte-string.ts";

const MAX = (1n << 63n) - 1n;
const MIN = -(1n << 63n);

const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  // The micro sign U+00B5 and the Greek mu U+03BC, each as UTF-8 bytes.
  "\xc2\xb5s": 1_000n,
  "\xce\xbcs": 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

/** Nanoseconds of `1h30m`, `-1.5s`; throws an Error with Go's text. */
export function parseDuration(text: string): bigint {
  const bytes = toByteString(text);
  const invalid = (what: string): Error => new Error(`time: ${what} ${quoteTime(bytes)}`);
  const [sign = ""] = /^[+-]?/.exec(bytes) ?? [];
  let rest = bytes.slice(sign.length);
  if (rest === "0") return 0n;
  if (rest === "") throw invalid("invalid duration");
  let total = 0n;
  while (rest !== "") {
    const match = /^([0-9]*)(?:\.([0-9]*))?/.exec(rest);
    const [taken = "", whole = "", fraction = ""] = match ?? [];
    if (whole === "" && fraction === "") throw invalid("invalid duration");
    const value = BigInt(whole === "" ? 0 : whole);
    if (value > 1n << 63n) throw invalid("invalid duration");
    rest = rest.slice(taken.length);
    const [unitText = ""] = /^[^.0-9]*/.exec(rest) ?? [];
    if (unitText === "") throw invalid("missing unit in duration");
    rest = rest.slice(unitText.length);
    const unit = Object.hasOwn(UNITS, unitText) ? UNITS[unitText] : undefined;
    if (unit === undefined) throw invalid(`unknown unit ${quoteTime(unitText)} in duration`);
    if (value > (1n << 63n) / unit) throw invalid("invalid duration");
    total += value * unit + fractionOf(fraction, unit);
    if (total > 1n << 63n) throw invalid("invalid duration");
  }
  if (sign === "-") return -total;
  if (total > MAX) throw invalid("invalid duration");
  return total;
}

/** Go computes this in float64, and cuts digits beyond int64. */
function fractionOf(digits: string, unit: bigint): bigint {
  let value = 0n;
  let scale = 1;
  for (const digit of digits) {
    if (value > MAX / 10n) break;
    const next = value * 10n + BigInt(digit);
    if (next > 1n << 63n) break;
    value = next;
    scale *= 10;
  }
  return value === 0n ? 0n : BigInt(Math.trunc(Number(value) * (Number(unit) / scale)));
}

/** As Duration.String: `1h0m5s`, `1.5ms`, `0s`. */
export function formatDuration(nanoseconds: bigint): string {
  const sign = nanoseconds < 0n ? "-" : "";
  const size = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  if (size === 0n) return "0s";
  if (size < 1_000n) return `${sign}${size}ns`;
  if (size < 1_000_000n) return `${sign}${withFraction(size, 1_000n)}µs`;
  if (size < 1_000_000_000n) return `${sign}${withFraction(size, 1_000_000n)}ms`;
  const minutes = size / 60_000_000_000n;
  const seconds = `${withFraction(size % 60_000_000_000n, 1_000_000_000n)}s`;
  if (minutes === 0n) return sign + seconds;
  const hours = minutes / 60n;
  return `${sign}${hours === 0n ? "" : `${hours}h`}${minutes % 60n}m${seconds}`;
}

function withFraction(value: bigint, unit: bigint): string {
  const rest = value % unit;
  if (rest === 0n) return String(value / unit);
  const digits = String(rest).padStart(String(unit).length - 1, "0");
  return `${value / unit}.${digits.replace(/0+$/, "")}`;
}

/** As Duration.Truncate. */
export function truncateDuration(value: bigint, to: bigint): bigint {
  return to <= 0n ? value : value - (value % to);
}

/** As Duration.Round: half away from zero, the largest or smallest duration where the result does not fit. */
export function roundDuration(value: bigint, to: bigint): bigint {
  if (to <= 0n) return value;
  const rest = value % to;
  const size = rest < 0n ? -rest : rest;
  const down = value - rest;
  if (size * 2n < to) return down;
  const rounded = value < 0n ? down - to : down + to;
  return rounded > MAX ? MAX : rounded < MIN ? MIN : rounded;
}

/** The time package's own quoting, of a byte string. */
export function quoteTime(bytes: string): string {
  let out = '"';
  for (const char of bytes) {
    if (char < " " || char >= "\x80") out += `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`;
    else out += char === '"' || char === "\\" ? `\\${char}` : char;
  }
  return `${out}"`;
}
