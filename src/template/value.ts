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

/** A parameter: the Go type that the template engine checks against, and `T`, what the function receives. */
export interface Param<T> {
  readonly type: Type;
  /** How `T` is made from a value that has passed the check. */
  readonly pass: "value" | "number" | "bigint" | "time" | "reflect";
  /** Never set: carries T for the compiler. */
  readonly of?: T;
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

/** A slice; treat `items` as immutable (the functions of sprig copy, but for `sortAlpha`). A nil slice prints as `[]` but is `null` in JSON. */
export class Slice {
  readonly type: Type;
  readonly items: readonly Value[];
  readonly isNil: boolean;
  /** What lies beyond the end, as far as memory is set aside (capacity.ts). Set by whoever makes the slice; absent: nothing. */
  spare: (() => readonly Value[]) | undefined;
  constructor(type: Type, items: readonly Value[], isNil = false) {
    this.type = type;
    this.items = items;
    this.isNil = isNil;
    this.spare = undefined;
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
