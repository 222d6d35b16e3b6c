/** What is accepted and surely not meant: findings that no schema can make. */
import type { Decoder, Path } from "./decode.ts";
import { pathKey } from "./decode.ts";
import { nearest } from "./nearest.ts";
import type { ReadReceiver } from "./receivers.ts";
import type { Route } from "./schema.ts";
import type { Mapping, Node } from "./tree.ts";

/** What is wrong with a template; line and column count from 1 within it. */
export interface TemplateFault {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

export interface Linted {
  readonly root: Mapping;
  readonly parts: {
    readonly route?: { at: number; value: Node } | undefined;
    readonly receivers?: { at: number; value: Node } | undefined;
  };
  readonly route: Route;
  readonly receivers: readonly ReadReceiver[];
  readonly decoder: Decoder;
  readonly checkTemplate: (text: string) => TemplateFault | undefined;
}

export function lint(linted: Linted): void {
  lintReferences(linted);
}

function lintReferences({ route, receivers, decoder }: Linted): void {
  const names = receivers.map(({ name }) => name);
  const used = new Set<string>();
  const visit = (one: Route, path: Path) => {
    for (const [index, rule] of one.match.entries()) {
      if (!rule.receiver) continue;
      used.add(rule.receiver);
      if (names.includes(rule.receiver)) continue;
      const near = nearest(rule.receiver, names);
      decoder.findings.add({
        severity: "error",
        code: "undefined-receiver",
        at: decoder.nodes.get(pathKey([...path, "match", index, "receiver"]))?.start ?? 0,
        message: `there is no receiver \`${rule.receiver}\`; what it should get goes nowhere`,
        hint: near
          ? `did you mean \`${near}\`?`
          : names.length > 0
            ? `there are: ${names.join(", ")}`
            : "define it under `receivers`",
      });
    }
    for (const [index, below] of one.routes.entries()) visit(below, [...path, "routes", index]);
  };
  visit(route, ["route"]);
  for (const { name, at } of receivers) {
    if (used.has(name)) continue;
    decoder.findings.add({
      severity: "warning",
      code: "unused-receiver",
      at,
      message: `no rule sends anything to receiver \`${name}\``,
      hint: `add \`- receiver: ${name}\` to a \`match\``,
    });
  }
}
