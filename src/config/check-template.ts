/** What the template engine says about a template before any event has come. */
import { compileForEvent } from "../event-data.ts";
import { TemplateError } from "../template/error.ts";
import type { TemplateFault } from "./lint-templates.ts";

/** Empty when it compiles and nothing in it is bound to fail. */
export function checkTemplate(text: string, compat: boolean): readonly TemplateFault[] {
  try {
    return compileForEvent(text, { compat }).problems.map(({ error, certain }) => ({
      ...place(error, text),
      ...describe(error.message, certain),
      code: "bad-field",
    }));
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return [{ ...place(error, text), ...describe(error.message, true), code: "bad-template" }];
  }
}

/** The engine counts columns in bytes, as Go does. */
function place({ line, column }: TemplateError, text: string): { line: number; column: number } {
  const before = Buffer.from(text.split("\n")[line - 1] ?? "").subarray(0, column - 1);
  return { line, column: before.toString().length + 1 };
}

/** Go's words without its prefix; a proposal at their end becomes the hint. */
function describe(message: string, certain: boolean): { message: string; hint?: string } {
  const [, said = "", near] =
    /^(?:template: [^:]*:\d+(?::\d+)?: *)?(?:executing "[^"]*" at <.*?>: )?(.*?)(?:; (did you mean .*))?$/s.exec(
      message,
    ) ?? [];
  const [, field, type] = /^can't evaluate field (\w+) in type \*?(\S+)$/.exec(said) ?? [];
  const when = certain ? "every event" : "every event that gets there";
  const what = field && `${type === "kube.EnhancedEvent" ? "no event" : `no ${type}`} has a field \`.${field}\``;
  return {
    message: what ? `${what}: the template fails for ${when}` : `template: ${said}`,
    ...(near && { hint: near }),
  };
}
