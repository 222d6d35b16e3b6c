/** Pipelines, commands and operands, compiled to closures. */
import { budget, spend } from "./budget.ts";
import { type Arguments, compileArguments, constantOf, lastVisited } from "./call.ts";
import { type Eval, type Expr, errorAt, type Run, report, rethrow, type Scope } from "./context.ts";
import { compileChain } from "./field.ts";
import { type Func, P } from "./func.ts";
import { isTrue, typeOf } from "./inspect.ts";
import type { Arg, CommandNode, FieldNode, IdentifierNode, Node, PipeNode, VariableNode } from "./node.ts";
import { describe } from "./node.ts";
import { typeName } from "./print.ts";
import { ANY } from "./types.ts";
import { GoError, type Method, type Type, type Value } from "./value.ts";

/** A pipeline; its variables are on the stack when it returns. A nil interface comes out as no value. */
export function compilePipe(scope: Scope, pipe: PipeNode): Expr {
  const { unit } = scope;
  const stages: Expr[] = [];
  for (const command of pipe.commands) stages.push(compileCommand(scope, command, pipe, stages.at(-1)));
  const [first] = stages;
  let evaluate: Eval;
  let type: Type | undefined;
  if (first !== undefined && stages.length === 1) {
    const one = first.eval;
    type = first.type;
    evaluate = (run, dot, final) => one(run, dot, final) ?? undefined;
  } else {
    const evals = stages.map((stage) => stage.eval);
    type = stages.at(-1)?.type;
    evaluate = (run, dot) => {
      let value: Value;
      for (const each of evals) value = each(run, dot, value) ?? undefined;
      return value;
    };
  }
  if (pipe.declared.length === 0) return { eval: evaluate, type };

  const names = pipe.declared.map((variable) => variable.name);
  const inner = evaluate;
  if (pipe.isAssign) {
    const node = lastVisited(pipe);
    const assign: Eval = (run, dot, final) => {
      const value = inner(run, dot, final);
      for (const name of names) setVariable(unit, node, run, name, value);
      return value;
    };
    return { eval: assign, type };
  }
  for (const name of names) scope.variables.push({ name, type: scope.reassigned.has(name) ? undefined : type });
  const declare: Eval = (run, dot, final) => {
    const value = inner(run, dot, final);
    for (const name of names) {
      run.names.push(name);
      run.values.push(value);
    }
    return value;
  };
  return { eval: declare, type };
}

/** Changes the innermost variable of that name. */
export function setVariable(unit: Scope["unit"], node: Node, run: Run, name: string, value: Value): void {
  const at = run.names.lastIndexOf(name);
  if (at >= 0) run.values[at] = value;
  else if (name === "$") run.root = value;
  else throw errorAt(unit, node, `undefined variable: ${name}`);
}

/** @param piped the command before in the pipeline, whose value is the last argument */
function compileCommand(scope: Scope, command: CommandNode, pipe: PipeNode, piped: Expr | undefined): Expr {
  const [first, ...args] = command.args;
  const hasFinal = piped !== undefined;
  const hasArgs = args.length > 0 || hasFinal;
  const refuse = (node: Node): Expr => ({
    eval: report(scope, node, `can't give argument to non-function ${describe(first)}`),
    type: undefined,
  });
  switch (first.type) {
    case "field":
      return compileField(scope, first, args, piped);
    case "chain": {
      if (first.node.type === "nil") {
        return {
          eval: report(scope, first, `indirection through explicit nil in ${describe(first)}`),
          type: undefined,
        };
      }
      return chainOn(scope, first, compileOperand(scope, first.node), first.names, args, piped);
    }
    case "identifier":
      return compileFunction(scope, first, command, args, piped);
    case "pipe":
      return hasArgs ? refuse(pipe) : compilePipe(scope, first);
    case "variable":
      if (first.names.length === 0 && hasArgs) {
        const words = `can't give argument to non-function ${describe(first)}`;
        return {
          eval: report(scope, first, words, compileVariable(scope, first, [], undefined).eval),
          type: undefined,
        };
      }
      return compileVariable(scope, first, args, piped);
    case "nil":
      if (hasArgs) return refuse(first);
      return { eval: report(scope, first, "nil is not a command"), type: undefined };
    case "dot":
      return hasArgs ? refuse(first) : { eval: (_run, dot) => dot, type: scope.dot };
    default: {
      if (hasArgs) return refuse(first);
      const value = constantOf(first);
      if (value === undefined) {
        return { eval: report(scope, first, `${describe(first)} overflows int`), type: undefined };
      }
      return { eval: () => value, type: typeOf(value) };
    }
  }
}

/** An operand that is no constant, as an argument or before a dot. */
export function compileOperand(scope: Scope, arg: Arg): Expr {
  switch (arg.type) {
    case "field":
      return compileField(scope, arg, [], undefined);
    case "variable":
      return compileVariable(scope, arg, [], undefined);
    case "pipe":
      return compilePipe(scope, arg);
    case "identifier":
      return compileFunction(scope, arg, arg, [], undefined);
    case "chain":
      if (arg.node.type === "nil") {
        return { eval: report(scope, arg, `indirection through explicit nil in ${describe(arg)}`), type: undefined };
      }
      return chainOn(scope, arg, compileOperand(scope, arg.node), arg.names, [], undefined);
    case "dot":
      return { eval: (_run, dot) => dot, type: scope.dot };
    default: {
      const value = constantOf(arg);
      return { eval: () => value, type: typeOf(value) };
    }
  }
}

function compileField(scope: Scope, node: FieldNode, args: readonly Arg[], piped: Expr | undefined): Expr {
  const dot: Expr = { eval: (_run, value) => value, type: scope.dot };
  return chainOn(scope, node, dot, node.names, args, piped);
}

function compileVariable(scope: Scope, node: VariableNode, args: readonly Arg[], piped: Expr | undefined): Expr {
  const { unit } = scope;
  const { name } = node;
  const type = scope.variables.findLast((variable) => variable.name === name)?.type;
  const value: Expr = {
    type,
    eval: (run) => {
      const at = run.names.lastIndexOf(name);
      if (at >= 0) return run.values[at];
      if (name === "$") return run.root;
      throw errorAt(unit, node, `undefined variable: ${name}`);
    },
  };
  return node.names.length === 0 ? value : chainOn(scope, node, value, node.names, args, piped);
}

/** Fields of a value; the last may be a method that takes the arguments. */
function chainOn(
  scope: Scope,
  node: Node,
  receiver: Expr,
  names: readonly string[],
  args: readonly Arg[],
  piped: Expr | undefined,
): Expr {
  const hasArgs = args.length > 0 || piped !== undefined;
  const { unit } = scope;
  // What method it is may be known only when it runs: its arguments are compiled then, once.
  const quiet: Scope = { ...scope, unit: { ...unit, problems: [] }, variables: [...scope.variables] };
  const makeCall = (method: Method, name: string): MethodCall => {
    const compiled = compileArguments(
      quiet,
      name,
      method,
      args,
      piped === undefined ? undefined : { node, type: piped.type },
      (arg) => compileOperand(quiet, arg),
      node,
    );
    if (typeof compiled === "string") {
      const place = node.type === "chain" ? lastVisited(node.node) : node;
      return () => {
        throw errorAt(unit, place, compiled);
      };
    }
    return (run, dot, final, self) => {
      const values = evaluateAll(compiled, run, dot, final);
      spend(1);
      try {
        return method.call(self, values);
      } catch (error) {
        return rethrow(unit, node, name, error);
      }
    };
  };
  return compileChain(scope, node, receiver, names, hasArgs, makeCall);
}

type MethodCall = (run: Run, dot: Value, final: Value, self: unknown) => Value;

function evaluateAll({ evals, final: toFinal }: Arguments, run: Run, dot: Value, final: Value): unknown[] {
  const values: unknown[] = [];
  for (const each of evals) values.push(each(run, dot, undefined));
  if (toFinal !== undefined) values.push(toFinal(final));
  return values;
}

const LOGIC: Func = { params: [P.reflect], rest: P.reflect, call: () => undefined };

function compileFunction(
  scope: Scope,
  node: IdentifierNode,
  command: Node,
  args: readonly Arg[],
  piped: Expr | undefined,
): Expr {
  const { unit } = scope;
  const { name } = node;
  const own = Object.hasOwn(unit.functions, name) ? unit.functions[name] : undefined;
  const isLogic = own === undefined && (name === "and" || name === "or" || name === "call");
  const callee = own ?? (isLogic ? LOGIC : Object.hasOwn(unit.builtins, name) ? unit.builtins[name] : undefined);
  if (callee === undefined) {
    return { eval: report(scope, node, `"${name}" is not a defined function`), type: undefined };
  }
  // What and/or evaluate after the first argument may never run.
  let evaluated = 0;
  const compile = (arg: Arg): Expr => {
    const inner = isLogic && evaluated > 0 ? { ...scope, conditional: true } : scope;
    evaluated += 1;
    return compileOperand(inner, arg);
  };
  const given = piped === undefined ? undefined : { node: command, type: piped.type };
  const compiled = compileArguments(scope, name, callee, args, given, compile, node);
  if (typeof compiled === "string") return { eval: report(scope, node, compiled), type: undefined };
  if (isLogic && name === "call") return { eval: compileCall(scope, command, args, compiled), type: undefined };
  if (isLogic) return { eval: compileLogic(compiled, name === "or"), type: undefined };
  return { eval: invoker(scope, command, name, callee, compiled), type: known(callee.result) };
}

function known(type: Type | undefined): Type | undefined {
  return type === ANY ? undefined : type;
}

/** `and` and `or` give back the operand that decides, and stop there. */
function compileLogic({ evals, final: toFinal }: Arguments, wanted: boolean): Eval {
  return (run, dot, final) => {
    let value: Value;
    for (const each of evals) {
      value = each(run, dot, undefined) as Value;
      if (isTrue(value) === wanted) return value;
    }
    return toFinal === undefined ? value : (toFinal(final) as Value);
  };
}

/** There are no function values among the data: `call` can only fail, as Go fails on what is no function. */
function compileCall(scope: Scope, command: Node, args: readonly Arg[], compiled: Arguments): Eval {
  const [first] = args;
  return (run, dot, final) => {
    const [callee] = evaluateAll(compiled, run, dot, final) as Value[];
    const piped = typeof callee === "string" ? callee : `<${typeName(callee)} Value>`;
    const shown = first === undefined ? piped : describe(first);
    const message =
      callee === undefined || callee === null ? "call of nil" : `non-function ${shown} of type ${typeName(callee)}`;
    return rethrow(scope.unit, command, "call", new GoError(message));
  };
}

/** A call costs a step, and one more for every 64 characters that it is given. */
function pay(x?: unknown, y?: unknown): void {
  budget.steps -= 1;
  if (typeof x === "string") budget.steps -= x.length >>> 6;
  if (typeof y === "string") budget.steps -= y.length >>> 6;
  if (budget.steps < budget.checkAt) spend(0);
}

/** Calls a function; the common numbers of arguments without an array. */
function invoker(scope: Scope, command: Node, name: string, callee: Func, compiled: Arguments): Eval {
  const { unit } = scope;
  const { evals, final: toFinal } = compiled;
  const [a, b, c] = evals;
  if (toFinal === undefined && a === undefined) {
    return () => {
      try {
        pay();
        return callee.call();
      } catch (error) {
        return rethrow(unit, command, name, error);
      }
    };
  }
  if (evals.length === 0 && toFinal !== undefined) {
    return (_run, _dot, final) => {
      const x = toFinal(final);
      try {
        pay(x);
        return callee.call(x);
      } catch (error) {
        return rethrow(unit, command, name, error);
      }
    };
  }
  if (evals.length === 1 && a !== undefined) {
    return (run, dot, final) => {
      const x = a(run, dot, undefined);
      const y = toFinal === undefined ? undefined : toFinal(final);
      try {
        pay(x, y);
        return toFinal === undefined ? callee.call(x) : callee.call(x, y);
      } catch (error) {
        return rethrow(unit, command, name, error);
      }
    };
  }
  if (evals.length === 2 && a !== undefined && b !== undefined && c === undefined && toFinal === undefined) {
    return (run, dot) => {
      const x = a(run, dot, undefined);
      const y = b(run, dot, undefined);
      try {
        pay(x, y);
        return callee.call(x, y);
      } catch (error) {
        return rethrow(unit, command, name, error);
      }
    };
  }
  return (run, dot, final) => {
    const values = evaluateAll(compiled, run, dot, final);
    try {
      pay();
      for (const value of values) if (typeof value === "string") spend(value.length >>> 6);
      return callee.call(...values);
    } catch (error) {
      return rethrow(unit, command, name, error);
    }
  };
}
