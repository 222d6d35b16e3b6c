/** sprig's list functions. */
import { spend } from "../budget.ts";
import { appended, appendedAtOnce, sliced } from "../capacity.ts";
import { type FuncMap, fn, P, variadic } from "../func.ts";
import { inInterface, isTrue, itemsOf, typeOf } from "../inspect.ts";
import { ANY_LIST, list, sliceOf } from "../types.ts";
import { Bytes, GoError, Slice, type Value } from "../value.ts";
import { deepEqual } from "./equal.ts";
import { toInt64 } from "./numbers.ts";

/** Go's kind of a value in error texts; asking nil for it is a panic. */
function kindOf(value: Value): string {
  const type = typeOf(value);
  if (type === undefined) throw new GoError("runtime error: invalid memory address or nil pointer dereference");
  return type.kind;
}

/** The elements, paid for; `fault` makes the error text for anything but a list. */
function elements(value: Value, fault: (kind: string) => string): readonly Value[] {
  const items = itemsOf(value);
  if (items === undefined) throw new GoError(fault(kindOf(value)));
  spend(items.length);
  return items;
}

const cannot =
  (what: string) =>
  (kind: string): string =>
    `Cannot ${what} type ${kind}`;

/** A nil []any, as sprig returns it for the rest of an empty list. */
const NIL_LIST = new Slice(ANY_LIST, [], true);

function listOf(items: readonly Value[]): Slice {
  return list(items.map(inInterface));
}

function chunk(size: number, value: Value): Value {
  const items = elements(value, (kind) => `Cannot chunk type ${kind}`);
  const count = Math.floor((items.length - 1) / size) + 1;
  if (!(count >= 0) || !Number.isFinite(count)) throw new GoError("runtime error: makeslice: len out of range");
  const chunks: Slice[] = [];
  for (let index = 0; index < count; index++) {
    const rest = items.length % size;
    const length = index === count - 1 ? rest || size : size;
    if (length < 0) throw new GoError("runtime error: makeslice: len out of range");
    chunks.push(listOf(items.slice(index * size, index * size + length)));
  }
  return new Slice(sliceOf(ANY_LIST), chunks);
}

function contains(items: readonly Value[], wanted: Value): boolean {
  return items.some((item) => deepEqual(wanted, item));
}

function uniq(value: Value): Value {
  const kept: Value[] = [];
  for (const item of elements(value, cannot("find uniq on"))) if (!contains(kept, item)) kept.push(item);
  return appended(listOf(kept));
}

function slice(value: Value, indices: readonly Value[]): Value {
  const items = elements(value, (kind) => `list should be type of slice or array but ${kind}`);
  if (items.length === 0) return null;
  const start = indices.length > 0 ? Number(toInt64(indices[0])) : 0;
  const end = indices.length > 1 ? Number(toInt64(indices[1])) : items.length;
  const part =
    value instanceof Bytes
      ? start >= 0 && start <= end && end <= items.length && new Bytes(value.data.slice(start, end))
      : value instanceof Slice && sliced(value, start, end);
  if (part) return part;
  throw new GoError("reflect.Value.Slice: slice index out of bounds");
}

function concat(values: readonly Value[]): Value {
  const all: Value[] = [];
  for (const value of values) {
    const items = elements(value, (kind) => `Cannot concat type ${kind} as list`);
    for (const item of items) all.push(item);
  }
  return all.length === 0 ? NIL_LIST : appended(listOf(all));
}

const make = variadic([], P.any, (...items) => list(items));

const push = fn([P.any, P.any], (value, item) => {
  const items = elements(value, cannot("push on"));
  return appendedAtOnce(listOf([...items, item]), items.length);
});
const prepend = fn([P.any, P.any], (value, item) => {
  const made = listOf([item, ...elements(value, cannot("prepend on"))]);
  return made.items.length > 1 ? appendedAtOnce(made, 1) : made;
});
const first = fn([P.any], (value) => inInterface(elements(value, cannot("find first on"))[0]));
const last = fn([P.any], (value) => inInterface(elements(value, cannot("find last on")).at(-1)));

const rest = fn([P.any], (value) => {
  const items = elements(value, cannot("find rest on"));
  return items.length === 0 ? NIL_LIST : listOf(items.slice(1));
});

const initial = fn([P.any], (value) => {
  const items = elements(value, cannot("find initial on"));
  return items.length === 0 ? NIL_LIST : listOf(items.slice(0, -1));
});

const reverse = fn([P.any], (value) => listOf([...elements(value, cannot("find reverse on"))].reverse()));
const compact = fn([P.any], (value) => appended(listOf(elements(value, cannot("compact on")).filter(isTrue))));
const uniqFunc = fn([P.any], uniq);

const without = variadic([P.any], P.any, (value, ...omitted) =>
  appended(listOf(elements(value, cannot("find without on")).filter((item) => !contains(omitted, item)))),
);

const has = fn([P.any, P.any], (wanted, value) =>
  value === null ? false : contains(elements(value, cannot("find has on")), wanted),
);

const sliceFunc = variadic([P.any], P.any, (value, ...indices) => slice(value, indices));
const chunkFunc = fn([P.int, P.any], chunk);

export const listFuncs: FuncMap = {
  list: make,
  tuple: make,
  append: push,
  mustAppend: push,
  push,
  mustPush: push,
  prepend,
  mustPrepend: prepend,
  first,
  mustFirst: first,
  last,
  mustLast: last,
  rest,
  mustRest: rest,
  initial,
  mustInitial: initial,
  reverse,
  mustReverse: reverse,
  compact,
  mustCompact: compact,
  uniq: uniqFunc,
  mustUniq: uniqFunc,
  without,
  mustWithout: without,
  has,
  mustHas: has,
  slice: sliceFunc,
  mustSlice: sliceFunc,
  chunk: chunkFunc,
  mustChunk: chunkFunc,
  concat: variadic([], P.any, (...values) => concat(values)),
};
