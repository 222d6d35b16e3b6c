/** What the template engine says about a template before any event has come. */
import { compileForEvent } from "../event-data.ts";
import type { TemplateFault } from "./lint-templates.ts";

/** `template: NAME:LINE:COLUMN: `, which says nothing that a finding does not. */
const GO_PREFIX = /^template: [^:]*:\d+(?::\d+)?: */;

/** Undefined when it compiles, or when the engine cannot say where it does not. */
export function checkTemplate(text: string): TemplateFault | undefined {
  try {
    compileForEvent(text);
    return undefined;
  } catch (error) {
    // By name: JavaScriptCore gives every error a line and a column, of this program's text.
    if (!(error instanceof Error && error.name === "TemplateError" && "line" in error && "column" in error))
      return undefined;
    const line = Number(error.line);
    return {
      line,
      column: characters(text.split("\n")[line - 1] ?? "", Number(error.column)),
      message: error.message.replace(GO_PREFIX, ""),
    };
  }
}

/** The engine counts bytes, as Go does. */
function characters(line: string, column: number): number {
  return (
    Buffer.from(line)
      .subarray(0, column - 1)
      .toString().length + 1
  );
}
