/** Finding fields and methods on Go types: promotion through embedded structs, pointer and value receivers. */
import { STRING, STRING_DICT } from "./types.ts";
import { type Field, type Method, Ptr, Struct, type Type, type Value } from "./value.ts";

export type Member =
  | { readonly is: "field"; readonly field: Field; readonly get: (native: unknown) => unknown }
  | {
      readonly is: "method";
      readonly method: Method;
      /** What the method's `self` is, from the native value of the type asked. */
      readonly self: (native: unknown) => unknown;
      /** Whether a nil pointer may be `self`: methods declared on the pointer of the type itself. */
      readonly takesNil: boolean;
    };

const identity = (native: unknown): unknown => native;
const found = new WeakMap<Type, Map<string, Member | undefined>>();

/**
 * The field or method of a struct (or named) type; undefined when there is none, or when it is ambiguous. Methods on
 * the pointer are found too: the caller looks at `method.pointer`.
 */
export function findMember(type: Type, name: string): Member | undefined {
  let known = found.get(type);
  if (known === undefined) {
    known = new Map();
    found.set(type, known);
  }
  if (!known.has(name)) known.set(name, search(type, name));
  return known.get(name);
}

interface Level {
  readonly type: Type;
  readonly get: (native: unknown) => unknown;
}

/** Breadth first, as Go: the shallowest wins, two at one depth hide each other. */
function search(type: Type, name: string): Member | undefined {
  let level: Level[] = [{ type, get: identity }];
  for (let depth = 0; level.length > 0; depth++) {
    const hits: Member[] = [];
    const below: Level[] = [];
    for (const { type: at, get } of level) {
      const method = at.methods.get(name);
      if (method !== undefined) hits.push({ is: "method", method, self: get, takesNil: depth === 0 });
      for (const field of at.fields ?? []) {
        const next = compose(get, field);
        if (field.name === name) hits.push({ is: "field", field, get: next });
        else if (field.embedded === true && field.type.kind === "struct") below.push({ type: field.type, get: next });
      }
    }
    if (hits.length > 0) return hits.length === 1 ? hits[0] : undefined;
    level = below;
  }
  return undefined;
}

function compose(outer: (native: unknown) => unknown, field: Field): (native: unknown) => unknown {
  if (outer === identity) return (native) => field.get(native);
  return (native) => field.get(outer(native));
}

/** All names that templates can use on a type, nearest first: for proposals. */
export function memberNames(type: Type): string[] {
  const names = new Set<string>();
  let level: Type[] = [type];
  while (level.length > 0) {
    for (const at of level) {
      for (const field of at.fields ?? []) if (field.unexported !== true) names.add(field.name);
      for (const name of at.methods.keys()) names.add(name);
    }
    level = level.flatMap((at) => (at.fields ?? []).filter((field) => field.embedded === true).map(({ type: t }) => t));
  }
  return [...names];
}

/** What a key of a map of strings gives: its value, or no value. */
const TEXT_OR_NONE: Type = { ...STRING, methods: new Map(), box: (native) => native as Value };

/** One entry of the native value of map[string]string, without making a Dict of it all. */
function entryOf(labels: unknown, key: string): Value {
  if (labels instanceof Map) return labels.get(key);
  if (typeof labels !== "object" || labels === null || !Object.hasOwn(labels, key)) return undefined;
  return (labels as Readonly<Record<string, string>>)[key];
}

/** The first steps of a chain that are plain fields of structs (and then, a key of a map of strings), as one getter. */
export interface Plan {
  readonly root: Type;
  readonly get: (native: unknown) => unknown;
  readonly result: Type;
  /** How many names it covers. */
  readonly used: number;
}

/** @param root the struct type, or the pointer to it, that the chain starts from */
export function planChain(root: Type, names: readonly string[]): Plan | undefined {
  let type = root.kind === "ptr" ? root.elem : root;
  let get: ((native: unknown) => unknown) | undefined;
  let used = 0;
  for (const name of names) {
    if (type === STRING_DICT && get !== undefined) {
      const labels = get;
      return { root, get: (native) => entryOf(labels(native), name), result: TEXT_OR_NONE, used: used + 1 };
    }
    if (type?.kind !== "struct") break;
    const member = findMember(type, name);
    if (member?.is !== "field" || member.field.unexported === true) break;
    const step = member.get;
    const before = get;
    get = before === undefined ? step : (native) => step(before(native));
    type = member.field.type;
    used += 1;
  }
  return get === undefined || type === undefined ? undefined : { root, get, result: type, used };
}

/** The String or Error method that fmt would use on a value as it stands in an interface. */
export function stringMethod(value: Value): { readonly method: Method; readonly self: unknown } | undefined {
  if (value instanceof Ptr) {
    const elem = value.type.elem;
    const member = elem === undefined ? undefined : findText(elem);
    if (member?.is !== "method") return undefined;
    // A method of the value, through a nil pointer, panics in Go; fmt then prints <nil>.
    if (value.native === null && !(member.method.pointer === true && member.takesNil)) return NIL_TEXT;
    return { method: member.method, self: value.native === null ? null : member.self(value.native) };
  }
  if (value instanceof Struct) return boundText(value.type, value.native, false);
  return undefined;
}

/** As {@link stringMethod}, for a struct's native value; `addressable` finds methods of the pointer too. */
export function boundText(
  type: Type,
  native: unknown,
  addressable: boolean,
): { readonly method: Method; readonly self: unknown } | undefined {
  const member = findText(type);
  if (member?.is !== "method" || (member.method.pointer === true && !addressable)) return undefined;
  return { method: member.method, self: member.self(native) };
}

/** What {@link stringMethod} gives where Go panics: a method of the value, asked of a nil pointer. */
export const NIL_TEXT = { method: { params: [], call: () => "<nil>" } satisfies Method, self: null };

function findText(type: Type): Member | undefined {
  if (type.kind !== "struct" && type.methods.size === 0) return undefined;
  const error = findMember(type, "Error");
  return error?.is === "method" ? error : findMember(type, "String");
}
