/** Go templates as a config has them: the engine, sprig, and the config's limits. */
import type { Config, TemplateGroup } from "../config/types.ts";
import type { Event } from "../event.ts";
import { type Group, sprigFuncs } from "../template/funcs/sprig.ts";
import { compileForEvent, type EventTemplateOptions } from "./go.ts";

const isGroup = (group: TemplateGroup): group is Group => group !== "eta";

type Settings = Pick<Config, "compat" | "template">;
type Env = Readonly<Record<string, string | undefined>>;

/** How the Go templates of a config are compiled, for {@link compileForEvent}. */
export function goTemplateOptions(
  { compat, template: { allow, limits } }: Settings,
  env: Env,
  now?: () => number,
): EventTemplateOptions {
  return {
    now,
    compat: compat === "exporter",
    functions: sprigFuncs({ allow: allow.filter(isGroup), environment: env }),
    limits: { maxOutput: limits.output, maxSteps: limits.steps, maxDepth: limits.depth },
  };
}

export function goCompiler(
  settings: Settings,
  env: Env,
  now?: () => number,
): (text: string) => (event: Event) => string {
  const options = goTemplateOptions(settings, env, now);
  return (text) => compileForEvent(text, options);
}
