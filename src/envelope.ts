/**
 * What eventrouter sends of an event: `verb`, `event` and, of one that came before, `old_event`; each event as Go's
 * core/v1 types write it. Of the last states a bounded number is remembered, and nothing is claimed of the others.
 */
import type { Event } from "./event.ts";
import { createBoundedCache } from "./kube/bounded-cache.ts";
import { eventShape, goJson, referenceShape } from "./payload.ts";

/** States that are remembered per receiver, and what their texts may take, in UTF-16 units. */
const STATES = 4_096;
const TEXT = 8 * 1024 * 1024;

/** @see https://pkg.go.dev/k8s.io/api/core/v1#Event for the order; objects of an informer carry no kind and apiVersion. */
export function coreEventJson(event: Event): string {
  const {
    metadata,
    involvedObject: _,
    clusterName: _name,
    clusterEnvironment: _environment,
    ...rest
  } = eventShape(event);
  return goJson({ metadata, involvedObject: referenceShape(event.involvedObject), ...rest });
}

interface State {
  readonly version: string;
  readonly json: string;
  /** Of the state before, so that an attempt that is made again says the same. */
  readonly old: string | undefined;
}

/** Versions are those of one store, which compare as integers; what is none of these is taken for newer. */
function isNewer(version: string, than: string): boolean {
  if (!/^\d+$/.test(version) || !/^\d+$/.test(than)) return version !== than;
  return version.length === than.length ? version > than : version.length > than.length;
}

/** The envelope's text, by the states that this function was given before. */
export function compileEnvelope(): (event: Event) => string {
  const states = createBoundedCache<State>({ entries: STATES, weight: TEXT });
  return (event) => {
    const json = coreEventJson(event);
    const { uid, resourceVersion: version = "" } = event.metadata;
    const known = uid ? states.get(uid) : undefined;
    const newer = known === undefined || isNewer(version, known.version);
    const old = newer ? known?.json : known.version === version ? known.old : undefined;
    if (uid && newer) states.set(uid, { version, json, old }, json.length + (old?.length ?? 0));
    // eventrouter restarted remembers nothing either, and calls what its first list holds added.
    const verb = old !== undefined || event.modified ? "UPDATED" : "ADDED";
    return `{"verb":"${verb}","event":${json}${old === undefined ? "" : `,"old_event":${old}`}}`;
  };
}
