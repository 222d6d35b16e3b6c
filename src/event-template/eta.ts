/**
 * The second template language: eta, which is JavaScript in `<% %>`. It runs code of the config's author, outside every
 * limit that holds for Go templates. Loaded only when a config uses it.
 *
 * @see https://eta.js.org
 */
import { Eta } from "eta/core";
import type { Event } from "../event.ts";
import { eventShape } from "../payload.ts";
import { TemplateError } from "../template/error.ts";

/** Compiles once; `it` is the event under the names of its JSON. Throws TemplateError, as does what it returns. */
export function compileEta(text: string): (event: Event) => string {
  // The core of eta has no file system: what `include` names is not there. `debug` is what makes errors name a line.
  const eta = new Eta({ autoEscape: false, debug: true });
  eta.RuntimeErr = (error, _text, line) => {
    if (error instanceof TemplateError) throw error;
    throw failure(line, error instanceof Error ? error.message : String(error));
  };
  const run = attempt(() => eta.compile(text), text, eta);
  return (event) => {
    const made = run.call(eta, eventShape(event), {});
    return made.isWellFormed() ? made : made.toWellFormed();
  };
}

function attempt<T>(work: () => T, text: string, eta: Eta): T {
  try {
    return work();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const [, said, line = "1"] = /^(.*?) at line (\d+) col \d+/s.exec(message) ?? [];
    if (said !== undefined) throw failure(Number(line), said);
    const [, reason = message] = /^Bad template syntax\n\n(.*)/.exec(message) ?? [];
    throw badTag(text, eta) ?? failure(1, reason);
  }
}

/** JavaScript names no place of a syntax error: the first tag that is no expression by itself. */
function badTag(text: string, eta: Eta): TemplateError | undefined {
  for (const part of eta.parse(text)) {
    if (typeof part === "string" || part.t === "e") continue;
    try {
      new Function("it", `return (${part.val}\n)`);
    } catch (error) {
      return failure(part.lineNo ?? 1, error instanceof Error ? error.message : String(error));
    }
  }
  return undefined;
}

function failure(line: number, message: string): TemplateError {
  return new TemplateError(`eta: line ${line}: ${message}`, line, 1);
}
