/** Go's reflect.DeepEqual over our values: types count, nil and empty differ. */
import { spend } from "../budget.ts";
import { timeOf, typeOf } from "../inspect.ts";
import { Bytes, Complex, Dict, Num, Ptr, Slice, Str, Struct, type Value } from "../value.ts";

export function deepEqual(a: Value, b: Value): boolean {
  spend(1);
  if (typeof a !== "object" || a === null) return a === b || (isNothing(a) && isNothing(b));
  if (typeof b !== "object" || b === null || typeOf(a) !== typeOf(b)) return false;
  if (a instanceof Num) return b instanceof Num && a.value === b.value;
  if (a === b) return true;
  if (a instanceof Str) return b instanceof Str && a.value === b.value;
  if (a instanceof Complex) return b instanceof Complex && a.re === b.re && a.im === b.im;
  if (a instanceof Bytes) return b instanceof Bytes && Buffer.compare(a.data, b.data) === 0;
  if (a instanceof Slice) return b instanceof Slice && equalItems(a, b);
  if (a instanceof Dict) return b instanceof Dict && equalEntries(a, b);
  if (a instanceof Ptr) return b instanceof Ptr && equalPointers(a, b);
  return b instanceof Struct && equalStructs(a, b);
}

function isNothing(value: Value): boolean {
  return value === null || value === undefined;
}

function equalItems(a: Slice, b: Slice): boolean {
  if (a.isNil !== b.isNil || a.items.length !== b.items.length) return false;
  return a.items.every((item, index) => deepEqual(item, b.items[index]));
}

function equalEntries(a: Dict, b: Dict): boolean {
  if (a.isNil !== b.isNil || a.entries.size !== b.entries.size) return false;
  for (const [key, value] of a.entries) if (!b.entries.has(key) || !deepEqual(value, b.entries.get(key))) return false;
  return true;
}

function equalPointers(a: Ptr, b: Ptr): boolean {
  if (a.native === b.native) return true;
  const elem = a.type.elem;
  if (a.native === null || b.native === null || elem === undefined) return false;
  return deepEqual(elem.box(a.native, true), elem.box(b.native, true));
}

function equalStructs(a: Struct, b: Struct): boolean {
  if (a.native === b.native) return true;
  const [x, y] = [timeOf(a), timeOf(b)];
  if (x !== undefined && y !== undefined) {
    return x.seconds === y.seconds && x.nanos === y.nanos && x.zone === y.zone && x.monotonic === y.monotonic;
  }
  return (a.type.fields ?? []).every((field) =>
    deepEqual(field.type.box(field.get(a.native), a.addressable), field.type.box(field.get(b.native), b.addressable)),
  );
}
