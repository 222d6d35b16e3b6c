/** Dead letters that would go nowhere, or round in a circle. */
import type { Decoder } from "./decoder.ts";
import { nearest } from "./nearest.ts";

/** Those that a `deadLetter` names, whether there are any of that name or not. */
export function deadLetterReceivers(nodes: Decoder["nodes"]): readonly string[] {
  return [...nodes].flatMap(([key, node]) => (KEY.test(key) && node.kind === "scalar" ? [node.text] : []));
}

const KEY = /(?:^|\0)deadLetter\0receiver$/;

/** `names`: of the receivers that there are. */
export function lintDeadLetters(names: readonly string[], { nodes, findings }: Decoder): void {
  for (const [key, node] of nodes) {
    const path = key.split("\0");
    if (!KEY.test(key) || node.kind !== "scalar") continue;
    const name = node.text;
    const owner = path[0] === "receivers" ? nodes.get([...path.slice(0, 2), "name"].join("\0")) : undefined;
    if (!names.includes(name)) {
      const near = nearest(name, names);
      findings.add({
        severity: "error",
        code: "undefined-receiver",
        at: node.start,
        message: `there is no receiver \`${name}\`: dead letters are kept, and sent to nobody`,
        hint: near ? `did you mean \`${near}\`?` : "define it under `receivers`",
      });
    } else if (owner?.kind === "scalar" && owner.text === name) {
      findings.add({
        severity: "warning",
        code: "dead-letter-circle",
        at: node.start,
        message: `\`${name}\` is sent once more what it refuses for good`,
        hint: "name another receiver",
      });
    }
  }
}
