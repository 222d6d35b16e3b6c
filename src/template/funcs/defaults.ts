/** sprig's defaults, JSON, reflection and flow control. */

import { LimitError } from "../budget.ts";
import { type FuncMap, fn, P, variadic } from "../func.ts";
import { isTrue, typeOf } from "../inspect.ts";
import { decodeJson, encodeJson, indentJson } from "../json.ts";
import { typeName } from "../print.ts";
import { GoError, type Value } from "../value.ts";
import { deepEqual } from "./equal.ts";

/** What a function gives whose Go original drops the error. */
function orElse<T>(work: () => T, fallback: T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof GoError && !(error instanceof LimitError)) return fallback;
    throw error;
  }
}

function kindOf(value: Value): string {
  return typeOf(value)?.kind ?? "invalid";
}

function typeIsLike(wanted: string, value: Value): boolean {
  const name = typeName(value);
  return wanted === name || `*${wanted}` === name;
}

const pretty = (value: Value): string => indentJson(encodeJson(value, true));

const toRawJson = fn([P.any], (value) => encodeJson(value, false));

export const defaultFuncs: FuncMap = {
  default: variadic([P.any], P.any, (fallback, ...given) => {
    const [first] = given;
    return first !== undefined && isTrue(first) ? first : fallback;
  }),
  empty: fn([P.any], (value) => !isTrue(value)),
  coalesce: variadic([], P.any, (...values) => values.find(isTrue) ?? null),
  all: variadic([], P.any, (...values) => values.every(isTrue)),
  any: variadic([], P.any, (...values) => values.some(isTrue)),
  ternary: fn([P.any, P.any, P.bool], (yes, no, condition) => (condition ? yes : no)),
  fail: fn([P.string], (message) => {
    throw new GoError(message);
  }),
  fromJson: fn([P.string], (text) => orElse(() => decodeJson(text), null)),
  mustFromJson: fn([P.string], decodeJson),
  toJson: fn([P.any], (value) => orElse(() => encodeJson(value, true), "")),
  mustToJson: fn([P.any], (value) => encodeJson(value, true)),
  toPrettyJson: fn([P.any], (value) => orElse(() => pretty(value), "")),
  mustToPrettyJson: fn([P.any], pretty),
  toRawJson,
  mustToRawJson: toRawJson,
  typeOf: fn([P.any], typeName),
  typeIs: fn([P.string, P.any], (wanted, value) => wanted === typeName(value)),
  typeIsLike: fn([P.string, P.any], typeIsLike),
  kindOf: fn([P.any], kindOf),
  kindIs: fn([P.string, P.any], (wanted, value) => wanted === kindOf(value)),
  deepEqual: fn([P.any, P.any], deepEqual),
};
