/** The templates of one config: its functions, its limits, its languages. */
import type { Config, TemplateGroup } from "./config/types.ts";
import { compileForEvent, type EventTemplateOptions } from "./event-data.ts";
import { type CompileTemplate, isEta } from "./payload.ts";
import type { Language } from "./sink.ts";
import { TemplateError } from "./template/error.ts";
import { type Group, sprigFuncs } from "./template/funcs/sprig.ts";

type TemplateConfig = Pick<Config, "compat" | "template" | "receivers">;

const isGroup = (group: TemplateGroup): group is Group => group !== "eta";

/** How the Go templates of a config are compiled, for {@link compileForEvent}. */
export function goTemplateOptions(
  { compat, template: { allow, limits } }: Pick<Config, "compat" | "template">,
  env: Readonly<Record<string, string | undefined>>,
): EventTemplateOptions {
  return {
    compat: compat === "exporter",
    functions: sprigFuncs({ allow: allow.filter(isGroup), environment: env }),
    limits: { maxOutput: limits.output, maxSteps: limits.steps, maxDepth: limits.depth },
  };
}

/** What compiles the templates of a config's receivers. eta is loaded only if one of them is written in it. */
export async function eventTemplates(
  config: TemplateConfig,
  env: Readonly<Record<string, string | undefined>>,
): Promise<CompileTemplate> {
  const options = goTemplateOptions(config, env);
  const compileEta = usesEta(config) ? await etaCompiler(config.template.allow) : undefined;
  return (text, language: Language = "go") => {
    if (language === "go") return compileForEvent(text, options);
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
