/** What the parts of the compiler share: the shape of compiled code, the state of a rendering, and errors with a place. */
import { budget, LimitError } from "./budget.ts";
import { TemplateError } from "./error.ts";
import type { FuncMap } from "./func.ts";
import { describe, type Node } from "./node.ts";
import { quote } from "./quote.ts";
import { GoError, type Type, type Value } from "./value.ts";

/** The state of one rendering of one template; a called template has its own, but for the output. */
export interface Run {
  out: string;
  /** `$`. */
  root: Value;
  /** Variables as a stack, innermost last: Go finds them by name, from the top. */
  names: string[];
  values: Value[];
  /** 1 after break, 2 after continue, until the loop sees it. */
  flow: 0 | 1 | 2;
  depth: number;
}

/** A compiled statement. */
export type Exec = (run: Run, dot: Value) => void;

/** A compiled expression; `final` is the value piped in. */
export type Eval = (run: Run, dot: Value, final: Value) => Value;

export interface Expr {
  readonly eval: Eval;
  /** What the value's type will be, where that is certain. */
  readonly type: Type | undefined;
}

/** Something that is wrong for certain, found without data. */
export interface Problem {
  readonly error: TemplateError;
  /** The statement runs whenever the template does: rendering always fails. */
  readonly certain: boolean;
}

/** Where a template's code comes from. */
export interface Unit {
  /** Name of the whole text, and of the template inside it that is compiled. */
  readonly parseName: string;
  readonly name: string;
  readonly text: string;
  readonly functions: FuncMap;
  readonly builtins: FuncMap;
  readonly maxDepth: number;
  /** The compiled templates by name; filled while compiling. */
  readonly templates: Map<string, Exec>;
  readonly problems: Problem[];
  /** More words for an unknown field: a proposal. */
  readonly propose: ((type: Type, name: string) => string | undefined) | undefined;
  readonly lenient: boolean;
}

/** The surroundings of the node being compiled. */
export interface Scope {
  readonly unit: Unit;
  readonly dot: Type | undefined;
  /** Types of variables, innermost last. */
  readonly variables: { name: string; type: Type | undefined }[];
  /** Variables that `=` changes somewhere: nothing is known of their type. */
  readonly reassigned: ReadonlySet<string>;
  readonly conditional: boolean;
}

export function errorAt(unit: Unit, node: Node, message: string): TemplateError {
  const before = unit.text.slice(0, node.pos);
  const lineStart = before.lastIndexOf("\n") + 1;
  const line = before.split("\n").length;
  const column = Buffer.byteLength(before.slice(lineStart));
  const place = `${unit.parseName}:${line}:${column}`;
  const text = `template: ${place}: executing ${quote(unit.name)} at <${describe(node)}>: ${message}`;
  return new TemplateError(text, line, column + 1);
}

/** Go on with what a function threw. */
export function rethrow(unit: Unit, node: Node, name: string, error: unknown): never {
  if (error instanceof TemplateError) throw error;
  if (error instanceof LimitError) throw errorAt(unit, node, error.message);
  if (error instanceof GoError) throw errorAt(unit, node, `error calling ${name}: ${error.message}`);
  if (error instanceof RangeError) {
    // The engine's own limit, which costs as much as one of ours.
    budget.spent = true;
    throw errorAt(unit, node, `error calling ${name}: the value is nested too deeply, or too long`);
  }
  throw error;
}

/** Tells of what is wrong for certain, found without data. */
export function note(scope: Scope, node: Node, message: string): TemplateError {
  const error = errorAt(scope.unit, node, message);
  scope.unit.problems.push({ error, certain: !scope.conditional });
  return error;
}

/** Code for what is wrong for certain: it throws, unless `before` fails first. */
export function report(scope: Scope, node: Node, message: string, before?: Eval): Eval {
  const error = note(scope, node, message);
  return (run, dot) => {
    before?.(run, dot, undefined);
    throw new TemplateError(error.message, error.line, error.column);
  };
}
