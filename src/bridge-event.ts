/**
 * CloudEvents as Kubernetes Event Grid Bridge 0.2 addressed them: its three friendly types, everything else raw. Ids and
 * times are Petrel's: the bridge's were random, and those of the conversion.
 */
import { type CloudEvent, type CloudEventData, RAW_TYPE, UNKNOWN_CLUSTER } from "./cloudevents.ts";
import type { Event } from "./event.ts";

const NODE_GROUP = "Kubernetes.Autoscaling.ClusterAutoscaler.V1.NodeGroup.ScaleOut";
const DEPLOYMENT: ReadonlySet<string> = new Set([
  "Kubernetes.Autoscaling.Deployment.V1.ScaleIn",
  "Kubernetes.Autoscaling.Deployment.V1.ScaleOut",
]);

const SOURCE = "http://kubernetes";

/** Undefined for what the bridge sent raw. */
export function bridgeData(data: CloudEventData | undefined): CloudEventData | undefined {
  return data && (data.type === NODE_GROUP || DEPLOYMENT.has(data.type)) ? data : undefined;
}

/** The same CloudEvent with the bridge's source and subject. */
export function bridgeEvent(event: Event, made: CloudEvent): CloudEvent {
  const cluster = `/${event.clusterName || UNKNOWN_CLUSTER}`;
  if (made.type === RAW_TYPE) return { ...made, source: SOURCE, subject: `${cluster}/` };
  if (made.type === NODE_GROUP) {
    const { nodeGroup } = JSON.parse(made.data) as { readonly nodeGroup?: { readonly name?: string } };
    return {
      ...made,
      source: `${SOURCE}/autoscaling/cluster-autoscaler`,
      subject: `${cluster}/node-groups/${nodeGroup?.name ?? ""}`,
    };
  }
  const { namespace = "", name = "" } = event.involvedObject;
  return {
    ...made,
    source: `${SOURCE}/core/controllers/deployment`,
    subject: `${cluster}/namespaces/${namespace}/deployments/${name}`,
  };
}
