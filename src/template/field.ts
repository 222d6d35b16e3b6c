/** `.a.b.c`: fields of structs, methods, keys of maps. */
import { lastVisited } from "./call.ts";
import { type Eval, type Expr, errorAt, note, rethrow, type Scope, type Unit } from "./context.ts";
import { typeOf } from "./inspect.ts";
import { findMember, planChain } from "./member.ts";
import type { Node } from "./node.ts";
import { ANY } from "./types.ts";
import { Dict, type Method, Num, Ptr, Str, Struct, type Type, type Value } from "./value.ts";

/** Calls a method with arguments that are already known how to evaluate. */
export type CallMethod = (method: Method, name: string) => (self: unknown) => Value;

/** A struct or named value, seen through its pointer or not. */
interface Receiver {
  readonly type: Type;
  readonly native: unknown;
  readonly addressable: boolean;
  readonly isNil: boolean;
}

function receiverOf(value: Value): Receiver | undefined {
  if (value instanceof Struct) {
    return { type: value.type, native: value.native, addressable: value.addressable, isNil: false };
  }
  if (value instanceof Ptr && value.type.elem !== undefined) {
    return { type: value.type.elem, native: value.native, addressable: true, isNil: value.native === null };
  }
  if (value instanceof Num || value instanceof Str) {
    return { type: value.type, native: value.value, addressable: false, isNil: false };
  }
  return undefined;
}

/** One step for any value. `call` runs a method; without it, arguments are an error. */
function step(
  unit: Unit,
  node: Node,
  name: string,
  receiver: Value,
  hasArgs: boolean,
  call: CallMethod,
  typeText = typeOf(receiver)?.name ?? "",
): Value {
  if (receiver === undefined) return undefined;
  if (receiver === null) throw errorAt(unit, node, `nil pointer evaluating interface {}.${name}`);
  if (receiver instanceof Dict) {
    if (hasArgs) throw errorAt(unit, node, `${name} is not a method but has arguments`);
    return receiver.entries.get(name);
  }
  const target = receiverOf(receiver);
  if (target === undefined) throw errorAt(unit, node, `can't evaluate field ${name} in type ${typeText}`);
  if (target.type.kind === "map" && !target.isNil) {
    return step(unit, node, name, target.type.box(target.native, true), hasArgs, call);
  }
  const member = findMember(target.type, name);
  if (member?.is === "method" && (target.addressable || member.method.pointer !== true)) {
    if (target.isNil && !(member.takesNil && member.method.pointer === true)) {
      throw errorAt(unit, node, nilMessage(typeText, name, member.method));
    }
    return call(member.method, name)(target.isNil ? null : member.self(target.native));
  }
  if (member?.is === "field") {
    if (target.isNil) throw errorAt(unit, node, `nil pointer evaluating ${typeText}.${name}`);
    if (member.field.unexported === true) throw errorAt(unit, node, unexportedMessage(typeText, name));
    if (hasArgs) throw errorAt(unit, node, `${name} has arguments but cannot be invoked as function`);
    return member.field.type.box(member.get(target.native), target.addressable);
  }
  if (target.isNil && target.type.kind !== "struct") {
    throw errorAt(unit, node, `nil pointer evaluating ${typeText}.${name}`);
  }
  throw errorAt(unit, node, unknownMessage(unit, target.type, typeText, name));
}

function nilMessage(type: string, name: string, method: Method): string {
  if (method.pointer === true)
    return `error calling ${name}: runtime error: invalid memory address or nil pointer dereference`;
  const [, bare = type] = /^\*(.*)$/.exec(type) ?? [];
  const short = bare.replace(/^.*\./, "");
  return `error calling ${name}: value method ${bare}.${name} called using nil *${short} pointer`;
}

function unexportedMessage(type: string, name: string): string {
  return `${name} is an unexported field of struct type ${type}`;
}

function unknownMessage(unit: Unit, type: Type, typeText: string, name: string): string {
  const proposal = unit.propose?.(type, name);
  const text = `can't evaluate field ${name} in type ${typeText}`;
  return proposal === undefined ? text : `${text}; did you mean \`${proposal}\`?`;
}

/** What is known of a chain without data: the type of its value, or what is wrong with it. */
type Known = { readonly type: Type | undefined } | { readonly wrong: string };

function inspect(unit: Unit, root: Type | undefined, names: readonly string[], hasArgs: boolean): Known {
  let type = root;
  for (const [index, name] of names.entries()) {
    if (type === undefined || type.kind === "interface") return { type: undefined };
    const isLast = index === names.length - 1;
    const base = type.kind === "ptr" ? type.elem : type;
    if (base === undefined) return { type: undefined };
    if (base.kind === "map") {
      if (isLast && hasArgs) return { wrong: `${name} is not a method but has arguments` };
      // A key that is missing has no value, of no type; what follows then is no error.
      if (isLast || base.elem === undefined || base.elem.kind === "interface") return { type: undefined };
      return { type: undefined };
    }
    const member = findMember(base, name);
    if (member === undefined) return { wrong: unknownMessage(unit, base, type.name, name) };
    if (member.is === "method") {
      const { method } = member;
      if (isLast && hasArgs) return { type: method.result };
      if (method.params.length > 0) {
        const want = method.rest === undefined ? "want" : "want at least";
        return { wrong: `wrong number of args for ${name}: ${want} ${method.params.length} got 0` };
      }
      if (method.refused !== undefined) return { wrong: method.refused };
      type = method.result;
      continue;
    }
    if (member.field.unexported === true) return { wrong: unexportedMessage(type.name, name) };
    if (isLast && hasArgs) return { wrong: `${name} has arguments but cannot be invoked as function` };
    type = member.field.type;
  }
  return { type };
}

/**
 * A chain of names on the value of `receiver`.
 *
 * @param makeCall compiles the arguments of the last name, should it be a method
 */
export function compileChain(
  scope: Scope,
  node: Node,
  receiver: Expr,
  names: readonly string[],
  hasArgs: boolean,
  makeCall: (
    method: Method,
    name: string,
  ) => (run: Parameters<Eval>[0], dot: Value, final: Value, self: unknown) => Value,
): Expr {
  const { unit } = scope;
  const { eval: evalReceiver } = receiver;
  // What Go blames for a field: of `(pipeline).field`, what it has visited last in the pipeline.
  const place = node.type === "chain" ? lastVisited(node.node) : node;
  const known = inspect(unit, receiver.type, names, hasArgs);
  if ("wrong" in known) note(scope, place, known.wrong);
  const last = names.length - 1;
  const noArguments: CallMethod = (method, name) => {
    if (method.params.length > 0) {
      const want = method.rest === undefined ? "want" : "want at least";
      throw errorAt(unit, place, `wrong number of args for ${name}: ${want} ${method.params.length} got 0`);
    }
    if (method.refused !== undefined) throw errorAt(unit, place, method.refused);
    return (self) => callPlain(unit, node, method, name, self);
  };
  let plan = receiver.type === undefined ? undefined : planChain(receiver.type, names);
  if (hasArgs && plan !== undefined && plan.used > last) plan = undefined;
  let planned: Type | undefined = plan === undefined ? undefined : receiver.type;
  let lastCall: { method: Method; call: ReturnType<typeof makeCall> } | undefined;

  const evaluate: Eval = (run, dot, final) => {
    let value = evalReceiver(run, dot, undefined);
    let index = 0;
    if (value instanceof Ptr || value instanceof Struct) {
      const { type, native } = value;
      if (type !== planned) {
        planned = type;
        plan = planChain(type, names);
        if (hasArgs && plan !== undefined && plan.used > last) plan = undefined;
      }
      if (plan !== undefined && native !== null) {
        value = plan.result.box(plan.get(native), value instanceof Ptr || value.addressable);
        index = plan.used;
      }
    }
    // What comes out of a map of any is an interface to Go, and errors say so.
    let typeText: string | undefined;
    for (; index < last; index++) {
      const next = step(unit, place, names[index] ?? "", value, false, noArguments, typeText);
      typeText = value instanceof Dict && value.type.elem === ANY ? ANY.name : undefined;
      value = next;
    }
    if (index > last) return value;
    const callLast: CallMethod = (method, name) => (self) => {
      if (lastCall?.method !== method) lastCall = { method, call: makeCall(method, name) };
      return lastCall.call(run, dot, final, self);
    };
    return step(unit, place, names[last] ?? "", value, hasArgs, callLast, typeText);
  };
  return { eval: evaluate, type: "wrong" in known ? undefined : known.type };
}

/** A method without arguments. */
function callPlain(unit: Unit, node: Node, method: Method, name: string, self: unknown): Value {
  try {
    return method.call(self, []);
  } catch (error) {
    return rethrow(unit, node, name, error);
  }
}

/** The type of an element when ranging over a value of this type. */
export function elementType(type: Type | undefined): Type | undefined {
  const base = type?.kind === "ptr" ? type.elem : type;
  if (base?.kind === "slice" || base?.kind === "map") return base.elem === ANY ? undefined : base.elem;
  return undefined;
}
