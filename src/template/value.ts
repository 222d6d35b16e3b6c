/**
 * Go's values as JavaScript holds them. What templates meet all the time is a plain JavaScript value; what only looks
 * the same to JavaScript but differs to Go (`int32`, `float64`, `types.UID`) carries its type.
 *
 * | Go                                     | here                                                     |
 * |----------------------------------------|----------------------------------------------------------|
 * | no value (a missing key of a map)      | `undefined`                                              |
 * | nil (an interface without a value)     | `null`                                                   |
 * | bool, string                           | boolean, string (bytes that are not UTF-8: bytes.ts)     |
 * | int                                    | number, an integer; outside ±(2^53 - 1): `Num`, bigint   |
 * | int64                                  | bigint                                                   |
 * | float64, int32, uint8, time.Duration … | `Num` (use `float()`, `num()`)                           |
 * | complex128                             | `Complex`                                                |
 * | types.UID and other named strings      | `Str`                                                    |
 * | []byte                                 | `Bytes`                                                  |
 * | []T                                    | `Slice` (use `list()` for []any, `strings()`)            |
 * | map[string]T                           | `Dict` (use `dict()` for map[string]any)                 |
 * | structs, time.Time                     | `Struct`: a type with fields and methods over any object |
 * | pointers                               | `Ptr`                                                    |
 * | an error returned or a panic           | `throw new GoError(text)`                                |
 */

import { compareStrings } from "./bytes.ts";

export type Kind =
  | "bool"
  | "int"
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "uint"
  | "uint8"
  | "uint16"
  | "uint32"
  | "uint64"
  | "float32"
  | "float64"
  | "complex128"
  | "string"
  | "slice"
  | "map"
  | "struct"
  | "ptr"
  | "interface"
  | "func";

/** A Go type. Two types are the same when they are the same object (composite types are made once: `sliceOf`, `mapOf`, `ptrTo`). */
export interface Type {
  readonly kind: Kind;
  /** As `%T` prints it: `[]interface {}`, `types.UID`, `*v1.EventSeries`. */
  readonly name: string;
  /** Of slices, maps and pointers. */
  readonly elem?: Type;
  /** Of structs, in the order of declaration. */
  readonly fields?: readonly Field[];
  /** Declared on the type itself; promoted ones are found by {@link findMember}. Filled once, at module load. */
  readonly methods: Map<string, Method>;
  /** The value for what a field's `get` gave; `addressable`: reached through a pointer (Go then finds pointer methods). */
  box(native: unknown, addressable: boolean): Value;
  /** Structs that hold nothing but a time (metav1.Time): the time, for functions that are kinder than Go's. */
  timeOf?(native: unknown): GoTime;
  /** Of structs: what encoding/json writes, as plain data in the order of the fields; what is omitted is not there. */
  json?(native: unknown): unknown;
}

export interface Field {
  readonly name: string;
  readonly type: Type;
  /** Fields and methods of the field's type are found as if they were the outer type's own. */
  readonly embedded?: boolean;
  /** Exists, but templates cannot see it (lower case in Go). */
  readonly unexported?: boolean;
  /** The field's native value from the struct's: what `type.box` takes. A method, so that tables may narrow `self`. */
  get(self: unknown): unknown;
}

export interface Method {
  readonly params: readonly Param<unknown>[];
  /** Repeats after `params`, any number of times. */
  readonly rest?: Param<unknown>;
  /** Declared on the pointer: not found on a struct that is not addressable. */
  readonly pointer?: boolean;
  /** What it gives, where it is known before it runs. */
  readonly result?: Type;
  /** A method that exists but that no template can call, and Go's words for it (`function Date has 3 return values; should be 1 or 2`). */
  readonly refused?: string;
  /** `self` is the struct's native value, or the value itself for named numbers and strings. */
  call(self: unknown, args: readonly unknown[]): Value;
}

export type Value =
  | undefined
  | null
  | boolean
  | string
  | number
  | bigint
  | Num
  | Complex
  | Str
  | Bytes
  | Slice
  | Dict
  | Struct
  | Ptr;

/** An error that a function or method returned (or a panic): becomes `error calling NAME: text`. */
export class GoError extends Error {
  override readonly name = "GoError";
}

/** A number that is neither a plain int nor an int64. `value` is a bigint for int, uint and 64-bit kinds, else a number. */
export class Num {
  readonly type: Type;
  readonly value: number | bigint;
  constructor(type: Type, value: number | bigint) {
    this.type = type;
    this.value = value;
  }
}

export class Complex {
  readonly re: number;
  readonly im: number;
  constructor(re: number, im: number) {
    this.re = re;
    this.im = im;
  }
}

/** A string of a named type. */
export class Str {
  readonly type: Type;
  readonly value: string;
  constructor(type: Type, value: string) {
    this.type = type;
    this.value = value;
  }
}

/** []uint8. */
export class Bytes {
  readonly data: Uint8Array;
  constructor(data: Uint8Array) {
    this.data = data;
  }
}

/** A slice; treat `items` as immutable (Go's functions of sprig copy). A nil slice prints as `[]` but is `null` in JSON. */
export class Slice {
  readonly type: Type;
  readonly items: readonly Value[];
  readonly isNil: boolean;
  constructor(type: Type, items: readonly Value[], isNil = false) {
    this.type = type;
    this.items = items;
    this.isNil = isNil;
  }
}

/** A map with string keys; `entries` may be changed in place, as sprig's `set` does. Never hold `undefined` in it. */
export class Dict {
  readonly type: Type;
  readonly entries: Map<string, Value>;
  readonly isNil: boolean;
  constructor(type: Type, entries: Map<string, Value>, isNil = false) {
    this.type = type;
    this.entries = entries;
    this.isNil = isNil;
  }
}

export class Struct {
  readonly type: Type;
  /** What the type's getters and methods take. */
  readonly native: unknown;
  readonly addressable: boolean;
  constructor(type: Type, native: unknown, addressable = false) {
    this.type = type;
    this.native = native;
    this.addressable = addressable;
  }
}

/** A pointer: `native` is what it points to, as `type.elem` boxes it; null for nil. */
export class Ptr {
  readonly type: Type;
  readonly native: unknown;
  constructor(type: Type, native: unknown) {
    this.type = type;
    this.native = native ?? null;
  }
}

/** A point in time, as Go keeps it: seconds since 1970, nanoseconds 0..999999999, and the zone it is shown in. */
export interface GoTime {
  readonly seconds: number;
  readonly nanos: number;
  readonly zone: Zone;
  /** Nanoseconds of the monotonic clock; only times from `now` have it, and print it. */
  readonly monotonic?: number;
}

export interface Zone {
  /** As `Location.String()`: `UTC`, `Local`, `Europe/Berlin`. */
  readonly name: string;
  at(seconds: number): { readonly abbreviation: string; readonly offset: number };
}

const UTC_OFFSET = { abbreviation: "UTC", offset: 0 } as const;
export const UTC: Zone = { name: "UTC", at: () => UTC_OFFSET };
/** Seconds of 0001-01-01T00:00:00Z: Go's zero time. */
export const ZERO_SECONDS = -62135596800;
export const ZERO_TIME: GoTime = { seconds: ZERO_SECONDS, nanos: 0, zone: UTC };

// --- types ---------------------------------------------------------------------------------------------------------

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

/** JSON data as Go decodes it into `any`: every number is float64, objects are map[string]any, arrays []any. */
export function fromJson(data: unknown): Value {
  switch (typeof data) {
    case "string":
    case "boolean":
      return data;
    case "number":
      return float(data);
    case "bigint":
      return data;
    case "object": {
      if (data === null) return null;
      if (Array.isArray(data)) return list(data.map(fromJson));
      const entries = new Map<string, Value>();
      for (const [key, item] of Object.entries(data)) entries.set(key, fromJson(item) ?? null);
      return dict(entries);
    }
    default:
      return undefined;
  }
}

// --- looking at values ---------------------------------------------------------------------------------------------

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

// --- functions -----------------------------------------------------------------------------------------------------

/** A parameter: the Go type that the template engine checks against, and `T`, what the function receives. */
export interface Param<T> {
  readonly type: Type;
  /** How `T` is made from a value that has passed the check. */
  readonly pass: "value" | "number" | "bigint" | "time" | "reflect";
  /** Never set: carries T for the compiler. */
  readonly of?: T;
}

/** Parameter types for {@link fn}. `any` never receives undefined; `reflect` is Go's reflect.Value: it may. */
export const P = {
  any: { type: ANY, pass: "value" } as Param<Exclude<Value, undefined>>,
  reflect: { type: ANY, pass: "reflect" } as Param<Value>,
  string: { type: STRING, pass: "value" } as Param<string>,
  bool: { type: BOOL, pass: "value" } as Param<boolean>,
  /** A number; integers beyond 2^53 arrive rounded. */
  int: { type: INT, pass: "number" } as Param<number>,
  int64: { type: INT64, pass: "bigint" } as Param<bigint>,
  float64: { type: FLOAT64, pass: "number" } as Param<number>,
  dict: { type: ANY_DICT, pass: "value" } as Param<Dict>,
  list: { type: ANY_LIST, pass: "value" } as Param<Slice>,
  strings: { type: STRING_LIST, pass: "value" } as Param<Slice>,
  time: { type: TIME, pass: "time" } as Param<GoTime>,
  duration: { type: DURATION, pass: "bigint" } as Param<bigint>,
} as const;

/** A parameter of any other type; it receives the value. */
export function paramOf(type: Type): Param<Value> {
  return { type, pass: "value" };
}

export interface Func {
  readonly params: readonly Param<unknown>[];
  /** Repeats after `params`, any number of times. */
  readonly rest?: Param<unknown>;
  /** Go's result type where it is one, known before the call. */
  readonly result?: Type;
  /** Not available here, and why: a template that names it is refused at load. */
  readonly refused?: string;
  /** Throws GoError for what Go returns as an error or panics with. */
  call(...args: unknown[]): Value;
}

export type FuncMap = Readonly<Record<string, Func>>;

type Natives<Params extends readonly Param<unknown>[]> = {
  -readonly [K in keyof Params]: Params[K] extends Param<infer T> ? T : never;
};

/** A function with fixed parameters: `fn([P.int, P.string], (n, text) => …)`. */
export function fn<const Params extends readonly Param<unknown>[]>(
  params: Params,
  call: (...args: Natives<Params>) => Value,
  more: Pick<Func, "result" | "refused"> = {},
): Func {
  return { params, call: call as Func["call"], ...more };
}

/** A function whose last parameter repeats: `variadic([P.string], P.any, (sep, ...items) => …)`. */
export function variadic<const Params extends readonly Param<unknown>[], Rest>(
  params: Params,
  rest: Param<Rest>,
  call: (...args: [...Natives<Params>, ...Rest[]]) => Value,
  more: Pick<Func, "result" | "refused"> = {},
): Func {
  return { params, rest, call: call as Func["call"], ...more };
}
