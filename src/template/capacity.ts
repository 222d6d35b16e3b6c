/**
 * What Go's slices have beyond their end: `slice` may reach as far as memory was set aside for. How far that is depends on
 * how the slice was made; one that was appended to has room for more.
 *
 * @see https://go.dev/src/runtime/slice.go (growslice) and https://go.dev/src/internal/runtime/gc/sizeclasses.go
 */
import { Slice, type Type, type Value } from "./value.ts";
import { zeroOf } from "./zero.ts";

/** Bytes that Go's allocator gives out at a time; larger ones are whole pages. */
const SIZE_CLASSES = [
  ...[8, 16, 24, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 320, 352, 384, 416, 448],
  ...[480, 512, 576, 640, 704, 768, 896, 1024, 1152, 1280, 1408, 1536, 1792, 2048, 2304, 2688, 3072, 3200, 3456, 4096],
  ...[4864, 5120, 5376, 6144, 6528, 6784, 6912, 8192, 9472, 9728, 10240, 10880, 12288, 13568, 14336, 16384, 18432],
  ...[19072, 20480, 21760, 24576, 27264, 28672, 32768],
];
const PAGE = 8192;
/** From here on small objects with pointers have a header. */
const HEADER_FROM = 512;
const HEADER = 8;

function roundUp(size: number, pointers: boolean): number {
  if (size > 32768 - HEADER) return Math.ceil(size / PAGE) * PAGE;
  const header = pointers && size > HEADER_FROM ? HEADER : 0;
  const found = SIZE_CLASSES.find((one) => one >= size + header) ?? size;
  return found - header;
}

/** Growslice: the capacity after an append that needs `length`. */
function grown(capacity: number, length: number, type: Type): number {
  let wanted = capacity;
  if (length > 2 * capacity) wanted = length;
  else if (capacity < 256) wanted = 2 * capacity;
  else while (wanted < length) wanted += (wanted + 3 * 256) >> 2;
  const isInt = type.elem?.kind === "int";
  const width = isInt ? 8 : 16;
  return Math.floor(roundUp(wanted * width, !isInt) / width);
}

/** Sets aside what Go does for a slice whose elements were appended one at a time, from a capacity on. Gives back the slice. */
export function appended(slice: Slice, from = 0): Slice {
  slice.spare = () => {
    let capacity = from;
    while (capacity < slice.items.length) capacity = grown(capacity, capacity + 1, slice.type);
    return zeros(slice.type, capacity - slice.items.length);
  };
  return slice;
}

/** The same for a slice of this capacity to which the rest was appended at once. */
export function appendedAtOnce(slice: Slice, from: number): Slice {
  slice.spare = () => zeros(slice.type, grown(from, slice.items.length, slice.type) - slice.items.length);
  return slice;
}

/** The same for a slice that was made with room for `capacity` elements. */
export function madeFor(slice: Slice, capacity: number): Slice {
  if (capacity > slice.items.length) slice.spare = () => zeros(slice.type, capacity - slice.items.length);
  return slice;
}

function zeros(type: Type, count: number): Value[] {
  const zero = zeroOf(type.elem ?? type);
  return Array.from({ length: count }, () => zero ?? null);
}

/** reflect.Value.Slice; undefined when that is out of bounds. */
export function sliced(value: Slice, start: number, end: number): Slice | undefined {
  if (start < 0 || end < start) return undefined;
  const { items } = value;
  if (end <= items.length) {
    const part = new Slice(value.type, items.slice(start, end));
    part.spare = () => [...items.slice(end), ...(value.spare?.() ?? [])];
    return part;
  }
  const all = [...items, ...(value.spare?.() ?? [])];
  if (end > all.length) return undefined;
  const part = new Slice(value.type, all.slice(start, end));
  part.spare = () => all.slice(end);
  return part;
}
