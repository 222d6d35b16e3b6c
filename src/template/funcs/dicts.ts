/** sprig's dictionary functions. */
import { budget, spend } from "../budget.ts";
import { appended, madeFor } from "../capacity.ts";
import { type FuncMap, fn, P, variadic } from "../func.ts";
import { isNil, isTrue, sortedKeys, typeOf } from "../inspect.ts";
import { typeName } from "../print.ts";
import { ANY_DICT, dict, list, strings } from "../types.ts";
import { Bytes, Dict, GoError, Ptr, Slice, Struct, type Value } from "../value.ts";
import { textOf } from "./strings.ts";

function makeDict(values: readonly Value[]): Dict {
  spend(values.length);
  const entries = new Map<string, Value>();
  for (let index = 0; index < values.length; index += 2) {
    entries.set(textOf(values[index] ?? null), index + 1 < values.length ? (values[index + 1] ?? null) : "");
  }
  return dict(entries);
}

function set(target: Dict, key: string, value: Value): Dict {
  if (target.isNil) throw new GoError("assignment to entry in nil map");
  target.entries.set(key, value ?? null);
  return target;
}

function filtered(source: Dict, keep: (key: string) => boolean): Dict {
  spend(source.entries.size);
  const entries = new Map<string, Value>();
  for (const [key, value] of source.entries) if (keep(key)) entries.set(key, value);
  return dict(entries);
}

/** In Go the order is random; here it is sorted, so that one event always gives one text. */
function keysOf(dicts: readonly Dict[]): string[] {
  const keys: string[] = [];
  for (const one of dicts) {
    spend(one.entries.size);
    keys.push(...sortedKeys(one));
  }
  return keys;
}

/** mergo's idea of empty: as for `default`, but a pointer counts by what it points to. */
function isEmpty(value: Value): boolean {
  if (value instanceof Ptr && value.native !== null && value.type.elem !== undefined) {
    return isEmpty(value.type.elem.box(value.native, true));
  }
  return !(value instanceof Struct) && !isTrue(value);
}

/** Fills (or overwrites) `target` in place, as mergo.Merge does for maps within maps. */
function mergeInto(target: Dict, source: Dict, overwrite: boolean): void {
  spend(source.entries.size * 4 + 1);
  if (target.type !== source.type && source.entries.size > 0) {
    throw new GoError(`cannot merge ${source.type.name} into ${target.type.name}`);
  }
  for (const key of sortedKeys(source)) {
    const value = source.entries.get(key) ?? null;
    const known = target.entries.get(key);
    if (value === null) {
      if (overwrite) target.entries.set(key, value);
      continue;
    }
    if (value instanceof Dict && known instanceof Dict && known !== value && !known.isNil) {
      mergeInto(known, value, overwrite);
    }
    if (known !== undefined && !isEmpty(known)) {
      if (value instanceof Slice || value instanceof Bytes) {
        if (overwrite) target.entries.set(key, value);
        continue;
      }
      if (value instanceof Dict && known instanceof Dict) continue;
    }
    if (overwrite || known === undefined || isEmpty(known)) target.entries.set(key, value);
  }
}

function merge(target: Dict, sources: readonly Dict[], overwrite: boolean): Value {
  // A nil map cannot be filled in place: Go makes one.
  const result = target.isNil && sources.some((source) => !source.isNil) ? dict() : target;
  for (const source of sources) mergeInto(result, source, overwrite);
  return result;
}

function copy(value: Value): Value {
  spend(1);
  if (value instanceof Dict) {
    if (value.isNil) return value;
    const entries = new Map<string, Value>();
    for (const [key, item] of value.entries) entries.set(key, copyInside(item));
    return new Dict(value.type, entries);
  }
  if (value instanceof Slice) {
    if (value.isNil) return value;
    const made = new Slice(value.type, value.items.map(copyInside));
    if (value.spare !== undefined) return madeFor(made, value.items.length + value.spare().length);
    return made;
  }
  return value;
}

/** A nil pointer inside something is copied as a plain nil. */
function copyInside(item: Value): Value {
  return item instanceof Ptr && item.native === null ? null : copy(item);
}

function asDict(value: Value): Dict {
  const lenient = budget.lenient && value instanceof Dict;
  if (value instanceof Dict && (value.type === ANY_DICT || lenient)) return value;
  const found = value === null || value === undefined ? "nil" : typeName(value);
  throw new GoError(`interface conversion: interface {} is ${found}, not map[string]interface {}`);
}

function dig(values: readonly Value[]): Value {
  if (values.length < 3) throw new GoError("dig needs at least three arguments");
  let step: Value = asDict(values.at(-1));
  const keys = values.slice(0, -2).map((key) => {
    if (typeof key === "string") return key;
    const found = key === null || key === undefined ? "nil" : typeName(key);
    throw new GoError(`interface conversion: interface {} is ${found}, not string`);
  });
  for (const key of keys) {
    const inside = asDict(step);
    if (!inside.entries.has(key)) return values.at(-2) ?? null;
    step = inside.entries.get(key) ?? null;
  }
  return step;
}

function pluck(key: string, dicts: readonly Dict[]): Value {
  const found: Value[] = [];
  for (const one of dicts) if (one.entries.has(key)) found.push(one.entries.get(key) ?? null);
  return appended(list(found));
}

const mergeFunc = variadic([P.dict], P.dict, (target, ...sources) => merge(target, sources, false));
const overwriteFunc = variadic([P.dict], P.dict, (target, ...sources) => merge(target, sources, true));

const deepCopy = fn([P.any], (value) => {
  if (isNil(value) && typeOf(value) === undefined)
    throw new GoError("reflect: call of reflect.Value.Type on zero Value");
  return copy(value);
});

export const dictFuncs: FuncMap = {
  dict: variadic([], P.any, (...values) => makeDict(values)),
  get: fn([P.dict, P.string], (source, key) => (source.entries.has(key) ? (source.entries.get(key) ?? null) : "")),
  set: fn([P.dict, P.string, P.any], set),
  unset: fn([P.dict, P.string], (source, key) => {
    source.entries.delete(key);
    return source;
  }),
  hasKey: fn([P.dict, P.string], (source, key) => source.entries.has(key)),
  pluck: variadic([P.string], P.dict, (key, ...dicts) => pluck(key, dicts)),
  keys: variadic([], P.dict, (...dicts) => appended(strings(keysOf(dicts)))),
  values: fn([P.dict], (source) => appended(list(keysOf([source]).map((key) => source.entries.get(key) ?? null)))),
  pick: variadic([P.dict], P.string, (source, ...keys) => filtered(source, (key) => keys.includes(key))),
  omit: variadic([P.dict], P.string, (source, ...keys) => filtered(source, (key) => !keys.includes(key))),
  merge: mergeFunc,
  mustMerge: mergeFunc,
  mergeOverwrite: overwriteFunc,
  mustMergeOverwrite: overwriteFunc,
  deepCopy,
  mustDeepCopy: deepCopy,
  dig: variadic([], P.any, (...values) => dig(values)),
};
