/** Loads what understands events, for configs that ask for it: nobody else pays for its table. */
import type { Config, RouteConfig, RuleConditions } from "../config/types.ts";
import type { Event } from "../event.ts";
import type { FriendlyData } from "../form.ts";

export interface Friendly {
  readonly data: FriendlyData;
  /** Type of an event's friendly form. */
  readonly type: (event: Event) => string;
}

/** Undefined when no receiver and no rule of the config asks what events say. */
export async function friendlyFor(config: Pick<Config, "receivers" | "route">): Promise<Friendly | undefined> {
  if (config.receivers.every(({ friendly }) => friendly === undefined) && !routeAsks(config.route)) return undefined;
  const { eventType, friendlyCloudEvent } = await import("./parse.ts");
  return { data: friendlyCloudEvent, type: eventType };
}

function routeAsks({ drop, match, routes }: RouteConfig): boolean {
  return [...drop, ...match].some(ruleAsks) || routes.some(routeAsks);
}

function ruleAsks({ eventType, not }: RuleConditions): boolean {
  return Boolean(eventType) || (not !== undefined && ruleAsks(not));
}
