/** The functions that templates call: their parameters as Go has them, their work in JavaScript. */
import { ANY, ANY_DICT, ANY_LIST, BOOL, DURATION, FLOAT64, INT, INT64, STRING, STRING_LIST, TIME } from "./types.ts";
import type { Dict, GoTime, Param, Slice, Type, Value } from "./value.ts";

/** Parameter types for {@link fn}. `any` never receives undefined; `reflect` is Go's reflect.Value: it may. */
export const P = {
  any: { type: ANY, pass: "value" } as Param<Exclude<Value, undefined>>,
  reflect: { type: ANY, pass: "reflect" } as Param<Value>,
  string: { type: STRING, pass: "value" } as Param<string>,
  bool: { type: BOOL, pass: "value" } as Param<boolean>,
  /** A number; integers beyond 2^53 arrive rounded. */
  int: { type: INT, pass: "number" } as Param<number>,
  int64: { type: INT64, pass: "bigint" } as Param<bigint>,
  float64: { type: FLOAT64, pass: "number" } as Param<number>,
  dict: { type: ANY_DICT, pass: "value" } as Param<Dict>,
  list: { type: ANY_LIST, pass: "value" } as Param<Slice>,
  strings: { type: STRING_LIST, pass: "value" } as Param<Slice>,
  time: { type: TIME, pass: "time" } as Param<GoTime>,
  duration: { type: DURATION, pass: "bigint" } as Param<bigint>,
} as const;

/** A parameter of any other type; it receives the value. */
export function paramOf(type: Type): Param<Value> {
  return { type, pass: "value" };
}

export interface Func {
  readonly params: readonly Param<unknown>[];
  /** Repeats after `params`, any number of times. */
  readonly rest?: Param<unknown>;
  /** Go's result type where it is one, known before the call. */
  readonly result?: Type;
  /** Not available here, and why: a template that names it is refused at load. */
  readonly refused?: string;
  /** Throws GoError for what Go returns as an error or panics with. */
  call(...args: unknown[]): Value;
}

export type FuncMap = Readonly<Record<string, Func>>;

type Natives<Params extends readonly Param<unknown>[]> = {
  -readonly [K in keyof Params]: Params[K] extends Param<infer T> ? T : never;
};

/** A function with fixed parameters: `fn([P.int, P.string], (n, text) => …)`. */
export function fn<const Params extends readonly Param<unknown>[]>(
  params: Params,
  call: (...args: Natives<Params>) => Value,
  more: Pick<Func, "result" | "refused"> = {},
): Func {
  return { params, call: call as Func["call"], ...more };
}

/** A function whose last parameter repeats: `variadic([P.string], P.any, (sep, ...items) => …)`. */
export function variadic<const Params extends readonly Param<unknown>[], Rest>(
  params: Params,
  rest: Param<Rest>,
  call: (...args: [...Natives<Params>, ...Rest[]]) => Value,
  more: Pick<Func, "result" | "refused"> = {},
): Func {
  return { params, rest, call: call as Func["call"], ...more };
}
