/** What holds events back, at the top level and of one receiver: the same keys. */
import { z } from "zod";
import { KEY_FIELDS } from "../pipeline/gate-key.ts";
import type { GateConfig } from "../pipeline/gates.ts";
import { fields } from "./fields.ts";

const by = (fallback: (typeof KEY_FIELDS)[number][]) =>
  z.array(z.enum(KEY_FIELDS)).min(1).default(fallback).describe("Events that agree in these are counted together.");

/** Of the schemas that have them. */
export const gateKeys = {
  dedup: z
    .strictObject({
      by: by(["namespace", "involvedObject", "reason", "message"]),
      window: fields.duration().prefault("10m").describe("For how long, from one that passed."),
    })
    .optional()
    .describe("Hold back events that agree with one that passed a short while ago. Default: none."),
  throttle: z
    .array(
      z.strictObject({
        by: by(["namespace", "reason"]),
        rate: fields.rate().describe("How many may pass in the long run: per second, minute, hour or day."),
        burst: z.int().min(1).default(5).describe("How many may pass at once."),
        summary: z
          .boolean()
          .default(false)
          .describe("Tell of those held back, after a minute, by one event with the reason PetrelThrottled."),
      }),
    )
    .optional()
    .describe(
      "Hold back events that come too often: of those that agree in `by`, more than `burst` (5) at once or `rate` in the long run. `summary` tells of them after a minute, by an event with the reason PetrelThrottled. Of several, each must let an event pass. Default: none.",
    )
    .meta({ examples: [[{ by: ["namespace", "reason"], rate: "20/m", burst: 5, summary: true }]] }),
};

const keys = z.object(gateKeys);

/** As the pipeline has it; nothing of what is absent. */
export function gatesOf({ dedup, throttle }: Pick<z.output<typeof keys>, "dedup" | "throttle">): GateConfig {
  return {
    ...(dedup && { dedup: { by: dedup.by, windowMs: dedup.window } }),
    ...(throttle &&
      throttle.length > 0 && {
        throttle: throttle.map(({ by, rate, burst, summary }) => ({ by, perSecond: rate, burst, summary })),
      }),
  };
}
