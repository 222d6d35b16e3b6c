/** The registry: one line a sink, in alphabetical order. */
import type { SinkDefinition } from "../src/sink.ts";

export const sinks: readonly SinkDefinition[] = [];
