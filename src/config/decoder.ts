/** What the parts that read a config share: where findings go, and what was met on the way. */
import type { Env } from "./env.ts";
import type { Findings } from "./findings.ts";
import type { Node, Scalar } from "./tree.ts";

export type Path = readonly (string | number)[];

/** Something in the config that stands for more than its text, and where. */
export interface Meant {
  readonly kind: "template" | "pattern" | "secret";
  readonly node: Scalar;
  readonly path: Path;
  /** Of a template that is not one in Go's language. */
  readonly language?: "eta";
}

export interface Decoder {
  readonly compat: boolean;
  readonly findings: Findings;
  readonly env: Env;
  readonly readFile: (path: string) => string | undefined;
  /** Nodes by {@link pathKey} of the canonical path. */
  readonly nodes: Map<string, Node>;
  readonly meant: Meant[];
}

/** What sort of object a key is looked up in: it decides what to say about a key that is not known. */
export type Site = "top" | "route" | "rule" | "receiver" | "other";

export const pathKey = (path: Path) => path.join("\0");
