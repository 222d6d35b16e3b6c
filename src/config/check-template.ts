/** What the template engines say about a template before any event has come. */
import { compileEta } from "../event-template/eta.ts";
import { compileForEvent, type EventTemplate } from "../event-template/go.ts";
import { goTemplateOptions } from "../event-template/options.ts";
import { TemplateError } from "../template/error.ts";
import { SLOW_FUNCTIONS } from "../template/funcs/sprig.ts";
import type { CheckTemplate, TemplateFault } from "./lint-templates.ts";
import { type Sample, sampleEvents } from "./sample-events.ts";
import type { Config } from "./types.ts";

/** Neither empty nor secret: what `env` gives while a template is tried. */
const ANY_VARIABLE: Readonly<Record<string, string>> = new Proxy({}, { get: () => "x", has: () => true });

/** Compiles each template as the config's receivers will, and tries Go templates on sample events. */
export function templateCheck(settings: Pick<Config, "compat" | "template">): CheckTemplate {
  const options = goTemplateOptions(settings, ANY_VARIABLE);
  const samples = sampleEvents();
  return (text, language) => {
    try {
      if (language === "eta") return checkEta(text, settings.template.allow.includes("eta"));
      const template = compileForEvent(text, options);
      return [...problemsOf(template, text), ...slowFunctions(text), ...tryOn(samples, template, text)];
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      return [{ ...place(error, text), ...describe(error.message, "every event"), code: "bad-template" }];
    }
  };
}

/** Compiled and not run: it is a program of the config's author, and who checks a config need not trust it. */
function checkEta(text: string, allowed: boolean): TemplateFault[] {
  if (!allowed) {
    const message = "eta is used, and `template.allow` does not list it: the template fails for every event";
    return [{ line: 1, column: 1, message, hint: "add `eta` to `template.allow`", code: "bad-template" }];
  }
  compileEta(text);
  return [];
}

function problemsOf(template: EventTemplate, text: string): TemplateFault[] {
  return template.problems.map(({ error, certain }) => ({
    ...place(error, text),
    ...describe(error.message, certain ? "every event" : "every event that gets there"),
    code: "bad-field",
  }));
}

/** Where the samples have what no two clusters have alike. */
const PRIVATE = /Labels|Annotations|OwnerReferences|Finalizers|DeDot|ToJSON/;

/** Slow ones are not tried: they would hold up the check as well. What is known to fail is not tried either. */
function tryOn(samples: readonly Sample[], template: EventTemplate, text: string): TemplateFault[] {
  if (template.problems.length > 0 || slowFunctions(text).length > 0) return [];
  const failures = samples.flatMap(({ name, event }) => {
    try {
      template(event);
      return [];
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      return [{ name, error }];
    }
  });
  const [first] = failures;
  if (!first) return [];
  const all = failures.length === samples.length;
  // An event with other labels than the samples' may well pass.
  const every = all && !PRIVATE.test(text);
  const who = all ? "every event that it was tried on" : failures.map(({ name }) => name).join(" and for ");
  const { message, hint } = describe(first.error.message, who);
  const said = message.includes(": the template fails for ") ? message : `${message}: it fails for ${who}`;
  return [
    {
      ...place(first.error, text),
      message: said,
      ...(hint !== undefined && { hint }),
      ...(!every && { severity: "warning" as const, hint: hint ?? "guard it with `{{ if }}` or `{{ with }}`" }),
      code: "failing-template",
    },
  ];
}

const SLOW = new RegExp(`\\b(?:${SLOW_FUNCTIONS.join("|")})\\b`, "g");

function slowFunctions(text: string): TemplateFault[] {
  for (const action of text.matchAll(/\{\{[\s\S]*?\}\}/g)) {
    const code = action[0].replace(/"(?:[^"\\]|\\.)*"|`[^`]*`|\/\*[\s\S]*?\*\//g, (quoted) =>
      " ".repeat(quoted.length),
    );
    SLOW.lastIndex = 0;
    const found = SLOW.exec(code);
    if (!found) continue;
    const before = text.slice(0, action.index + found.index);
    return [
      {
        line: before.split("\n").length,
        column: before.length - before.lastIndexOf("\n"),
        severity: "warning",
        message: `\`${found[0]}\` takes so long that every receiver waits for it, for each event`,
        hint: "compute it outside, and forbid such functions with `template: { allow: [env, eta] }`",
        code: "slow-function",
      },
    ];
  }
  return [];
}

/** The engine counts columns in bytes, as Go does. */
function place({ line, column }: TemplateError, text: string): { line: number; column: number } {
  const before = Buffer.from(text.split("\n")[line - 1] ?? "").subarray(0, column - 1);
  return { line, column: before.toString().length + 1 };
}

/** Go's words without its prefix; a proposal at their end becomes the hint. */
function describe(message: string, who: string): { message: string; hint?: string } {
  const [, said = "", near] =
    /^(?:template: [^:]*:\d+(?::\d+)?: *)?(?:executing "[^"]*" at <.*?>: )?(.*?)(?:; (did you mean .*))?$/s.exec(
      message,
    ) ?? [];
  const [, field, type] = /^can't evaluate field (\w+) in type \*?(\S+)$/.exec(said) ?? [];
  const what = field && `${type === "kube.EnhancedEvent" ? "no event" : `no ${type}`} has a field \`.${field}\``;
  return {
    message: what ? `${what}: the template fails for ${who}` : `template: ${said}`,
    ...(near && { hint: near }),
  };
}
