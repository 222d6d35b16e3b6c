/** Go templates: text and `{{ .Field.Path }}` so far. */

/** A template that cannot be compiled, or failed on an event; line and column count from 1. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
  readonly line: number;
  readonly column: number;

  constructor(message: string, line: number, column: number) {
    super(message);
    this.line = line;
    this.column = column;
  }
}

export interface Template {
  /** The text for this data; throws TemplateError. */
  render(data: unknown): string;
}
