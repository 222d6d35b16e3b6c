/** Go's number literals, as text/template reads them: a constant may be an int, a uint and a float at once. */
import { unquoteCharLiteral } from "./quote.ts";

export interface NumberConstant {
  readonly text: string;
  readonly int?: bigint;
  readonly uint?: bigint;
  readonly float?: number;
  readonly complex?: { readonly re: number; readonly im: number };
}

const MAX_INT64 = 2n ** 63n - 1n;
const MIN_INT64 = -(2n ** 63n);
const MAX_UINT64 = 2n ** 64n - 1n;

/** Go's rule for `_` in numbers: between digits, or between base prefix and digit. */
function underscoresFit(text: string): boolean {
  if (!text.includes("_")) return true;
  const body = text.replace(/^[+-]/, "");
  const prefixed = /^0[bBoOxX]/.test(body);
  const hex = /^0[xX]/.test(body);
  const rest = prefixed ? `0${body.slice(2)}` : body;
  const digit = hex ? "[0-9a-fA-F]" : "[0-9]";
  return !new RegExp(`(?<!${digit})_|_(?!${digit})`).test(rest);
}

/** strconv.ParseInt(text, 0, …) without a range; undefined: not an integer. */
function parseInteger(text: string): bigint | undefined {
  const sign = /^[+-]/.test(text) ? text.charAt(0) : "";
  const body = text.slice(sign.length);
  if (body.includes("_") && !underscoresFit(text)) return undefined;
  const digits = body.replaceAll("_", "");
  let value: bigint;
  if (/^0[xX][0-9a-fA-F]+$|^0[oO][0-7]+$|^0[bB][01]+$/.test(digits)) value = BigInt(digits.toLowerCase());
  else if (/^0[0-7]+$/.test(digits)) value = BigInt(`0o${digits.slice(1)}`);
  else if (/^(0|[1-9][0-9]*)$/.test(digits)) value = BigInt(digits);
  else return undefined;
  return sign === "-" ? -value : value;
}

/** strconv.ParseFloat(text, 64); undefined: no float, or out of range. */
export function parseFloat64(text: string): number | undefined {
  if (text.includes("_") && !underscoresFit(text)) return undefined;
  const plain = text.replaceAll("_", "");
  let value: number;
  const hex = /^([+-]?)0[xX]([0-9a-fA-F]*)\.?([0-9a-fA-F]*)[pP]([+-]?[0-9]+)$/.exec(plain);
  if (hex !== null) {
    const [, sign = "", whole = "", part = "", exponent = "0"] = hex;
    if (whole + part === "") return undefined;
    value = scale(BigInt(`0x${whole}${part}`), Number(exponent) - 4 * part.length);
    if (sign === "-") value = -value;
  } else {
    if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(plain)) return undefined;
    value = Number(plain);
  }
  return Number.isFinite(value) ? value : undefined;
}

/** mantissa × 2^exponent, rounded once. */
function scale(mantissa: bigint, exponent: number): number {
  if (exponent >= 0) return Number(mantissa) * 2 ** exponent;
  return exponent < -1000
    ? (Number(mantissa) * 2 ** -1000) / 2 ** (-1000 - exponent)
    : Number(mantissa) / 2 ** -exponent;
}

/** The integer that a float is, if it is one. */
function exactInteger(value: number): bigint | undefined {
  return Number.isInteger(value) ? BigInt(value) : undefined;
}

function inRange(value: bigint | undefined, low: bigint, high: bigint): bigint | undefined {
  return value !== undefined && value >= low && value <= high ? value : undefined;
}

function fromComplex(text: string, re: number, im: number): NumberConstant {
  if (im !== 0) return { text, complex: { re, im } };
  return { ...fromFloat(text, re), complex: { re, im } };
}

function fromFloat(text: string, float: number): NumberConstant {
  const whole = exactInteger(float);
  const int = inRange(whole, MIN_INT64, MAX_INT64);
  const uint = inRange(whole, 0n, MAX_UINT64);
  return { text, float, ...(int === undefined ? {} : { int }), ...(uint === undefined ? {} : { uint }) };
}

/** A literal's constant, or what is wrong with it. */
export function parseNumber(text: string, kind: "number" | "charConstant" | "complex"): NumberConstant | string {
  if (kind === "charConstant") {
    const code = unquoteCharLiteral(text);
    if (typeof code === "string") return code;
    return { text, int: BigInt(code), uint: BigInt(code), float: code };
  }
  if (kind === "complex") {
    const parts = /^([+-]?(?:[^+-]|(?<=[eEpP])[+-])+)([+-].*)i$/.exec(text);
    const re = parseFloat64(parts?.[1] ?? "");
    const im = parseFloat64(parts?.[2] ?? "");
    return re === undefined || im === undefined ? "syntax error scanning complex number" : fromComplex(text, re, im);
  }
  if (text.endsWith("i")) {
    const im = parseFloat64(text.slice(0, -1));
    if (im !== undefined) return fromComplex(text, 0, im);
  }
  const integer = parseInteger(text);
  const int = inRange(integer, MIN_INT64, MAX_INT64);
  const uint = /^[+-]/.test(text) && integer !== 0n ? undefined : inRange(integer, 0n, MAX_UINT64);
  if (int !== undefined || uint !== undefined) {
    return {
      text,
      float: Number(int ?? uint),
      ...(int === undefined ? {} : { int }),
      ...(uint === undefined ? {} : { uint }),
    };
  }
  const float = parseFloat64(text);
  if (float === undefined) return `illegal number syntax: "${text}"`;
  return /[.eEpP]/.test(text) ? fromFloat(text, float) : `integer overflow: "${text}"`;
}
