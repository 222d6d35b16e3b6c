/** Arguments: Go's checks and conversions, done at load where the argument is a constant. */
import { type Eval, type Expr, errorAt, note, type Run, report, type Scope, type Unit } from "./context.ts";
import { typeOf } from "./inspect.ts";
import type { Arg, Node } from "./node.ts";
import { describe } from "./node.ts";
import { ANY, ANY_DICT, dict, float as floatValue, int, STRING, STRING_DICT, TIME } from "./types.ts";
import { Complex, Dict, type GoTime, Num, type Param, Ptr, Struct, type Type, type Value } from "./value.ts";
import { canBeNil, zeroOf } from "./zero.ts";

/** Makes what the function receives from a value. */
export type Convert = (value: Value) => unknown;
export type EvalArg = (run: Run, dot: Value, final: Value) => unknown;
type Anything = Param<unknown>;

/** A value of the parameter's own type, as the function takes it. */
function pass(param: Anything, value: Value): unknown {
  switch (param.pass) {
    case "number":
      return value instanceof Num ? Number(value.value) : Number(value);
    case "bigint":
      return value instanceof Num ? BigInt(value.value) : BigInt(value as number | bigint);
    case "time":
      return value instanceof Struct ? (value.native as GoTime) : value;
    default:
      return value;
  }
}

/** What an `any` parameter receives: a copy is not addressable any more, and no value is nil. */
function toInterface(value: Value): Value {
  if (value === undefined) return null;
  return value instanceof Struct && value.addressable ? new Struct(value.type, value.native) : value;
}

/** @param node where errors are placed: what was evaluated last */
export function converter(unit: Unit, param: Anything, node: Node): Convert {
  if (param.pass === "reflect") return (value) => value;
  if (param.type.kind === "interface") return toInterface;
  if (param.type === STRING) return (value) => (typeof value === "string" ? value : convert(unit, param, node, value));
  return (value) => convert(unit, param, node, value);
}

function convert(unit: Unit, param: Anything, node: Node, value: Value): unknown {
  const { type } = param;
  if (value === undefined) {
    if (canBeNil(type)) return zeroOf(type);
    throw errorAt(unit, node, `invalid value; expected ${type.name}`);
  }
  const own = typeOf(value);
  if (own === type) return pass(param, value);
  if (value instanceof Ptr && value.type.elem === type) {
    if (value.native === null) throw errorAt(unit, node, `dereference of nil pointer of type ${type.name}`);
    return pass(param, type.box(value.native, true));
  }
  if (value instanceof Struct && value.addressable && type.kind === "ptr" && type.elem === value.type) {
    return new Ptr(type, value.native);
  }
  if (unit.lenient) {
    if (type === ANY_DICT && value instanceof Dict && value.type === STRING_DICT) return dict(new Map(value.entries));
    if (type === TIME && value instanceof Struct && value.type.timeOf !== undefined) {
      return value.type.timeOf(value.native);
    }
  }
  throw errorAt(unit, node, mismatch(type, own?.name ?? "interface {}"));
}

function mismatch(want: Type, got: string): string {
  return `wrong type for value; expected ${want.name}; got ${got}`;
}

/** Whether a value of this type can never be given for the parameter. */
function neverFits(unit: Unit, param: Anything, type: Type): boolean {
  const want = param.type;
  if (param.pass === "reflect" || want.kind === "interface" || type.kind === "interface" || type === want) return false;
  if (type.kind === "ptr" && type.elem === want) return false;
  if (want.kind === "ptr" && want.elem === type) return false;
  if (unit.lenient && want === ANY_DICT && type === STRING_DICT) return false;
  return !(unit.lenient && want === TIME && type.timeOf !== undefined);
}

/** The number, string or bool that is written, as a value of no asked type. */
export function constantOf(arg: Arg): Value {
  switch (arg.type) {
    case "bool":
    case "string":
      return arg.value;
    case "number": {
      const { text, int: whole, float, complex } = arg.value;
      if (complex !== undefined) return new Complex(complex.re, complex.im);
      const looksInt = text.startsWith("'") || (/^0[xX]/.test(text) && text.length > 2 && !/[pP]/.test(text));
      if (float !== undefined && !looksInt && /[.eEpP]/.test(text)) return floatValue(float);
      return whole === undefined ? undefined : int(whole);
    }
    default:
      return undefined;
  }
}

/** A constant for a parameter of a basic type, or what is wrong. */
function constantFor(arg: Arg, param: Anything): { readonly value: unknown } | { readonly wrong: string } {
  const { type } = param;
  const found = describe(arg);
  switch (type.kind) {
    case "interface": {
      const value = constantOf(arg);
      return value === undefined ? { wrong: `${found} overflows int` } : { value };
    }
    case "bool":
      return arg.type === "bool" ? { value: arg.value } : { wrong: `expected bool; found ${found}` };
    case "string":
      if (arg.type !== "string") return { wrong: `expected string; found ${found}` };
      return { value: type === STRING ? arg.value : type.box(arg.value, false) };
    case "int":
    case "int8":
    case "int16":
    case "int32":
    case "int64":
      if (arg.type !== "number" || arg.value.int === undefined) return { wrong: `expected integer; found ${found}` };
      return { value: pass(param, type.box(arg.value.int, false)) };
    case "uint":
    case "uint8":
    case "uint16":
    case "uint32":
    case "uint64":
      if (arg.type !== "number" || arg.value.uint === undefined) {
        return { wrong: `expected unsigned integer; found ${found}` };
      }
      return { value: pass(param, type.box(arg.value.uint, false)) };
    case "float32":
    case "float64":
      if (arg.type !== "number" || arg.value.float === undefined) return { wrong: `expected float; found ${found}` };
      return { value: pass(param, type.box(arg.value.float, false)) };
    default:
      return { wrong: `can't handle ${found} for arg of type ${type.name}` };
  }
}

/** The node that errors about a value name: what Go has visited last to get it. */
export function lastVisited(arg: Arg): Node {
  if (arg.type === "pipe") {
    const last = arg.commands.at(-1)?.args.at(-1);
    return last === undefined ? arg : lastVisited(last);
  }
  return arg.type === "chain" ? lastVisited(arg.node) : arg;
}

/** @param compile compiles what is no constant */
export function compileArgument(scope: Scope, arg: Arg, param: Anything, compile: (arg: Arg) => Expr): EvalArg {
  const { unit } = scope;
  switch (arg.type) {
    case "nil": {
      if (param.pass === "reflect") return () => undefined;
      if (!canBeNil(param.type)) return report(scope, arg, `cannot assign nil to ${param.type.name}`);
      return () => zeroOf(param.type);
    }
    case "bool":
    case "number":
    case "string": {
      const constant = constantFor(arg, param.pass === "reflect" ? { ...param, type: ANY } : param);
      if ("wrong" in constant) return report(scope, arg, constant.wrong);
      const { value } = constant;
      return () => value;
    }
    default: {
      const expr = compile(arg);
      const node = lastVisited(arg);
      const evaluate: Eval = expr.eval;
      if (expr.type !== undefined && neverFits(unit, param, expr.type)) {
        return report(scope, node, mismatch(param.type, expr.type.name), evaluate);
      }
      if (param.pass === "reflect") return (run, dot) => evaluate(run, dot, undefined);
      const to = converter(unit, param, node);
      return (run, dot) => to(evaluate(run, dot, undefined));
    }
  }
}

export interface Arguments {
  readonly evals: readonly EvalArg[];
  /** For the piped value, when there is one. */
  readonly final: Convert | undefined;
}

/** The arguments of a call, or what is wrong with their number. */
export function compileArguments(
  scope: Scope,
  name: string,
  callee: { readonly params: readonly Anything[]; readonly rest?: Anything; readonly refused?: string },
  args: readonly Arg[],
  piped: { readonly node: Node; readonly type: Type | undefined } | undefined,
  compile: (arg: Arg) => Expr,
  self: Node,
): Arguments | string {
  const { params, rest } = callee;
  const given = args.length + (piped === undefined ? 0 : 1);
  if (rest === undefined && given !== params.length) {
    return `wrong number of args for ${name}: want ${params.length} got ${given}`;
  }
  if (given < params.length) {
    return `wrong number of args for ${name}: want at least ${params.length} got ${args.length}`;
  }
  if (callee.refused !== undefined) return callee.refused;
  const paramAt = (index: number): Anything => params[index] ?? rest ?? params[0] ?? { type: ANY, pass: "value" };
  const evals = args.map((arg, index) => compileArgument(scope, arg, paramAt(index), compile));
  if (piped === undefined) return { evals, final: undefined };
  const lastArg = args.at(-1);
  const node = lastArg === undefined ? self : lastVisited(lastArg);
  if (piped.type !== undefined && neverFits(scope.unit, paramAt(given - 1), piped.type)) {
    note(scope, node, mismatch(paramAt(given - 1).type, piped.type.name));
  }
  return { evals, final: converter(scope.unit, paramAt(given - 1), node) };
}
