/** Zero values, and which types have nil among their values. */
import { float, INT64, num, STRING } from "./types.ts";
import { Dict, Ptr, Slice, Str, type Type, type Value } from "./value.ts";

export function canBeNil(type: Type): boolean {
  return type.kind === "interface" || type.kind === "map" || type.kind === "slice" || type.kind === "ptr";
}

/** Go's reflect.Zero, for the types that functions take and containers hold. */
export function zeroOf(type: Type): Value {
  switch (type.kind) {
    case "interface":
    case "func":
      return null;
    case "map":
      return new Dict(type, new Map(), true);
    case "slice":
      return new Slice(type, [], true);
    case "ptr":
      return new Ptr(type, null);
    case "bool":
      return false;
    case "string":
      return type === STRING ? "" : new Str(type, "");
    case "int":
      return 0;
    case "float64":
      return float(0);
    case "int64":
      return type === INT64 ? 0n : num(type, 0);
    case "complex128":
    case "struct":
      return type.box({}, false);
    default:
      return num(type, 0);
  }
}
