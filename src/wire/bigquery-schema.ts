/** What an event's JSON is as a row of BigQuery, and which columns it needs. Pure. */

/** The part of TableFieldSchema that counts here. @see https://cloud.google.com/bigquery/docs/reference/rest/v2/tables#TableFieldSchema */
export interface Column {
  readonly name: string;
  readonly type: string;
  /** Default: NULLABLE. */
  readonly mode?: string;
  readonly fields?: readonly Column[];
}

export type Value = string | number | boolean | Row | readonly Value[];
export interface Row {
  readonly [column: string]: Value;
}

/** @see https://cloud.google.com/bigquery/docs/schemas#column_names */
const NAME_MAX = 300;
/** Prefixes that no column may have. */
const RESERVED = /^(?:_TABLE_|_FILE_|_PARTITION|_ROW_TIMESTAMP|__ROOT__|_COLIDENTIFIER|_CHANGE_)/i;

/** As the exporter wrote them: what is no letter or digit becomes `_`, and one goes before what begins with no letter. */
export function columnName(key: string): string {
  const name = key.replace(/[^A-Za-z0-9]/g, "_");
  const whole = /^[A-Za-z]/.test(name) ? name : `_${name}`;
  return (RESERVED.test(whole) ? `x${whole}` : whole).slice(0, NAME_MAX);
}

/** The row of a JSON value: without nulls and what is empty, which have no type. Columns that differ in case are one. */
export function rowOf(value: unknown): Row {
  return (
    ((typeof value === "object" && value !== null && !Array.isArray(value) ? cellOf(value) : undefined) as Row) ?? {}
  );
}

function cellOf(value: unknown): Value | undefined {
  if (value === null || value === undefined) return undefined;
  if (typeof value === "string") return value.toWellFormed();
  if (typeof value === "number" || typeof value === "boolean") return value;
  if (Array.isArray(value)) {
    // Arrays of arrays there are not.
    const items = value.flatMap((item) => cellOf(Array.isArray(item) ? JSON.stringify(item) : item) ?? []);
    return items.length === 0 ? undefined : items;
  }
  const row: Record<string, Value> = {};
  const names = new Map<string, string>();
  for (const [key, item] of Object.entries(value as object)) {
    const found = cellOf(item);
    if (found === undefined) continue;
    const name = columnName(key);
    const known = names.get(name.toLowerCase()) ?? name;
    names.set(name.toLowerCase(), known);
    row[known] = found;
  }
  return Object.keys(row).length === 0 ? undefined : row;
}

/** Columns that hold times in the event's own JSON; a layout's are text. */
const TIMES: ReadonlySet<string> = new Set([
  ...["firstTimestamp", "lastTimestamp", "eventTime", "metadata.creationTimestamp", "series.lastObservedTime"],
]);

/** `times`: the row is the event's own JSON. */
export function columnsOf(row: Row, times: boolean): Column[] {
  return Object.entries(row).map(([name, value]) => columnOf(name, value, times ? name : undefined));
}

function columnOf(name: string, value: Value, path: string | undefined): Column {
  if (isList(value)) {
    const [first, ...rest] = value.map((item) => columnOf(name, item, undefined));
    if (first === undefined) return { name, type: "STRING", mode: "REPEATED" };
    return { ...rest.reduce(joined, first), mode: "REPEATED" };
  }
  if (typeof value === "object") {
    const fields = Object.entries(value).map(([key, item]) => columnOf(key, item, path && `${path}.${key}`));
    return { name, type: "RECORD", fields };
  }
  if (typeof value === "boolean") return { name, type: "BOOLEAN" };
  if (typeof value === "number") return { name, type: Number.isSafeInteger(value) ? "INTEGER" : "FLOAT" };
  return { name, type: path !== undefined && TIMES.has(path) ? "TIMESTAMP" : "STRING" };
}

const isList = (value: Value): value is readonly Value[] => Array.isArray(value);

/** What holds both. */
function joined(one: Column, other: Column): Column {
  if (one.type === other.type) {
    const fields = extended(one.fields ?? [], other.fields ?? []) ?? one.fields;
    return fields ? { ...one, fields } : one;
  }
  const numbers = [one, other].every(({ type }) => type === "INTEGER" || type === "FLOAT");
  return { name: one.name, type: numbers ? "FLOAT" : "STRING" };
}

/** The columns with what is new in the others, all of it NULLABLE or REPEATED; undefined when nothing is. */
export function extended(known: readonly Column[], wanted: readonly Column[]): Column[] | undefined {
  const columns = [...known];
  const places = new Map(columns.map(({ name }, index) => [name.toLowerCase(), index]));
  let changed = false;
  for (const column of wanted) {
    const place = places.get(column.name.toLowerCase());
    const there = place === undefined ? undefined : columns[place];
    if (place === undefined || there === undefined) {
      places.set(column.name.toLowerCase(), columns.push(column) - 1);
      changed = true;
      continue;
    }
    if (!there.fields || !column.fields) continue;
    const fields = extended(there.fields, column.fields);
    if (!fields) continue;
    columns[place] = { ...there, fields };
    changed = true;
  }
  return changed ? columns : undefined;
}

/** The row as a table with these columns takes it: text where the column is text, a list where it is a list. */
export function fitted(row: Row, columns: readonly Column[]): Row {
  const known = new Map(columns.map((column) => [column.name.toLowerCase(), column]));
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => {
      const column = known.get(name.toLowerCase());
      return column ? [column.name, fittedValue(value, column)] : [name, value];
    }),
  );
}

function fittedValue(value: Value, column: Column): Value {
  if (column.mode === "REPEATED") return (isList(value) ? value : [value]).map((item) => fittedItem(item, column));
  return fittedItem(value, column);
}

function fittedItem(value: Value, { type, fields }: Column): Value {
  if (type === "STRING" && typeof value !== "string") return JSON.stringify(value);
  if (type === "JSON") return JSON.stringify(value);
  if (fields && typeof value === "object" && !isList(value)) return fitted(value, fields);
  return value;
}
