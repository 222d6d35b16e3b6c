/** The templates of one config: its functions, its limits, its languages. */
import type { Config, TemplateGroup } from "../config/types.ts";
import { type CompileTemplate, isEta } from "../payload.ts";
import type { Language } from "../sink.ts";
import { TemplateError } from "../template/error.ts";
import { allPlain, plainTemplate } from "./plain.ts";

type TemplateConfig = Pick<Config, "compat" | "template" | "receivers">;

/**
 * What compiles the templates of a config's receivers. The engine of Go's templates is loaded only if one of them is
 * more than plain, eta only if one is written in it; a sink has no templates but those of its settings.
 *
 * @param now steady milliseconds, for a process that lives on: a template that runs out of its limits is held short then
 */
export async function eventTemplates(
  config: TemplateConfig,
  env: Readonly<Record<string, string | undefined>>,
  now?: () => number,
): Promise<CompileTemplate> {
  const compileGo = allPlain(config.receivers)
    ? undefined
    : (await import("./options.ts")).goCompiler(config, env, now);
  const compileEta = usesEta(config) ? await etaCompiler(config.template.allow) : undefined;
  return (text, language: Language = "go") => {
    if (language === "go") {
      const compiled = plainTemplate(text, config.template.limits.output) ?? compileGo?.(text);
      if (compiled) return compiled;
      throw new TemplateError("template: the config was not known to hold this template", 1, 1);
    }
    if (compileEta) return compileEta(text);
    throw new TemplateError("eta: the config was not known to use it", 1, 1);
  };
}

/** @throws from what it returns, when `allow` does not list eta */
export async function etaCompiler(
  allow: readonly TemplateGroup[],
): Promise<(text: string) => ReturnType<CompileTemplate>> {
  if (allow.includes("eta")) return (await import("./eta.ts")).compileEta;
  return () => {
    throw new TemplateError("eta is not available: template.allow does not list it", 1, 1);
  };
}

export function usesEta({ receivers }: Pick<Config, "receivers">): boolean {
  return receivers.some((receiver) => receiver.language === "eta" || holdsEta(receiver.config));
}

function holdsEta(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return isEta(value) || Object.values(value).some(holdsEta);
}
