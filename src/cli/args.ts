/** Flags of a command line: `--name value`, `--name=value`, `-n value`, and Go's `-name value` that predecessors used. */
import { nearest } from "../config/nearest.ts";
import { UsageError } from "../errors.ts";

export interface Flag {
  /** Name of the value in the usage text, for example `FILE`; absent: the flag is a switch. */
  readonly value?: string;
  /** One letter. */
  readonly short?: string;
  /** Other names that are accepted. */
  readonly aliases?: readonly string[];
  readonly choices?: readonly string[];
  readonly default?: string;
}

export type Flags = Readonly<Record<string, Flag>>;

type ValueOf<F extends Flag> = F extends { readonly value: string }
  ?
      | (F extends { readonly choices: readonly (infer C)[] } ? C : string)
      | (F extends { readonly default: string } ? never : undefined)
  : boolean;

export interface Parsed<S extends Flags> {
  readonly flags: { readonly [K in keyof S]: ValueOf<S[K]> };
  /** What is no flag, in order; all of it after `--`. */
  readonly rest: readonly string[];
}

/** Of a flag given twice the last one counts. Throws UsageError. */
export function parseFlags<const S extends Flags>(args: readonly string[], spec: S): Parsed<S> {
  const names = new Map<string, string>();
  const found: Record<string, string | boolean | undefined> = {};
  for (const [name, flag] of Object.entries<Flag>(spec)) {
    for (const spelling of [name, flag.short, ...(flag.aliases ?? [])]) if (spelling) names.set(spelling, name);
    found[name] = flag.value === undefined ? false : flag.default;
  }
  const rest: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] ?? "";
    if (arg === "--") {
      rest.push(...args.slice(index + 1));
      break;
    }
    const split = splitFlag(arg);
    if (split === undefined) {
      rest.push(arg);
      continue;
    }
    const name = names.get(split.name);
    const flag = name === undefined ? undefined : spec[name];
    if (name === undefined || flag === undefined) throw unknownFlag(arg, split.name, names.keys());
    if (flag.value === undefined) {
      found[name] = switchValue(split);
      continue;
    }
    if (split.value === undefined) index += 1;
    found[name] = checkedValue(split.dashed, flag, split.value ?? args[index]);
  }
  // The loop above filled every key as its Flag says, which the compiler cannot follow.
  return { flags: found as Parsed<S>["flags"], rest };
}

interface Split {
  /** As it was written, without the value. */
  readonly dashed: string;
  readonly name: string;
  readonly value: string | undefined;
}

/** Undefined when it is no flag; a lone `-` means standard input. */
export function splitFlag(arg: string): Split | undefined {
  const match = /^(--?([A-Za-z_][\w-]*))(?:=(.*))?$/s.exec(arg);
  if (match === null) {
    // A template may well begin with a dash; a flag has no blank and no brace.
    if (/^-[^\s{]+$/.test(arg)) throw new UsageError(`${JSON.stringify(arg)} is not a flag`);
    return undefined;
  }
  return { dashed: match[1] ?? "", name: match[2] ?? "", value: match[3] };
}

function unknownFlag(arg: string, name: string, known: Iterable<string>): UsageError {
  const near = nearest(
    name,
    ["help", ...known].filter((spelling) => spelling.length > 1),
  );
  return new UsageError(`unknown flag ${arg.split("=")[0]}${near === undefined ? "" : `; did you mean --${near}?`}`);
}

function switchValue({ dashed, value }: Split): boolean {
  if (value === undefined || value === "true" || value === "1") return true;
  if (value === "false" || value === "0") return false;
  throw new UsageError(`${dashed} is true or false, not ${JSON.stringify(value)}`);
}

function checkedValue(dashed: string, flag: Flag, value: string | undefined): string {
  if (value === undefined) throw new UsageError(`${dashed} needs a value: ${dashed} ${flag.value}`);
  if (flag.choices !== undefined && !flag.choices.includes(value)) {
    throw new UsageError(`${dashed} is one of ${flag.choices.join(", ")}, not ${JSON.stringify(value)}`);
  }
  return value;
}

/** Exactly these arguments, by name; throws UsageError with what is missing or too much. */
export function positionals<const N extends readonly string[]>(
  rest: readonly string[],
  names: N,
): { readonly [K in keyof N]: string } {
  const extra = rest[names.length];
  if (extra !== undefined) throw new UsageError(`unexpected argument ${JSON.stringify(extra)}`);
  const missing = names.slice(rest.length);
  if (missing.length > 0) throw new UsageError(`${missing.join(" and ")} missing`);
  return rest as unknown as { readonly [K in keyof N]: string };
}

/** Flags that mean the same to every command that has them. */
export const CONFIG_FLAG = { short: "c", aliases: ["conf"], value: "FILE", default: "config.yaml" } as const;
export const COMPAT_FLAG = { value: "exporter", choices: ["exporter", "none"] } as const;
export const OUTPUT_FLAG = { short: "o", value: "FORMAT", choices: ["text", "json"], default: "text" } as const;
