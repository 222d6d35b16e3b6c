/** The tree of a parsed template, and how error messages show it. */
import type { NumberConstant } from "./literal.ts";

interface Positioned {
  /** Offset in the template's text, in UTF-16 units. */
  readonly pos: number;
}

export type Arg =
  | (Positioned & { readonly type: "bool"; readonly value: boolean })
  | (Positioned & { readonly type: "dot" })
  | (Positioned & { readonly type: "nil" })
  | (Positioned & { readonly type: "number"; readonly value: NumberConstant })
  | (Positioned & { readonly type: "string"; readonly quoted: string; readonly value: string })
  | FieldNode
  | VariableNode
  | IdentifierNode
  | ChainNode
  | PipeNode;

export interface FieldNode extends Positioned {
  readonly type: "field";
  readonly names: readonly string[];
}

export interface VariableNode extends Positioned {
  readonly type: "variable";
  /** With its dollar sign. */
  readonly name: string;
  readonly names: readonly string[];
}

export interface IdentifierNode extends Positioned {
  readonly type: "identifier";
  readonly name: string;
}

/** `(pipeline).a.b`, `function.a.b`. */
export interface ChainNode extends Positioned {
  readonly type: "chain";
  readonly node: Arg;
  readonly names: readonly string[];
}

export interface CommandNode extends Positioned {
  readonly type: "command";
  readonly args: readonly [Arg, ...Arg[]];
}

export interface PipeNode extends Positioned {
  readonly type: "pipe";
  /** `=` instead of `:=`. */
  readonly isAssign: boolean;
  readonly declared: readonly VariableNode[];
  readonly commands: readonly CommandNode[];
}

export interface BranchNode extends Positioned {
  readonly type: "if" | "with" | "range";
  readonly pipe: PipeNode;
  readonly body: ListNode;
  readonly otherwise: ListNode | undefined;
}

export interface TemplateNode extends Positioned {
  readonly type: "template";
  readonly name: string;
  readonly quoted: string;
  readonly pipe: PipeNode | undefined;
}

export type Statement =
  | (Positioned & { readonly type: "text"; readonly text: string })
  | (Positioned & { readonly type: "action"; readonly pipe: PipeNode })
  | (Positioned & { readonly type: "break" })
  | (Positioned & { readonly type: "continue" })
  | BranchNode
  | TemplateNode;

export interface ListNode extends Positioned {
  readonly type: "list";
  readonly nodes: readonly Statement[];
}

export type Node = Arg | CommandNode | Statement | ListNode;

function dotted(names: readonly string[]): string {
  return names.map((name) => `.${name}`).join("");
}

function inCommand(arg: Arg): string {
  return arg.type === "pipe" ? `(${describe(arg)})` : describe(arg);
}

/** The node as source again: what stands between `<` and `>` in error messages. */
export function describe(node: Node): string {
  switch (node.type) {
    case "bool":
      return String(node.value);
    case "dot":
      return ".";
    case "nil":
      return "nil";
    case "number":
      return node.value.text;
    case "string":
      return node.quoted;
    case "field":
      return dotted(node.names);
    case "variable":
      return node.name + dotted(node.names);
    case "identifier":
      return node.name;
    case "chain":
      return inCommand(node.node) + dotted(node.names);
    case "command":
      return node.args.map(inCommand).join(" ");
    case "pipe": {
      const names = node.declared.map(describe).join(", ");
      const commands = node.commands.map(describe).join(" | ");
      return names === "" ? commands : `${names} ${node.isAssign ? "=" : ":="} ${commands}`;
    }
    case "list":
      return node.nodes.map(describe).join("");
    case "text":
      return node.text;
    case "action":
      return `{{${describe(node.pipe)}}}`;
    case "break":
    case "continue":
      return `{{${node.type}}}`;
    case "template":
      return `{{template ${JSON.stringify(node.name)}${node.pipe === undefined ? "" : ` ${describe(node.pipe)}`}}}`;
    case "if":
    case "with":
    case "range": {
      const otherwise = node.otherwise === undefined ? "" : `{{else}}${describe(node.otherwise)}`;
      return `{{${node.type} ${describe(node.pipe)}}}${describe(node.body)}${otherwise}{{end}}`;
    }
  }
}
