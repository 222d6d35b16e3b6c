/** Looking at values as Go's reflection does: their type, their truth, what is in them. */
import { compareStrings } from "./bytes.ts";
import { BOOL, BYTES, COMPLEX128, INT, INT64, STRING, TIME, UINT8 } from "./types.ts";
import { Bytes, Complex, Dict, type GoTime, Num, Ptr, Slice, Str, Struct, type Type, type Value } from "./value.ts";

/** The dynamic type; undefined for nil and no value. */
export function typeOf(value: Value): Type | undefined {
  switch (typeof value) {
    case "string":
      return STRING;
    case "number":
      return INT;
    case "boolean":
      return BOOL;
    case "bigint":
      return INT64;
    case "undefined":
      return undefined;
    default:
      if (value === null) return undefined;
      if (value instanceof Bytes) return BYTES;
      if (value instanceof Complex) return COMPLEX128;
      return value.type;
  }
}

/** The number in a value of any integer kind (also named ones); undefined for everything else. */
export function integerOf(value: Value): number | bigint | undefined {
  if (typeof value === "number" || typeof value === "bigint") return value;
  if (value instanceof Num && value.type.kind !== "float64" && value.type.kind !== "float32") return value.value;
  return undefined;
}

/** The text of a string or of a named string type; undefined for everything else. */
export function stringOf(value: Value): string | undefined {
  if (typeof value === "string") return value;
  return value instanceof Str ? value.value : undefined;
}

/** An element as a function gets it that takes anything: a copy, whose address nobody has, so without the pointer's methods. */
export function inInterface(value: Value): Exclude<Value, undefined> {
  return value instanceof Struct && value.addressable ? new Struct(value.type, value.native) : (value ?? null);
}

/** The elements of a value of kind slice; undefined for everything else. */
export function itemsOf(value: Value): readonly Value[] | undefined {
  if (value instanceof Slice) return value.items;
  if (value instanceof Bytes) return Array.from(value.data, (byte) => new Num(UINT8, byte));
  return undefined;
}

/** The time in a time.Time; undefined for everything else (metav1.Time too, unless `kind` asks for it). */
export function timeOf(value: Value, kind: "exact" | "lenient" = "exact"): GoTime | undefined {
  if (value instanceof Ptr && value.native !== null && value.type.elem !== undefined && kind === "lenient") {
    return timeOf(value.type.elem.box(value.native, true), kind);
  }
  if (!(value instanceof Struct)) return undefined;
  if (value.type === TIME) return value.native as GoTime;
  return kind === "lenient" ? value.type.timeOf?.(value.native) : undefined;
}

export function isNil(value: Value): boolean {
  if (value === null || value === undefined) return true;
  if (value instanceof Ptr) return value.native === null;
  return (value instanceof Slice || value instanceof Dict) && value.isNil;
}

/** Go's truth of a value: false for zero, empty, nil and no value; structs are true. */
export function isTrue(value: Value): boolean {
  switch (typeof value) {
    case "string":
      return value !== "";
    case "boolean":
      return value;
    case "number":
      return value !== 0;
    case "bigint":
      return value !== 0n;
    case "undefined":
      return false;
    default:
      if (value === null) return false;
      if (value instanceof Num) return value.value !== 0 && value.value !== 0n;
      if (value instanceof Str) return value.value !== "";
      if (value instanceof Bytes) return value.data.length > 0;
      if (value instanceof Slice) return value.items.length > 0;
      if (value instanceof Dict) return value.entries.size > 0;
      if (value instanceof Complex) return value.re !== 0 || value.im !== 0;
      return value instanceof Ptr ? value.native !== null : true;
  }
}

/** Keys of a map in Go's order. */
export function sortedKeys(value: Dict): string[] {
  return [...value.entries.keys()].sort(compareStrings);
}
