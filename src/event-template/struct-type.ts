/** How the Go structs of Kubernetes are declared over our plain objects: fields, methods, generated texts, omitted JSON. */
import { formatValue } from "../template/print.ts";
import { ptrTo, STRING } from "../template/types.ts";
import { type Field, type Method, Ptr, type Type, type Value } from "../template/value.ts";

/** A field that reads one property. `T` is the struct's native type. */
export function field<T>(name: string, type: Type, get: (self: T) => unknown): Field {
  return { name, type, get: get as Field["get"] };
}

/** A struct inside the struct. */
export function embed<T>(name: string, type: Type, get: (self: T) => unknown): Field {
  return { ...field(name, type, get), embedded: true };
}

/** A method without arguments on the pointer, as nearly all of Kubernetes' are. */
export function method<T>(result: Type, call: (self: T) => Value): Method {
  return { params: [], pointer: true, result, call: call as Method["call"] };
}

/** A method that gives nothing: Go's templates refuse it, whatever its arguments. */
export function nothing(name: string, ...params: readonly Type[]): Method {
  return {
    params: params.map((type) => ({ type, pass: "value" })),
    pointer: true,
    refused: `function ${name} has 0 return values; should be 1 or 2`,
    call: () => undefined,
  };
}

/** The generated `&Name{Field:value,}` of Kubernetes' types. */
export function generated(name: string, fields: readonly (readonly [string, string])[]): string {
  return `&${name}{${fields.map(([key, value]) => `${key}:${value},`).join("")}}`;
}

/** The text of a field's value, as `%v` has it. */
export function shown(type: Type, native: unknown): string {
  return formatValue(type.box(native, false));
}

export function pointerText(native: unknown): string {
  return native === undefined || native === null ? "nil" : `*${String(native)}`;
}

export function mapText(labels: Readonly<Record<string, string>> | undefined): string {
  const keys = Object.keys(labels ?? {}).sort();
  return `map[string]string{${keys.map((key) => `${key}: ${labels?.[key] ?? ""},`).join("")}}`;
}

/** A method that tells its own nil. */
export function text<T>(make: (self: T) => string): Method {
  return method(STRING, (self: T | null) => (self === null ? "nil" : make(self)));
}

/** Leaves out what Go's `omitempty` does. */
export function compact(entries: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(entries)) {
    if (value === undefined || value === "" || value === 0 || value === false) continue;
    if (Array.isArray(value) && value.length === 0) continue;
    if (typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length === 0)
      continue;
    out[key] = value;
  }
  return out;
}

export function sorted(labels: Readonly<Record<string, string>> | undefined): Record<string, string> | undefined {
  if (labels === undefined) return undefined;
  return Object.fromEntries(
    Object.keys(labels)
      .sort()
      .map((key) => [key, labels[key] ?? ""]),
  );
}

/** Methods that give a pointer to the struct or to a copy (the same: nothing here can be changed), and those that change it. */
export function addItself(type: Type, names: readonly string[]): void {
  const pointer = ptrTo(type);
  const itself = method(pointer, (self) => new Ptr(pointer, self));
  for (const name of names) type.methods.set(name, itself);
  type.methods.set("Reset", nothing("Reset"));
  type.methods.set("DeepCopyInto", nothing("DeepCopyInto", pointer));
}
