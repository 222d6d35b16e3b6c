/** Subjects out of templates, whose tokens are what the author meant, whatever an event says. */
import { randomBytes } from "node:crypto";
import { ConfigError } from "../errors.ts";
import type { TemplateText } from "../sink.ts";

/** Actions of Go's templates and of eta's; what is between them is text. */
const CODE = /(\{\{[\s\S]*?\}\}|<%[\s\S]*?%>)/;
/** What a token may not have. @see https://docs.nats.io/nats-concepts/subjects#characters-allowed-and-recommended-for-subject-names */
const UNSAFE = /[\s.*>\p{Cc}]/gu;

export interface SubjectTemplate {
  /** To be compiled in place of the author's. */
  readonly template: TemplateText;
  /** The subject of what that template gives. */
  readonly subject: (rendered: string) => string;
  /** A subject, with a wildcard at its end, that covers all that can come of it. */
  readonly pattern: string;
}

/**
 * Dots in the text of a template divide tokens; dots, spaces and wildcards that come out of its actions become `_`, and
 * so does a token with nothing in it. Throws ConfigError for wildcards in the text.
 */
export function subjectTemplate(text: TemplateText): SubjectTemplate {
  const source = typeof text === "string" ? text : "eta" in text ? text.eta : text.go;
  const parts = source.split(CODE);
  if (parts.some((part, at) => at % 2 === 0 && /[*>]/.test(part)))
    throw new ConfigError(`nats.subject: ${JSON.stringify(source)} has a wildcard, which nothing can be published on`);
  // Nothing that an event says can be taken for it.
  const dot = `\u001f${randomBytes(6).toString("hex")}\u001f`;
  const mark = (part: string) => part.replaceAll(".", dot);
  const marked = parts.map((part, at) => (at % 2 === 0 ? mark(part) : part)).join("");
  const subject = (rendered: string) =>
    rendered
      .toWellFormed()
      .split(dot)
      .map((token) => token.replace(UNSAFE, "_") || "_")
      .join(".");
  const [start = ""] = parts;
  const whole = start.lastIndexOf(".");
  const above = whole === -1 ? ">" : `${subject(mark(start.slice(0, whole)))}.>`;
  return {
    template: typeof text === "string" ? marked : "eta" in text ? { eta: marked } : { go: marked },
    subject,
    pattern: parts.length === 1 ? subject(marked) : above,
  };
}
