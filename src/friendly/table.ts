/** All friendly events. What is derived from them, parser, JSON Schemas and docs, takes them from here. */
import { AUTOSCALING } from "./autoscaling.ts";
import type { Definition } from "./definition.ts";
import { KEDA } from "./keda.ts";
import { NODES } from "./nodes.ts";
import { PODS } from "./pods.ts";
import { WORKLOADS } from "./workloads.ts";

export const TABLE: readonly Definition[] = [...AUTOSCALING, ...KEDA, ...WORKLOADS, ...PODS, ...NODES];
