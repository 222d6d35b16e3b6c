/**
 * Text to tree, with Go's grammar and Go's words for what does not fit it.
 *
 * @see https://pkg.go.dev/text/template/parse
 */
import { TemplateError } from "./error.ts";
import { describeToken, lex, type Token, type TokenType } from "./lex.ts";
import { parseNumber } from "./literal.ts";
import type { Arg, BranchNode, CommandNode, ListNode, PipeNode, Statement, VariableNode } from "./node.ts";
import { quote, unquote } from "./quote.ts";

/** Nested parentheses and blocks; Go allows 10,000 parentheses and any number of blocks. */
const MAX_NESTING = 1000;
/** What Go's TrimSpace takes off. */
const ONLY_SPACE = /^[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*$/;

/** The templates of a text by name; the text itself is under its own name. */
export type TemplateSet = ReadonlyMap<string, ListNode>;

type End = { readonly type: "end" } | { readonly type: "else"; readonly pos: number };

/** What belongs to one template: variables do not cross a define or block. */
interface Scope {
  variables: string[];
  rangeDepth: number;
}

function isEmpty(list: ListNode): boolean {
  return list.nodes.every((node) => node.type === "text" && ONLY_SPACE.test(node.text));
}

/**
 * @param knows whether a function exists; a text says why one that exists cannot be used
 * @throws TemplateError
 */
export function parse(name: string, text: string, knows: (name: string) => boolean | string): TemplateSet {
  const tokens = lex(text);
  const templates = new Map<string, ListNode>();
  let next = 0;
  let fetched = 0;
  let actionLine = 0;
  let nesting = 0;
  let scope: Scope = { variables: ["$"], rangeDepth: 0 };

  const last = tokens.length - 1;
  const tokenAt = (index: number): Token => {
    const token = tokens[Math.min(index, last)];
    if (token === undefined) throw new TemplateError(`template: ${name}: no tokens`, 1, 1);
    if (index > fetched) fetched = index;
    return token;
  };
  const take = (): Token => tokenAt(next++);
  const peek = (): Token => tokenAt(next);
  const takeNonSpace = (): Token => {
    let token = take();
    while (token.type === "space") token = take();
    return token;
  };
  const peekNonSpace = (): Token => {
    const token = takeNonSpace();
    next -= 1;
    return token;
  };

  const fail = (message: string): never => {
    const token = tokenAt(fetched);
    const lineStart = text.lastIndexOf("\n", token.pos - 1) + 1;
    const column = Buffer.byteLength(text.slice(lineStart, token.pos)) + 1;
    throw new TemplateError(`template: ${name}:${token.line}: ${message}`, token.line, column);
  };
  const unexpected = (token: Token, context: string): never => {
    if (token.type !== "error") return fail(`unexpected ${describeToken(token)} in ${context}`);
    let extra = "";
    if (actionLine !== 0 && actionLine !== token.line) {
      extra = ` in action started at ${name}:${actionLine}`;
      if (token.value.endsWith(" action")) extra = extra.slice(" in action".length);
    }
    return fail(token.value + extra);
  };
  const expect = (types: readonly TokenType[], context: string): Token => {
    const token = takeNonSpace();
    return types.includes(token.type) ? token : unexpected(token, context);
  };
  const nest = (): void => {
    nesting += 1;
    if (nesting > MAX_NESTING) fail("max expression depth exceeded");
  };
  const unquoted = (token: Token): string => unquote(token.value) ?? fail("invalid syntax");

  const add = (templateName: string, root: ListNode): void => {
    const existing = templates.get(templateName);
    if (existing === undefined || isEmpty(existing)) templates.set(templateName, root);
    else if (!isEmpty(root)) fail(`template: multiple definition of template ${quote(templateName)}`);
  };

  // --- expressions ---------------------------------------------------------------------------------------------------

  const useVariable = (token: Token): VariableNode => {
    if (!scope.variables.includes(token.value)) fail(`undefined variable ${quote(token.value)}`);
    return { type: "variable", pos: token.pos, name: token.value, names: [] };
  };

  const term = (): Arg | undefined => {
    const token = takeNonSpace();
    const { pos } = token;
    switch (token.type) {
      case "identifier": {
        const known = knows(token.value);
        if (known === false) fail(`function ${quote(token.value)} not defined`);
        if (typeof known === "string") fail(`function ${quote(token.value)} ${known}`);
        return { type: "identifier", pos, name: token.value };
      }
      case "dot":
      case "nil":
        return { type: token.type, pos };
      case "variable":
        return useVariable(token);
      case "field":
        return { type: "field", pos, names: [token.value.slice(1)] };
      case "bool":
        return { type: "bool", pos, value: token.value === "true" };
      case "charConstant":
      case "complex":
      case "number": {
        const value = parseNumber(token.value, token.type);
        return typeof value === "string" ? fail(value) : { type: "number", pos, value };
      }
      case "leftParen": {
        nest();
        const inner = pipeline("parenthesized pipeline", "rightParen");
        nesting -= 1;
        return inner;
      }
      case "string":
      case "rawString":
        return { type: "string", pos, quoted: token.value, value: unquoted(token) };
      default:
        next -= 1;
        return undefined;
    }
  };

  const operand = (): Arg | undefined => {
    const node = term();
    if (node === undefined || peek().type !== "field") return node;
    const { pos } = peek();
    const names: string[] = [];
    while (peek().type === "field") names.push(take().value.slice(1));
    switch (node.type) {
      case "field":
        return { type: "field", pos, names: [...node.names, ...names] };
      case "variable":
        return { ...node, pos, names };
      case "bool":
      case "string":
      case "number":
      case "nil":
      case "dot":
        return fail(`unexpected . after term ${quote(literalText(node))}`);
      default:
        return { type: "chain", pos, node, names };
    }
  };

  const command = (): CommandNode => {
    const { pos } = peekNonSpace();
    const args: Arg[] = [];
    for (;;) {
      peekNonSpace();
      const arg = operand();
      if (arg !== undefined) args.push(arg);
      const token = take();
      if (token.type === "space") continue;
      if (token.type === "rightDelim" || token.type === "rightParen") next -= 1;
      else if (token.type !== "pipe") unexpected(token, "operand");
      break;
    }
    const [first, ...rest] = args;
    return first === undefined ? fail("empty command") : { type: "command", pos, args: [first, ...rest] };
  };

  /** `$x :=`, `$x =`, `$i, $x :=` at the start of a pipeline. */
  const declarations = (context: string): { declared: VariableNode[]; isAssign: boolean } => {
    const declared: VariableNode[] = [];
    for (;;) {
      const start = next;
      const variable = peekNonSpace();
      if (variable.type !== "variable") return { declared, isAssign: false };
      takeNonSpace();
      const follower = peekNonSpace();
      const isComma = follower.type === "char" && follower.value === ",";
      if (follower.type !== "assign" && follower.type !== "declare" && !isComma) {
        next = start;
        return { declared, isAssign: false };
      }
      takeNonSpace();
      declared.push({ type: "variable", pos: variable.pos, name: variable.value, names: [] });
      scope.variables.push(variable.value);
      if (!isComma) return { declared, isAssign: follower.type === "assign" };
      if (context !== "range" || declared.length >= 2) fail(`too many declarations in ${context}`);
      const then = peekNonSpace().type;
      if (then !== "variable" && then !== "rightDelim" && then !== "rightParen") {
        fail("range can only initialize variables");
      }
    }
  };

  const pipeline = (context: string, end: "rightDelim" | "rightParen"): PipeNode => {
    const { pos } = peekNonSpace();
    const { declared, isAssign } = declarations(context);
    const commands: CommandNode[] = [];
    for (;;) {
      const token = takeNonSpace();
      switch (token.type) {
        case end:
          checkPipeline(commands, context);
          return { type: "pipe", pos, isAssign, declared, commands };
        case "bool":
        case "charConstant":
        case "complex":
        case "dot":
        case "field":
        case "identifier":
        case "number":
        case "nil":
        case "rawString":
        case "string":
        case "variable":
        case "leftParen":
          next -= 1;
          commands.push(command());
          break;
        default:
          unexpected(token, context);
      }
    }
  };

  const checkPipeline = (commands: readonly CommandNode[], context: string): void => {
    if (commands.length === 0) fail(`missing value for ${context}`);
    for (const [index, { args }] of commands.entries()) {
      const { type } = args[0];
      const literal = type === "bool" || type === "dot" || type === "nil" || type === "number" || type === "string";
      if (index > 0 && literal) fail(`non executable command in pipeline stage ${index + 1}`);
    }
  };

  // --- statements ----------------------------------------------------------------------------------------------------

  const branch = (type: "if" | "with" | "range"): BranchNode => {
    nest();
    const mark = scope.variables.length;
    const pipe = pipeline(type, "rightDelim");
    if (type === "range") scope.rangeDepth += 1;
    const { list: body, end } = itemList();
    if (type === "range") scope.rangeDepth -= 1;
    let otherwise: ListNode | undefined;
    if (end.type === "else") {
      // The end of `else if` and `else with` is the end of the whole chain.
      if ((type === "if" || type === "with") && peek().type === type) {
        take();
        otherwise = { type: "list", pos: end.pos, nodes: [branch(type)] };
      } else {
        const rest = itemList();
        if (rest.end.type !== "end") fail("expected end; found {{else}}");
        otherwise = rest.list;
      }
    }
    scope.variables.length = mark;
    nesting -= 1;
    return { type, pos: pipe.pos, pipe, body, otherwise };
  };

  const loopControl = (type: "break" | "continue", pos: number): Statement => {
    const token = takeNonSpace();
    if (token.type !== "rightDelim") unexpected(token, `{{${type}}}`);
    if (scope.rangeDepth === 0) fail(`{{${type}}} outside {{range}}`);
    return { type, pos };
  };

  const elseControl = (): End => {
    const following = peekNonSpace();
    if (following.type === "if" || following.type === "with") return { type: "else", pos: following.pos };
    return { type: "else", pos: expect(["rightDelim"], "else").pos };
  };

  const templateName = (token: Token, context: string): string =>
    token.type === "string" || token.type === "rawString" ? unquoted(token) : unexpected(token, context);

  /** A template of its own inside the text, up to its end. */
  const inOwnScope = (context: string): ListNode => {
    const outer = scope;
    const outerLine = actionLine;
    scope = { variables: ["$"], rangeDepth: 0 };
    actionLine = 0;
    nest();
    const { list, end } = itemList();
    if (end.type !== "end") fail(`unexpected {{else}} in ${context}`);
    nesting -= 1;
    scope = outer;
    actionLine = outerLine;
    return list;
  };

  const blockControl = (): Statement => {
    const context = "block clause";
    const token = takeNonSpace();
    const blockName = templateName(token, context);
    const pipe = pipeline(context, "rightDelim");
    add(blockName, inOwnScope(context));
    return { type: "template", pos: token.pos, name: blockName, quoted: token.value, pipe };
  };

  const templateControl = (): Statement => {
    const context = "template clause";
    const token = takeNonSpace();
    const called = templateName(token, context);
    let pipe: PipeNode | undefined;
    if (takeNonSpace().type !== "rightDelim") {
      next -= 1;
      pipe = pipeline(context, "rightDelim");
    }
    return { type: "template", pos: token.pos, name: called, quoted: token.value, pipe };
  };

  const action = (): Statement | End => {
    const token = takeNonSpace();
    switch (token.type) {
      case "block":
        return blockControl();
      case "break":
      case "continue":
        return loopControl(token.type, token.pos);
      case "else":
        return elseControl();
      case "end":
        expect(["rightDelim"], "end");
        return { type: "end" };
      case "if":
      case "range":
      case "with":
        return branch(token.type);
      case "template":
        return templateControl();
      default:
        next -= 1;
        return { type: "action", pos: peek().pos, pipe: pipeline("command", "rightDelim") };
    }
  };

  const textOrAction = (): Statement | End => {
    const token = takeNonSpace();
    if (token.type === "text") return { type: "text", pos: token.pos, text: token.value };
    if (token.type !== "leftDelim") return unexpected(token, "input");
    actionLine = token.line;
    const node = action();
    actionLine = 0;
    return node;
  };

  const itemList = (): { list: ListNode; end: End } => {
    const { pos } = peekNonSpace();
    const nodes: Statement[] = [];
    while (peekNonSpace().type !== "eof") {
      const node = textOrAction();
      if (node.type === "end" || node.type === "else") return { list: { type: "list", pos, nodes }, end: node };
      nodes.push(node);
    }
    return fail("unexpected EOF");
  };

  const definition = (): void => {
    const context = "define clause";
    const defined = unquoted(expect(["string", "rawString"], context));
    expect(["rightDelim"], context);
    add(defined, inOwnScope(context));
  };

  const nodes: Statement[] = [];
  while (peek().type !== "eof") {
    if (peek().type === "leftDelim") {
      const start = next;
      take();
      if (takeNonSpace().type === "define") {
        definition();
        continue;
      }
      next = start;
    }
    const node = textOrAction();
    if (node.type === "end" || node.type === "else") fail(`unexpected {{${node.type}}}`);
    else nodes.push(node);
  }
  add(name, { type: "list", pos: 0, nodes });
  return templates;
}

function literalText(node: Arg): string {
  switch (node.type) {
    case "bool":
      return String(node.value);
    case "string":
      return node.quoted;
    case "number":
      return node.value.text;
    case "nil":
      return "nil";
    default:
      return ".";
  }
}
