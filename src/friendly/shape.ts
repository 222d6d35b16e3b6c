/** What the data of a friendly event has in it: from a shape come its parser, its JSON Schema and its docs. */

export type FieldKind =
  /** One or more characters. */
  | "text"
  /** Not negative, and exact in JavaScript. */
  | "integer"
  /** Names with spaces between them. */
  | "words"
  /** `3 Insufficient cpu, 1 Too many pods`. */
  | "counted"
  /** `{pool-a 1->2 (max: 5)} {pool-b 0->1 (max: 3)}` */
  | "groups"
  /** Labels of an object. */
  | "labels";

export interface Leaf {
  readonly kind: FieldKind;
  readonly description: string;
  readonly optional: boolean;
}

export interface Branch {
  readonly kind: "object";
  readonly description: string;
  readonly optional: boolean;
  readonly fields: Shape;
}

export type Field = Leaf | Branch;
export type Shape = Readonly<Record<string, Field>>;

const leaf =
  (kind: FieldKind) =>
  (description: string): Leaf => ({ kind, description, optional: false });

export const text = leaf("text");
export const integer = leaf("integer");
export const words = leaf("words");
export const counted = leaf("counted");
export const groups = leaf("groups");

export const object = (description: string, fields: Shape): Branch => ({
  kind: "object",
  description,
  optional: false,
  fields,
});

/** May be absent: not every wording tells it. */
export const optional = <F extends Field>(field: F): F => ({ ...field, optional: true });

/** What an event is about, as its data calls it. */
export interface Subject {
  readonly key: string;
  /** Kind of the involved object. */
  readonly kind: string;
  readonly shape: Branch;
}

export function subject(key: string, kind: string, namespaced = true): Subject {
  const labels: Leaf = { kind: "labels", description: "Its labels, as far as they were looked up.", optional: false };
  const shape = object(`The ${kind}.`, {
    name: text("Its name."),
    ...(namespaced && { namespace: text("Its namespace.") }),
    labels,
  });
  return { key, kind, shape };
}

/** The field at `replicas.new`; undefined when there is none. */
export function fieldAt(shape: Shape, path: string): Leaf | undefined {
  let at: Shape = shape;
  const keys = path.split(".");
  for (const [index, key] of keys.entries()) {
    const field = Object.hasOwn(at, key) ? at[key] : undefined;
    if (field === undefined) return undefined;
    if (index === keys.length - 1) return field.kind === "object" ? undefined : field;
    if (field.kind !== "object") return undefined;
    at = field.fields;
  }
  return undefined;
}
