/**
 * Go templates: text/template in its whole, over Go's values (value.ts). Compiled once to closures, rendered without
 * promises, within limits.
 */
import { createAllowance, DEFAULT_LIMITS, type Limits, openBudget } from "./budget.ts";
import { BUILTINS } from "./builtins.ts";
import { toBytes } from "./bytes.ts";
import { compileTemplate } from "./compile.ts";
import type { Exec, Problem, Run, Unit } from "./context.ts";
import { TemplateError } from "./error.ts";
import type { FuncMap } from "./func.ts";
import { fromJson } from "./json.ts";
import { parse } from "./parse.ts";
import type { Type, Value } from "./value.ts";

export interface Template {
  /** The text for this data; bytes that are no UTF-8 become U+FFFD. Throws TemplateError. */
  render(data: unknown): string;
  /** The same as Go writes it, byte for byte. */
  renderBytes(data: unknown): Uint8Array;
  /** What will fail whenever it is reached, found without data; empty when all is well. */
  readonly problems: readonly Problem[];
}

export interface CompileOptions {
  /** In error messages. Default `template`. */
  readonly name?: string;
  /** The type of the data, whose native values `render` takes. Without: JSON data, as Go decodes it. */
  readonly type?: Type;
  /** Beside the functions of text/template itself, and before them. */
  readonly functions?: FuncMap;
  readonly limits?: Partial<Limits>;
  /** Steady milliseconds. With a clock, a template that runs out of its limits is held short for a while; without, each rendering is by itself. */
  readonly now?: (() => number) | undefined;
  /** Kinder than Go: map[string]string where map[string]any is asked, metav1.Time for time.Time. Default false. */
  readonly lenient?: boolean;
  /** A better name for a field that a type does not have. */
  readonly propose?: (type: Type, name: string) => string | undefined;
}

const LOGIC: ReadonlySet<string> = new Set(["and", "or", "call"]);

/** @throws TemplateError when the text does not parse or names an unknown function */
export function compile(text: string, options: CompileOptions = {}): Template {
  const { name = "template", type, functions = {}, lenient = false } = options;
  const limits: Limits = { ...DEFAULT_LIMITS, ...options.limits };
  const allowance = options.now === undefined ? undefined : createAllowance(limits, options.now);
  const problems: Problem[] = [];
  const templates = new Map<string, Exec>();
  const main = build();

  function build(): Exec {
    try {
      const set = parse(name, text, (called) => knows(functions, called));
      for (const defined of set.keys()) templates.set(defined, () => undefined);
      for (const [defined, list] of set) {
        const unit: Unit = {
          parseName: name,
          name: defined,
          text,
          functions,
          builtins: BUILTINS,
          maxDepth: limits.maxDepth,
          templates,
          problems,
          propose: options.propose,
          lenient,
        };
        const isMain = defined === name;
        templates.set(defined, compileTemplate(unit, list, isMain ? type : undefined, !isMain));
      }
    } catch (error) {
      if (error instanceof RangeError) throw new TemplateError(`template: ${name}:1: nested too deeply`, 1, 1);
      throw error;
    }
    return templates.get(name) ?? (() => undefined);
  }

  const execute = (data: unknown): string => {
    const value: Value = (type === undefined ? fromJson(data) : type.box(data, true)) ?? undefined;
    const run: Run = { out: "", root: value, names: [], values: [], flow: 0, depth: 0 };
    if (allowance === undefined) openBudget(limits, lenient);
    else allowance.open(lenient);
    try {
      main(run, value);
    } catch (error) {
      allowance?.close(true);
      throw failure(name, error, run.out);
    }
    allowance?.close(false);
    return run.out;
  };

  return {
    problems,
    render(data) {
      const out = execute(data);
      return out.isWellFormed() ? out : Buffer.from(toBytes(out)).toString("utf8");
    },
    renderBytes: (data) => toBytes(execute(data)),
  };
}

function knows(functions: FuncMap, name: string): boolean | string {
  if (Object.hasOwn(functions, name)) {
    const refused = functions[name]?.refused;
    return refused === undefined ? true : `is not available: ${refused}`;
  }
  return LOGIC.has(name) || Object.hasOwn(BUILTINS, name);
}

function failure(name: string, error: unknown, partial: string): TemplateError {
  if (error instanceof TemplateError) return new TemplateError(error.message, error.line, error.column, partial);
  if (error instanceof RangeError) {
    return new TemplateError(`template: ${name}: nested too deeply, or a text too long`, 1, 1, partial);
  }
  return new TemplateError(`template: ${name}: ${String(error)}`, 1, 1, partial);
}
