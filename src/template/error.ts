/** The one error of the template engine. */

/** A template that cannot be compiled, or failed on some data. The message is Go's, with name, line and column in it. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
  /** Counts from 1. */
  readonly line: number;
  /** Counts from 1, in bytes as Go does; 1 where Go gives a line only. */
  readonly column: number;
  /** What was written before the failure; empty for a template that does not parse. */
  readonly partial: string;

  constructor(message: string, line: number, column: number, partial = "") {
    super(message.toWellFormed());
    this.line = line;
    this.column = column;
    this.partial = partial;
  }
}
