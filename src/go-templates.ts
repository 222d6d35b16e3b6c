/** Go templates as one config has them: their functions, their limits. Loads the function library. */
import type { Config, TemplateGroup } from "./config/types.ts";
import type { EventTemplateOptions } from "./event-data.ts";
import { type Group, sprigFuncs } from "./template/funcs/sprig.ts";

const isGroup = (group: TemplateGroup): group is Group => group !== "eta";

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
