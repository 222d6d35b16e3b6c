/** Events of the kinds that Kubernetes Event Grid Bridge has samples of, as the exporter posts them. */
import { readFileSync } from "node:fs";
import type { Event } from "../../src/event.ts";
import { normalise } from "../../src/normalise.ts";

interface Sample {
  readonly name: string;
  /** Of the friendly form; null: it has none. */
  readonly type: string | null;
  readonly data: unknown;
  /** As the exporter's webhook posts it. */
  readonly body: unknown;
}

export function bridgeSamples(): readonly (Sample & { readonly event: Event })[] {
  const text = readFileSync(`${import.meta.dir}/../fixtures/bridge/samples.json`, "utf8");
  return (JSON.parse(text) as Sample[]).map((sample) => ({ ...sample, event: normalise(sample.body) }));
}
