/** eq, ne, lt, le, gt, ge: Go's rules for comparing values of different types. */
import { compareStrings } from "./bytes.ts";
import { isNil, stringOf, typeOf } from "./inspect.ts";
import { formatArg, formatValue, PLAIN, typeName } from "./print.ts";
import { Bytes, Complex, Dict, GoError, Num, Ptr, Slice, Str, Struct, type Type, type Value } from "./value.ts";

type Basic = "bool" | "complex" | "int" | "uint" | "float" | "string" | "none";

function basicKind(value: Value): Basic {
  switch (typeof value) {
    case "string":
      return "string";
    case "number":
    case "bigint":
      return "int";
    case "boolean":
      return "bool";
    default:
      if (value instanceof Num) {
        const { kind } = value.type;
        return kind.startsWith("uint") ? "uint" : kind.startsWith("float") ? "float" : "int";
      }
      if (value instanceof Str) return "string";
      return value instanceof Complex ? "complex" : "none";
  }
}

function numberOf(value: Value): number | bigint {
  if (typeof value === "number" || typeof value === "bigint") return value;
  return value instanceof Num ? value.value : 0;
}

function incompatible(a: Value, b: Value): GoError {
  return new GoError(`incompatible types for comparison: ${typeName(a)} and ${typeName(b)}`);
}

/** What `%s` makes of a value. */
function asText(value: Value): string {
  return formatArg(value, { ...PLAIN, verb: "s" });
}

export function equal(a: Value, b: Value): boolean {
  if (typeof a === "string" && typeof b === "string") return a === b;
  const kindA = basicKind(a);
  const kindB = basicKind(b);
  if (kindA !== kindB) {
    // biome-ignore lint/suspicious/noDoubleEquals: a number and a bigint of one value are equal to Go.
    if (isWhole(kindA) && isWhole(kindB)) return numberOf(a) == numberOf(b);
    if (a !== undefined && a !== null && b !== undefined && b !== null) throw incompatible(a, b);
    return false;
  }
  switch (kindA) {
    case "bool":
      return a === b;
    case "string":
      return stringOf(a) === stringOf(b);
    case "complex":
      return a instanceof Complex && b instanceof Complex && a.re === b.re && a.im === b.im;
    case "none":
      return equalOthers(a, b);
    default:
      // biome-ignore lint/suspicious/noDoubleEquals: as above.
      return numberOf(a) == numberOf(b);
  }
}

function isWhole(kind: Basic): boolean {
  return kind === "int" || kind === "uint";
}

function kindOf(value: Value): string {
  return typeOf(value)?.kind ?? "invalid";
}

function equalOthers(a: Value, b: Value): boolean {
  const kindA = kindOf(a);
  const kindB = kindOf(b);
  if (kindA !== kindB && kindA !== "invalid" && kindB !== "invalid") {
    throw new GoError(`non-comparable types ${asText(a)}: ${typeName(a)}, ${typeName(b)}: ${formatValue(b)}`);
  }
  if (isNil(a) || isNil(b)) return isNil(a) === isNil(b);
  if (b instanceof Slice || b instanceof Dict || b instanceof Bytes || (b instanceof Struct && !comparable(b.type))) {
    throw new GoError(`non-comparable type ${asText(b)}: ${typeName(b)}`);
  }
  return identical(a, b);
}

/** Whether Go's == is defined on the type. */
function comparable(type: Type): boolean {
  if (type.kind === "slice" || type.kind === "map" || type.kind === "func") return false;
  return (type.fields ?? []).every((field) => comparable(field.type));
}

/** Go's == of two values in interfaces. */
function identical(a: Value, b: Value): boolean {
  if (typeOf(a) !== typeOf(b)) return false;
  if (a instanceof Ptr && b instanceof Ptr) return a.native === b.native;
  if (a instanceof Struct && b instanceof Struct) {
    if (a.native === b.native) return true;
    return (a.type.fields ?? []).every((field) =>
      identical(field.type.box(field.get(a.native), false), field.type.box(field.get(b.native), false)),
    );
  }
  if (a === null || a === undefined) return a === b;
  return basicKind(a) !== "none" && equal(a, b);
}

const BAD_TYPE = "invalid type for comparison";

export function less(a: Value, b: Value): boolean {
  const kindA = basicKind(a);
  const kindB = basicKind(b);
  if (kindA === "none" || kindB === "none") throw new GoError(BAD_TYPE);
  if (kindA !== kindB && !(isWhole(kindA) && isWhole(kindB))) throw incompatible(a, b);
  if (kindA === "bool" || kindA === "complex") throw new GoError(BAD_TYPE);
  if (kindA === "string") return compareStrings(stringOf(a) ?? "", stringOf(b) ?? "") < 0;
  return numberOf(a) < numberOf(b);
}

export function lessOrEqual(a: Value, b: Value): boolean {
  return less(a, b) || equal(a, b);
}
