/** metav1.Time and metav1.MicroTime over the timestamps of the API. */

import { BOOL, BYTES, ptrTo, STRING, structType, TIME } from "../template/types.ts";
import {
  Bytes,
  type GoTime,
  type Method,
  Ptr,
  type Type,
  UTC,
  type Value,
  ZERO_SECONDS,
  ZERO_TIME,
} from "../template/value.ts";
import { embed, method } from "./struct-type.ts";
import "../template/time-type.ts";

const RFC3339 = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,](\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)$/;

/** An API timestamp as Go's time; null, absent or unreadable ones are Go's zero time. */
export function parseTimestamp(text: string | null | undefined): GoTime {
  if (text === null || text === undefined) return ZERO_TIME;
  const parts = RFC3339.exec(text);
  if (parts === null) return ZERO_TIME;
  const [, whole, fraction = "", zone] = parts;
  const millis = Date.parse(`${whole}${zone}`);
  if (Number.isNaN(millis)) return ZERO_TIME;
  return { seconds: millis / 1000, nanos: fraction === "" ? 0 : Number(fraction.padEnd(9, "0")), zone: UTC };
}

export function isZero(time: GoTime): boolean {
  return time.seconds === ZERO_SECONDS && time.nanos === 0;
}

/** `2026-11-20T21:44:18Z`, with as many digits of the second as asked. */
export function timestamp(time: GoTime, digits: number): string | null {
  if (isZero(time)) return null;
  const whole = new Date(time.seconds * 1000).toISOString().slice(0, 19);
  return `${whole}${digits === 0 ? "" : `.${String(time.nanos).padStart(9, "0").slice(0, digits)}`}Z`;
}

function same(a: GoTime | null, b: GoTime | null): boolean {
  if (a === null || b === null) return a === b;
  return a.seconds === b.seconds && a.nanos === b.nanos;
}

function before(a: GoTime | null, b: GoTime | null): boolean {
  if (a === null || b === null) return false;
  return a.seconds === b.seconds ? a.nanos < b.nanos : a.seconds < b.seconds;
}

function kubeTime(name: string, digits: number): Type {
  const type: Type = structType(
    name,
    [embed("Time", TIME, (self: GoTime) => self)],
    {},
    {
      timeOf: (native: unknown) => native as GoTime,
      json: (native: unknown) => timestamp(native as GoTime, digits),
    },
  );
  const bytes = (self: GoTime): Value => {
    const text = timestamp(self, digits);
    return new Bytes(new TextEncoder().encode(text === null ? "null" : JSON.stringify(text)));
  };
  const compare = (test: (a: GoTime | null, b: GoTime | null) => boolean, other: Type): Method => ({
    params: [{ type: ptrTo(other), pass: "value" }],
    pointer: true,
    result: BOOL,
    call: (self, [value]) => test(self as GoTime | null, value instanceof Ptr ? (value.native as GoTime | null) : null),
  });
  const own: Readonly<Record<string, Method>> = {
    IsZero: method(BOOL, (self: GoTime | null) => self === null || isZero(self)),
    Before: compare(before, type),
    Equal: compare(same, type),
    MarshalQueryParameter: {
      ...method(STRING, (self: GoTime | null) => (self === null ? "" : (timestamp(self, digits) ?? ""))),
      pointer: false,
    },
    MarshalJSON: { ...method(BYTES, bytes), pointer: false },
    DeepCopy: method(ptrTo(type), (self: GoTime | null) => new Ptr(ptrTo(type), self)),
  };
  for (const [key, value] of Object.entries(own)) type.methods.set(key, value);
  return type;
}

export const META_TIME: Type = kubeTime("v1.Time", 0);
META_TIME.methods.set("Rfc3339Copy", {
  params: [],
  result: META_TIME,
  call: (self) => META_TIME.box({ ...(self as GoTime), nanos: 0 }, false),
});
META_TIME.methods.set("ToUnstructured", { params: [], call: (self) => timestamp(self as GoTime, 0) });

export const MICRO_TIME: Type = kubeTime("v1.MicroTime", 6);
for (const [name, test] of [
  ["BeforeTime", before],
  ["EqualTime", same],
] as const) {
  MICRO_TIME.methods.set(name, {
    params: [{ type: ptrTo(META_TIME), pass: "value" }],
    pointer: true,
    result: BOOL,
    call: (self, [value]) => test(self as GoTime | null, value instanceof Ptr ? (value.native as GoTime | null) : null),
  });
}
