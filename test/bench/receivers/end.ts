/** What the benchmark of receivers delivers to, and how it finds out what arrived. */

/** The far end of one receiver. */
export interface End {
  /** Name of the receiver and of its sink. */
  readonly name: string;
  /** What is there: `Loki 3.7.8`, or `a strict fake`. */
  readonly server: string;
  /** The receiver's settings, `name` excepted. */
  readonly receiver: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Ids of what is there now, repeats included; what comes later is waited for until there are `count`. */
  ids(count: number): Promise<readonly string[]>;
  /** Requests so far, as far as they are counted. */
  readonly requests?: () => number;
  close?(): Promise<void>;
}

/** The event's id, by which texts made from templates are told apart. */
export const ID_TEMPLATE = "id={{ .UID }}.{{ .ResourceVersion }};";

/** Ids in texts that {@link ID_TEMPLATE} went into; Markdown may have put backslashes between. */
export function markedIds(texts: readonly string[]): string[] {
  return texts.flatMap((text) => /id=([^;]+);/.exec(text.replaceAll("\\", ""))?.[1] ?? []);
}
