/** sprig's conversions, integers and floats. */
import { spend } from "../budget.ts";
import { appended } from "../capacity.ts";
import { type FuncMap, fn, P, variadic } from "../func.ts";
import { parseFloat64, parseNumber } from "../literal.ts";
import { sprint } from "../print.ts";
import { float, int, ints } from "../types.ts";
import { GoError, Num, Ptr, type Value } from "../value.ts";
import { type Decimal, decimalOf, decimalToFloat, divide, minus, plus, times } from "./decimal.ts";

const atLeast = (a: bigint, b: bigint): bigint => {
  if (b > a) return b;
  return a;
};
const atMost = (a: bigint, b: bigint): bigint => {
  if (b < a) return b;
  return a;
};

const MIN_INT64 = -(1n << 63n);
const MAX_INT64 = (1n << 63n) - 1n;

/** The number types that cast knows: the built-in ones, and two of package time. */
const CASTABLE = /^(?:u?int(?:8|16|32|64)?|float32|float64|time\.Month|time\.Weekday)$/;

/** What a number conversion looks at: pointers are followed, named types are no numbers. */
function castable(value: Value): Value {
  let target = value;
  while (target instanceof Ptr && target.native !== null && target.type.elem !== undefined) {
    target = target.type.elem.box(target.native, true);
  }
  return target instanceof Num && !CASTABLE.test(target.type.name) ? undefined : target;
}

/** Go's conversion of a float on amd64: towards zero; what does not fit is the smallest integer. */
function truncateFloat(value: number): bigint {
  if (!Number.isFinite(value)) return MIN_INT64;
  const whole = BigInt(Math.trunc(value));
  return whole < MIN_INT64 || whole > MAX_INT64 ? MIN_INT64 : whole;
}

/** strconv.ParseInt(text, 0, 64), after cast has cut `.0`; zero for what is no number. */
function parseInt64(text: string): bigint {
  spend(text.length >>> 1);
  const digits = text.replace(/\.0+$/, "");
  if (!/^[+-]?[0-9]/.test(digits) || /[.pP]|^[+-]?(?!0[xX]).*[eE]|i$/.test(digits)) return 0n;
  const constant = parseNumber(digits, "number");
  return typeof constant === "string" ? 0n : (constant.int ?? 0n);
}

/** As cast.ToInt64: zero for what is no number. */
export function toInt64(value: Value): bigint {
  const target = castable(value);
  switch (typeof target) {
    case "bigint":
      return target;
    case "number":
      return BigInt(target);
    case "boolean":
      return target ? 1n : 0n;
    case "string":
      return parseInt64(target);
    default:
      if (!(target instanceof Num)) return 0n;
      if (typeof target.value === "bigint") return BigInt.asIntN(64, target.value);
      return truncateFloat(target.value);
  }
}

/** As cast.ToFloat64. */
export function toFloat64(value: Value): number {
  const target = castable(value);
  switch (typeof target) {
    case "bigint":
    case "number":
      return Number(target);
    case "boolean":
      return target ? 1 : 0;
    case "string":
      return floatOfText(target);
    default:
      return target instanceof Num ? Number(target.value) : 0;
  }
}

/** strconv.ParseFloat; zero for what is no number or too large. */
function floatOfText(text: string): number {
  spend(text.length >>> 1);
  const special = /^([+-]?)(?:(inf|infinity)|nan)$/i.exec(text);
  if (special === null) return parseFloat64(text) ?? 0;
  if (special[2] !== undefined) return special[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return special[1] === "" ? Number.NaN : 0;
}

/** strconv.Atoi: too large numbers give the largest. */
function atoi(text: string): Value {
  if (!/^[+-]?[0-9]+$/.test(text)) return 0;
  const value = BigInt(text.replace(/^\+/, ""));
  return int(value > MAX_INT64 ? MAX_INT64 : value < MIN_INT64 ? MIN_INT64 : value);
}

function toDecimal(value: Value): bigint {
  const text = sprint([value]);
  if (!/^[+-]?[0-7]+$/.test(text)) return 0n;
  const size = BigInt(`0o${text.replace(/^[+-]/, "")}`);
  const number = text.startsWith("-") ? -size : size;
  return number < MIN_INT64 || number > MAX_INT64 ? 0n : number;
}

/** Integers from `start` to before `stop`; none when the step leads away. */
function untilStep(start: number, stop: number, step: number): number[] {
  if (stop < start ? step >= 0 : step <= 0) return [];
  const count = Math.ceil((stop - start) / step);
  spend(count);
  return Array.from({ length: Math.max(count, 0) }, (_, index) => start + index * step);
}

function seq(params: readonly number[]): string {
  const [a = 0, b = 0, c = 0] = params;
  switch (params.length) {
    case 1: {
      const step = a < 1 ? -1 : 1;
      return untilStep(1, a + step, step).join(" ");
    }
    case 2: {
      const step = b < a ? -1 : 1;
      return untilStep(a, b + step, step).join(" ");
    }
    case 3:
      if (c < a && b > 0) return "";
      return untilStep(a, c + (c < a ? -1 : 1), b).join(" ");
    default:
      return "";
  }
}

function quotient(a: bigint, b: bigint): bigint {
  if (b === 0n) throw new GoError("runtime error: integer divide by zero");
  return BigInt.asIntN(64, a / b);
}

function remainder(a: bigint, b: bigint): bigint {
  if (b === 0n) throw new GoError("runtime error: integer divide by zero");
  return a % b;
}

function foldIntegers(first: bigint, rest: readonly Value[], work: (a: bigint, b: bigint) => bigint): bigint {
  let result = first;
  for (const value of rest) result = BigInt.asIntN(64, work(result, toInt64(value)));
  return result;
}

/** math.Max, where infinity beats NaN. */
function larger(a: number, b: number): number {
  return a === Number.POSITIVE_INFINITY || b === Number.POSITIVE_INFINITY ? Number.POSITIVE_INFINITY : Math.max(a, b);
}

function smaller(a: number, b: number): number {
  return a === Number.NEGATIVE_INFINITY || b === Number.NEGATIVE_INFINITY ? Number.NEGATIVE_INFINITY : Math.min(a, b);
}

function foldFloats(first: number, rest: readonly Value[], work: (a: number, b: number) => number): Value {
  let result = first;
  for (const value of rest) result = work(result, toFloat64(value));
  return float(result);
}

/** sprig computes sums and products of floats in decimals, so 0.1 + 0.2 is 0.3. */
function foldDecimals(first: number, rest: readonly Value[], work: (a: Decimal, b: Decimal) => Decimal): Value {
  spend(rest.length * 4);
  let result = decimalOf(first);
  for (const value of rest) result = work(result, decimalOf(toFloat64(value)));
  return float(decimalToFloat(result));
}

/** math.Pow(10, places) by Go's own steps: squares of a fraction and its exponent. */
function powerOfTen(places: number): number {
  let mantissa = 1;
  let exponent = 0;
  let square = 0.625;
  let squareExponent = 4;
  for (let bits = Math.min(Math.abs(places), 4096); bits > 0; bits = Math.floor(bits / 2)) {
    if (bits % 2 === 1) {
      mantissa *= square;
      exponent += squareExponent;
    }
    square *= square;
    squareExponent *= 2;
    if (square < 0.5) {
      square += square;
      squareExponent -= 1;
    }
  }
  if (places < 0) {
    mantissa = 1 / mantissa;
    exponent = -exponent;
  }
  const half = Math.trunc(exponent / 2);
  return mantissa * 2 ** half * 2 ** (exponent - half);
}

function round(value: number, places: number, on: number): number {
  const power = powerOfTen(places);
  const shifted = power * value;
  const fraction = Number.isFinite(shifted) ? shifted - Math.trunc(shifted) : Number.NaN;
  return (fraction >= on ? Math.ceil(shifted) : Math.floor(shifted)) / power;
}

export const numberFuncs: FuncMap = {
  atoi: fn([P.string], atoi),
  int64: fn([P.any], toInt64),
  int: fn([P.any], (value) => int(toInt64(value))),
  float64: fn([P.any], (value) => float(toFloat64(value))),
  toDecimal: fn([P.any], toDecimal),
  seq: variadic([], P.int, (...params) => seq(params)),
  until: fn([P.int], (count) => appended(ints(untilStep(0, count, count < 0 ? -1 : 1)))),
  untilStep: fn([P.int, P.int, P.int], (start, stop, step) => appended(ints(untilStep(start, stop, step)))),
  add1: fn([P.any], (value) => BigInt.asIntN(64, toInt64(value) + 1n)),
  add: variadic([], P.any, (...values) => foldIntegers(0n, values, (a, b) => a + b)),
  sub: fn([P.any, P.any], (a, b) => BigInt.asIntN(64, toInt64(a) - toInt64(b))),
  div: fn([P.any, P.any], (a, b) => quotient(toInt64(a), toInt64(b))),
  mod: fn([P.any, P.any], (a, b) => remainder(toInt64(a), toInt64(b))),
  mul: variadic([P.any], P.any, (first, ...rest) => foldIntegers(toInt64(first), rest, (a, b) => a * b)),
  max: variadic([P.any], P.any, (first, ...rest) => foldIntegers(toInt64(first), rest, atLeast)),
  biggest: variadic([P.any], P.any, (first, ...rest) => foldIntegers(toInt64(first), rest, atLeast)),
  min: variadic([P.any], P.any, (first, ...rest) => foldIntegers(toInt64(first), rest, atMost)),
  add1f: fn([P.any], (value) => foldDecimals(toFloat64(value), [1], plus)),
  addf: variadic([], P.any, (...values) => foldDecimals(0, values, plus)),
  subf: variadic([P.any], P.any, (first, ...rest) => foldDecimals(toFloat64(first), rest, minus)),
  divf: variadic([P.any], P.any, (first, ...rest) => foldDecimals(toFloat64(first), rest, divide)),
  mulf: variadic([P.any], P.any, (first, ...rest) => foldDecimals(toFloat64(first), rest, times)),
  maxf: variadic([P.any], P.any, (first, ...rest) => foldFloats(toFloat64(first), rest, larger)),
  minf: variadic([P.any], P.any, (first, ...rest) => foldFloats(toFloat64(first), rest, smaller)),
  ceil: fn([P.any], (value) => float(Math.ceil(toFloat64(value)))),
  floor: fn([P.any], (value) => float(Math.floor(toFloat64(value)))),
  round: variadic([P.any, P.int], P.float64, (value, places, on = 0.5) => float(round(toFloat64(value), places, on))),
};
