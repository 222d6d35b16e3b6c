/** The registry: one line a sink, in alphabetical order. */
import type { SinkDefinition } from "../src/sink.ts";
import stdout from "./stdout.ts";
import webhook from "./webhook.ts";

export const sinks: readonly SinkDefinition[] = [stdout, webhook];
