/** Go's types, and the making of values that have them. */
import {
  Bytes,
  Dict,
  type Field,
  type GoTime,
  type Kind,
  type Method,
  Num,
  Ptr,
  Slice,
  Str,
  Struct,
  type Type,
  UTC,
  type Value,
  ZERO_SECONDS,
} from "./value.ts";

type Box = (native: never, addressable: boolean) => Value;

function makeType(kind: Kind, name: string, box: Box, more: Partial<Type> = {}): Type {
  return { kind, name, methods: new Map(), ...more, box: box as Type["box"] };
}

const same = (native: Value): Value => native;

export const ANY: Type = makeType("interface", "interface {}", same);
export const BOOL: Type = makeType("bool", "bool", same);
export const STRING: Type = makeType("string", "string", same);
export const INT: Type = makeType("int", "int", (native: number | bigint) => int(native));
export const INT64: Type = makeType("int64", "int64", (native: number | bigint) => BigInt(native));
export const INT16: Type = numberType("int16", "int16");
export const INT32: Type = numberType("int32", "int32");
export const UINT8: Type = numberType("uint8", "uint8");
export const UINT32: Type = numberType("uint32", "uint32");
export const UINT64: Type = numberType("uint64", "uint64");
export const FLOAT64: Type = numberType("float64", "float64");
export const COMPLEX128: Type = makeType("complex128", "complex128", same);
export const ERROR: Type = makeType("interface", "error", same);

/** A number type other than int and int64: `numberType("int64", "time.Duration")`. */
export function numberType(kind: Kind, name: string): Type {
  const type: Type = makeType(kind, name, (native: number | bigint) => num(type, native));
  return type;
}

/** A named string type: `stringType("types.UID")`. */
export function stringType(name: string): Type {
  const type: Type = makeType("string", name, (native: string) => new Str(type, native));
  return type;
}

const slices = new Map<Type, Type>();
const maps = new Map<Type, Type>();
const pointers = new Map<Type, Type>();

/** []elem. Boxes an array of the element's native values; undefined is nil. */
export function sliceOf(elem: Type): Type {
  let type = slices.get(elem);
  if (type === undefined) {
    const made: Type = makeType(
      "slice",
      `[]${elem.name}`,
      (native: readonly unknown[] | Uint8Array | undefined | null) => {
        if (native instanceof Uint8Array) return new Bytes(native);
        if (native === undefined || native === null) return new Slice(made, [], true);
        return new Slice(
          made,
          native.map((item) => elem.box(item, true)),
        );
      },
      { elem },
    );
    type = made;
    slices.set(elem, type);
  }
  return type;
}

/** map[string]elem. Boxes an object or a Map of the element's native values (a copy); undefined is nil. */
export function mapOf(elem: Type): Type {
  let type = maps.get(elem);
  if (type === undefined) {
    const made: Type = makeType(
      "map",
      `map[string]${elem.name}`,
      (native: Readonly<Record<string, unknown>> | ReadonlyMap<string, unknown> | undefined | null) => {
        const entries = new Map<string, Value>();
        if (native === undefined || native === null) return new Dict(made, entries, true);
        if (native instanceof Map) for (const [key, item] of native) entries.set(key, elem.box(item, false));
        else for (const [key, item] of Object.entries(native)) entries.set(key, elem.box(item, false));
        return new Dict(made, entries);
      },
      { elem },
    );
    type = made;
    maps.set(elem, type);
  }
  return type;
}

/** *elem. Boxes the native value of what it points to; null and undefined are nil. */
export function ptrTo(elem: Type): Type {
  let type = pointers.get(elem);
  if (type === undefined) {
    const made: Type = makeType("ptr", `*${elem.name}`, (native: unknown) => new Ptr(made, native), { elem });
    type = made;
    pointers.set(elem, type);
  }
  return type;
}

/** A struct type over any JavaScript object. Methods may be given here or added to `methods` at module load. */
export function structType(
  name: string,
  fields: readonly Field[],
  methods: Readonly<Record<string, Method>> = {},
  more: Pick<Type, "timeOf" | "json"> = {},
): Type {
  const type: Type = makeType("struct", name, (native: unknown, addressable) => new Struct(type, native, addressable), {
    ...more,
    fields,
    methods: new Map(Object.entries(methods)),
  });
  return type;
}

export const ANY_LIST: Type = sliceOf(ANY);
export const STRING_LIST: Type = sliceOf(STRING);
export const INT_LIST: Type = sliceOf(INT);
export const BYTES: Type = sliceOf(UINT8);
export const ANY_DICT: Type = mapOf(ANY);
export const STRING_DICT: Type = mapOf(STRING);

/** time.Location; native is {@link Zone}. */
export const LOCATION: Type = structType("time.Location", []);
/** time.Time; native is {@link GoTime}. Its methods are added by time-type.ts. */
export const TIME: Type = structType("time.Time", [
  { name: "wall", type: UINT64, unexported: true, get: (self: GoTime) => self.nanos },
  { name: "ext", type: INT64, unexported: true, get: (self: GoTime) => self.seconds - ZERO_SECONDS },
  {
    name: "loc",
    type: ptrTo(LOCATION),
    unexported: true,
    get: (self: GoTime) => (self.zone === UTC ? null : self.zone),
  },
]);
export const DURATION: Type = numberType("int64", "time.Duration");

// --- making values -------------------------------------------------------------------------------------------------

/** An int. */
export function int(value: number | bigint): Value {
  if (typeof value === "number") return Number.isSafeInteger(value) ? value : new Num(INT, BigInt(value));
  const small = Number(value);
  return Number.isSafeInteger(small) ? small : new Num(INT, BigInt.asIntN(64, value));
}

/** A float64. */
export function float(value: number): Num {
  return new Num(FLOAT64, value);
}

/** A number of any type made by {@link numberType}; the value is taken as it is (no wrapping). */
export function num(type: Type, value: number | bigint): Num {
  switch (type.kind) {
    case "int64":
    case "uint64":
    case "uint":
      return new Num(type, BigInt(value));
    default:
      return new Num(type, Number(value));
  }
}

/** []any. */
export function list(items: readonly Value[]): Slice {
  return new Slice(ANY_LIST, items);
}

/** []string. */
export function strings(items: readonly string[]): Slice {
  return new Slice(STRING_LIST, items);
}

/** []int. */
export function ints(items: readonly number[]): Slice {
  return new Slice(INT_LIST, items);
}

/** map[string]any over the given Map (not copied). */
export function dict(entries: Map<string, Value> = new Map()): Dict {
  return new Dict(ANY_DICT, entries);
}

/** map[string]string. */
export function stringDict(entries: Map<string, string>): Dict {
  return new Dict(STRING_DICT, entries);
}

export function time(native: GoTime): Struct {
  return new Struct(TIME, native);
}

/** A time.Duration in nanoseconds. */
export function duration(nanoseconds: bigint): Num {
  return new Num(DURATION, BigInt.asIntN(64, nanoseconds));
}
