/** Go's fmt.Sprintf: the reading of format strings. */
import { checkLength } from "./budget.ts";
import { integerOf } from "./inspect.ts";
import { formatArg, formatValue, PLAIN, type Spec, typeName } from "./print.ts";
import type { Value } from "./value.ts";

/** Go's bound for widths and precisions. */
const TOO_LARGE = 1_000_000;

interface Parsed {
  readonly value: number | undefined;
  readonly next: number;
}

function parseNumber(format: string, from: number): Parsed {
  let at = from;
  let value = 0;
  for (; at < format.length; at++) {
    const digit = format.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) break;
    if (value > TOO_LARGE) return { value: undefined, next: format.length };
    value = value * 10 + digit;
  }
  return { value: at === from ? undefined : value, next: at };
}

export function sprintf(format: string, args: readonly Value[]): string {
  let out = "";
  let argument = 0;
  let reordered = false;
  let at = 0;

  /** `[n]`: moves to that argument. */
  const argumentIndex = (): { found: boolean; good: boolean } => {
    if (format.charAt(at) !== "[") return { found: false, good: true };
    reordered = true;
    const close = format.indexOf("]", at);
    if (close < 0 || format.length - at < 3) {
      at += 1;
      return { found: false, good: false };
    }
    const { value, next } = parseNumber(format, at + 1);
    at = close + 1;
    if (value === undefined || next !== close) return { found: false, good: false };
    if (value < 1 || value > args.length) return { found: true, good: false };
    argument = value - 1;
    return { found: true, good: true };
  };

  /** `*`: the number in the next argument. */
  const starArgument = (): number | undefined => {
    if (argument >= args.length) return undefined;
    const value = integerOf(args[argument]);
    argument += 1;
    if (value === undefined || value > TOO_LARGE || value < -TOO_LARGE) return undefined;
    return Number(value);
  };

  while (at < format.length) {
    const percent = format.indexOf("%", at);
    if (percent < 0) {
      out += format.slice(at);
      break;
    }
    out += format.slice(at, percent);
    at = percent + 1;
    const spec: Spec = { ...PLAIN };
    at = readFlags(format, at, spec);
    let index = argumentIndex();
    let good = index.good;
    if (format.charAt(at) === "*") {
      at += 1;
      spec.width = starArgument();
      if (spec.width === undefined) out += "%!(BADWIDTH)";
      else if (spec.width < 0) {
        spec.width = -spec.width;
        spec.minus = true;
        spec.zero = false;
      }
      index = { found: false, good };
    } else {
      const { value, next } = parseNumber(format, at);
      spec.width = value;
      at = next;
      if (index.found && value !== undefined) good = false;
    }
    if (format.charAt(at) === "." && at + 1 < format.length) {
      at += 1;
      if (index.found) good = false;
      index = argumentIndex();
      good &&= index.good;
      if (format.charAt(at) === "*") {
        at += 1;
        spec.precision = starArgument();
        if (spec.precision !== undefined && spec.precision < 0) spec.precision = undefined;
        if (spec.precision === undefined) out += "%!(BADPREC)";
        index = { found: false, good };
      } else {
        const { value, next } = parseNumber(format, at);
        spec.precision = value ?? 0;
        at = next;
      }
    }
    if (!index.found) {
      index = argumentIndex();
      good &&= index.good;
    }
    if (at >= format.length) {
      out += "%!(NOVERB)";
      break;
    }
    const verb = String.fromCodePoint(format.codePointAt(at) ?? 0);
    at += verb.length;
    if (verb === "%") out += "%";
    else if (!good) out += `%!${verb}(BADINDEX)`;
    else if (argument >= args.length) out += `%!${verb}(MISSING)`;
    else {
      spec.verb = verb;
      if (verb === "v" || verb === "w") {
        spec.sharpV = spec.sharp;
        spec.sharp = false;
        spec.plusV = spec.plus;
        spec.plus = false;
      }
      out += formatArg(args[argument], spec);
      argument += 1;
    }
    checkLength(out.length);
  }
  if (!reordered && argument < args.length) out += extra(args.slice(argument));
  return out;
}

function readFlags(format: string, from: number, spec: Spec): number {
  for (let at = from; ; at++) {
    switch (format.charAt(at)) {
      case "#":
        spec.sharp = true;
        break;
      case "0":
        spec.zero = true;
        break;
      case "+":
        spec.plus = true;
        break;
      case "-":
        spec.minus = true;
        break;
      case " ":
        spec.space = true;
        break;
      default:
        return at;
    }
  }
}

function extra(args: readonly Value[]): string {
  const shown = args.map((arg) =>
    arg === null || arg === undefined ? "<nil>" : `${typeName(arg)}=${formatValue(arg)}`,
  );
  return `%!(EXTRA ${shown.join(", ")})`;
}
