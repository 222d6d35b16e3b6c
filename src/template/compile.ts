/** Statements, compiled to closures. */
import { budget, checkLength, spend } from "./budget.ts";
import { lastVisited } from "./call.ts";
import { type Eval, type Exec, errorAt, report, rethrow, type Scope, type Unit } from "./context.ts";
import { compilePipe, setVariable } from "./expression.ts";
import { elementType } from "./field.ts";
import { isTrue, itemsOf, sortedKeys, typeOf } from "./inspect.ts";
import type { BranchNode, ListNode, Node, PipeNode, Statement, TemplateNode } from "./node.ts";
import { formatOutput, formatValue } from "./print.ts";
import { quote } from "./quote.ts";
import { INT, STRING } from "./types.ts";
import { Bytes, Dict, Num, Ptr, Slice, type Type, type Value } from "./value.ts";

/** One template of a text, to be put into `unit.templates`. */
export function compileTemplate(unit: Unit, list: ListNode, dot: Type | undefined, conditional: boolean): Exec {
  const reassigned = new Set<string>();
  for (const pipe of pipesOf(list)) {
    if (pipe.isAssign) for (const variable of pipe.declared) reassigned.add(variable.name);
  }
  const scope: Scope = {
    unit,
    dot,
    variables: [{ name: "$", type: reassigned.has("$") ? undefined : dot }],
    reassigned,
    conditional,
  };
  return compileList(scope, list);
}

/** Every pipeline of a tree, also those in parentheses. */
function* pipesOf(node: Node): Generator<PipeNode> {
  switch (node.type) {
    case "list":
      for (const each of node.nodes) yield* pipesOf(each);
      break;
    case "action":
      yield* pipesOf(node.pipe);
      break;
    case "if":
    case "with":
    case "range":
      yield* pipesOf(node.pipe);
      yield* pipesOf(node.body);
      if (node.otherwise !== undefined) yield* pipesOf(node.otherwise);
      break;
    case "template":
      if (node.pipe !== undefined) yield* pipesOf(node.pipe);
      break;
    case "pipe":
      yield node;
      for (const command of node.commands) yield* pipesOf(command);
      break;
    case "command":
      for (const arg of node.args) yield* pipesOf(arg);
      break;
    case "chain":
      yield* pipesOf(node.node);
      break;
    default:
  }
}

function compileList(scope: Scope, list: ListNode): Exec {
  const parts = list.nodes.map((node) => compileStatement(scope, node));
  const jumps = list.nodes.some(mayJump);
  const [first, second] = parts;
  if (first === undefined) return () => undefined;
  if (second === undefined) return first;
  if (jumps) {
    return (run, dot) => {
      for (const part of parts) {
        part(run, dot);
        if (run.flow !== 0) return;
      }
    };
  }
  return (run, dot) => {
    for (const part of parts) part(run, dot);
  };
}

/** Whether a break or continue may leave the statement. */
function mayJump(node: Statement): boolean {
  switch (node.type) {
    case "break":
    case "continue":
      return true;
    case "if":
    case "with":
      return node.body.nodes.some(mayJump) || (node.otherwise?.nodes.some(mayJump) ?? false);
    case "range":
      return node.otherwise?.nodes.some(mayJump) ?? false;
    default:
      return false;
  }
}

function compileStatement(scope: Scope, node: Statement): Exec {
  switch (node.type) {
    case "text": {
      const { text } = node;
      return (run) => {
        run.out += text;
      };
    }
    case "action":
      return compileAction(scope, node, node.pipe);
    case "break":
      return (run) => {
        run.flow = 1;
      };
    case "continue":
      return (run) => {
        run.flow = 2;
      };
    case "if":
    case "with":
      return compileIf(scope, node);
    case "range":
      return compileRange(scope, node);
    case "template":
      return compileInvocation(scope, node);
  }
}

function compileAction(scope: Scope, node: Statement, pipe: PipeNode): Exec {
  const { unit } = scope;
  const { eval: evaluate } = compilePipe(scope, pipe);
  if (pipe.declared.length > 0) {
    return (run, dot) => {
      evaluate(run, dot, undefined);
    };
  }
  return (run, dot) => {
    const value = evaluate(run, dot, undefined);
    run.out += typeof value === "string" ? value : printed(unit, node, value);
    if (run.out.length > budget.maxOutput) limit(unit, node, run.out.length);
  };
}

function printed(unit: Unit, node: Node, value: Value): string {
  try {
    return formatOutput(value);
  } catch (error) {
    return rethrow(unit, node, "String", error);
  }
}

function limit(unit: Unit, node: Node, length: number): void {
  try {
    checkLength(length);
  } catch (error) {
    rethrow(unit, node, "output", error);
  }
}

/** The body of a branch: what it declares is gone after it. */
function inner(scope: Scope, dot: Type | undefined): Scope {
  return { ...scope, dot, variables: [...scope.variables], conditional: true };
}

function compileIf(scope: Scope, node: BranchNode): Exec {
  const mark = scope.variables.length;
  const { eval: evaluate, type } = compilePipe(scope, node.pipe);
  const body = compileList(inner(scope, node.type === "with" ? type : scope.dot), node.body);
  const otherwise = node.otherwise === undefined ? undefined : compileList(inner(scope, scope.dot), node.otherwise);
  scope.variables.length = mark;
  const setsDot = node.type === "with";
  return (run, dot) => {
    const depth = run.names.length;
    const value = evaluate(run, dot, undefined);
    if (isTrue(value)) body(run, setsDot ? value : dot);
    else if (otherwise !== undefined) otherwise(run, dot);
    if (run.names.length !== depth) run.names.length = run.values.length = depth;
  };
}

function isInteger(value: Value): value is number | bigint | Num {
  if (typeof value === "number" || typeof value === "bigint") return true;
  return value instanceof Num && !value.type.kind.startsWith("float");
}

/** Keys and elements, in the order of iteration; undefined when there is no ranging over the value. */
function rangeItems(value: Value): { keys: readonly Value[] | undefined; items: readonly Value[] } | undefined {
  if (value === undefined) return { keys: undefined, items: [] };
  if (value instanceof Dict) {
    const keys = sortedKeys(value);
    return { keys, items: keys.map((key) => value.entries.get(key)) };
  }
  if (value instanceof Slice || value instanceof Bytes) return { keys: undefined, items: itemsOf(value) ?? [] };
  return undefined;
}

function compileRange(scope: Scope, node: BranchNode): Exec {
  const { unit } = scope;
  const { declared, isAssign } = node.pipe;
  const mark = scope.variables.length;
  const { eval: evaluate, type } = compilePipe(scope, node.pipe);
  const element = elementType(type);
  retype(scope, node.pipe, type, element);
  const body = compileList(inner(scope, element), node.body);
  const otherwise = node.otherwise === undefined ? undefined : compileList(inner(scope, scope.dot), node.otherwise);
  scope.variables.length = mark;
  const [firstName, secondName] = declared.map((variable) => variable.name);
  const errorNode = lastVisited(node.pipe);

  const bind = (run: Parameters<Exec>[0], top: number, key: Value, item: Value): void => {
    if (firstName === undefined) return;
    if (isAssign) {
      setVariable(unit, errorNode, run, firstName, secondName === undefined ? item : key);
      if (secondName !== undefined) setVariable(unit, errorNode, run, secondName, item);
      return;
    }
    run.values[top - 1] = item;
    if (secondName !== undefined) run.values[top - 2] = key;
  };
  /** False to stop. */
  const iterate = (run: Parameters<Exec>[0], top: number, key: Value, item: Value): boolean => {
    pay(unit, node);
    bind(run, top, key, item);
    body(run, item);
    if (run.names.length !== top) run.names.length = run.values.length = top;
    if (run.flow === 0) return true;
    const stop = run.flow === 1;
    run.flow = 0;
    return !stop;
  };

  return (run, dot) => {
    const depth = run.names.length;
    let value = evaluate(run, dot, undefined);
    const top = run.names.length;
    while (value instanceof Ptr && value.native !== null && value.type.elem !== undefined) {
      value = value.type.elem.box(value.native, true);
    }
    let ran = false;
    if (isInteger(value)) {
      if (declared.length > 1) {
        throw errorAt(unit, errorNode, `can't use ${formatValue(value)} to iterate over more than one variable`);
      }
      const integer = typeOf(value) ?? INT;
      const end = value instanceof Num ? value.value : value;
      for (let i = 0; i < end; i++) {
        ran = true;
        if (!iterate(run, top, undefined, integer === INT ? i : integer.box(i, false))) break;
      }
    } else {
      const range = rangeItems(value);
      if (range === undefined) throw errorAt(unit, errorNode, `range can't iterate over ${formatValue(value)}`);
      const { keys, items } = range;
      for (const [index, item] of items.entries()) {
        ran = true;
        if (!iterate(run, top, keys === undefined ? index : keys[index], item)) break;
      }
    }
    if (!ran && otherwise !== undefined) {
      otherwise(run, dot);
      // Go's inner loop swallows a break out of its else.
      if (run.flow === 1) run.flow = 0;
    }
    if (run.names.length !== depth) run.names.length = run.values.length = depth;
  };
}

/** The variables of a range hold elements and keys, not the whole. */
function retype(scope: Scope, pipe: PipeNode, type: Type | undefined, element: Type | undefined): void {
  if (pipe.isAssign) return;
  const base = type?.kind === "ptr" ? type.elem : type;
  const count = pipe.declared.length;
  const own = scope.variables.slice(-count);
  for (const [index, variable] of own.entries()) {
    if (count === 0 || scope.reassigned.has(variable.name)) continue;
    const isKey = count === 2 && index === 0;
    variable.type = isKey ? (base?.kind === "map" ? STRING : base?.kind === "slice" ? INT : undefined) : element;
  }
}

function pay(unit: Unit, node: Node): void {
  budget.steps -= 1;
  if (budget.steps >= budget.checkAt) return;
  try {
    spend(0);
  } catch (error) {
    rethrow(unit, node, "range", error);
  }
}

function compileInvocation(scope: Scope, node: TemplateNode): Exec {
  const { unit } = scope;
  if (!unit.templates.has(node.name)) {
    const failing: Eval = report(scope, node, `template ${quote(node.name)} not defined`);
    return (run, dot) => {
      failing(run, dot, undefined);
    };
  }
  const argument = node.pipe === undefined ? undefined : compilePipe(scope, node.pipe).eval;
  return (run, dot) => {
    if (run.depth >= unit.maxDepth) throw errorAt(unit, node, `exceeded maximum template depth (${unit.maxDepth})`);
    const value = argument === undefined ? undefined : argument(run, dot, undefined);
    pay(unit, node);
    const { names, values, root } = run;
    run.names = [];
    run.values = [];
    run.root = value;
    run.depth += 1;
    unit.templates.get(node.name)?.(run, value);
    run.names = names;
    run.values = values;
    run.root = root;
    run.depth -= 1;
  };
}
