/**
 * Leases and ConfigMaps of a simulated cluster: what can be created, replaced, patched and removed, each write with a
 * version of its own and refused when it was meant for another one.
 */
import { memberOf, textOf } from "../kube/json.ts";
import { micros, seconds } from "./event-store.ts";
import * as status from "./status.ts";

export interface ObjectRequest {
  readonly method: string;
  readonly path: string;
  /** Parsed JSON; a merge patch with PATCH. Undefined: none, or none that can be read. */
  readonly body: unknown;
}

export interface ObjectAnswer {
  /** 200, or 201 for what was created. */
  readonly code: number;
  readonly body: unknown;
}

export interface ObjectStore {
  /** Undefined: the path is of none of these. */
  answer(request: ObjectRequest): ObjectAnswer | { readonly refused: status.Status } | undefined;
  /** Of a path, as `kubectl get` would see it. */
  get(path: string): unknown;
}

export interface ObjectStoreOptions {
  /** The version of the next write. */
  readonly next: () => number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly uid: () => string;
}

interface Kind {
  readonly group: string;
  readonly apiVersion: string;
  readonly kind: string;
}

const KINDS: Readonly<Record<string, Kind>> = {
  "/apis/coordination.k8s.io/v1 leases": {
    group: "coordination.k8s.io",
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
  },
  "/api/v1 configmaps": { group: "", apiVersion: "v1", kind: "ConfigMap" },
};

type Json = Readonly<Record<string, unknown>>;

const PATH = /^(\/api\/v1|\/apis\/[^/]+\/v1)\/namespaces\/([^/]+)\/([a-z]+)(?:\/([^/]+))?$/;
/** @see ValidateAnnotationsSize in k8s.io/apimachinery */
const ANNOTATIONS_MAX = 256 * 1024;
/** MaxSecretSize of k8s.io/api, which is that of ConfigMaps too. */
const DATA_MAX = 1024 * 1024;

export function createObjectStore(options: ObjectStoreOptions): ObjectStore {
  const objects = new Map<string, Json>();

  const refused = (code: number, reason: string, message: string) => ({ refused: { code, reason, message } });

  const store = (path: string, kind: Kind, object: Json, given: Json): ObjectAnswer | { refused: status.Status } => {
    const invalid = problemOf(object);
    if (invalid !== undefined) {
      const name = String(given.name);
      return refused(422, "Invalid", `${kind.kind}${kind.group && `.${kind.group}`} "${name}" is invalid: ${invalid}`);
    }
    const written = {
      kind: kind.kind,
      apiVersion: kind.apiVersion,
      ...object,
      metadata: { ...record(object.metadata), ...given, resourceVersion: String(options.next()) },
    };
    objects.set(path, written);
    return { code: 200, body: written };
  };

  return {
    get: (path) => objects.get(path),
    answer({ method, path, body }) {
      const [, root = "", namespace = "", plural = "", name] = PATH.exec(path) ?? [];
      const kind = KINDS[`${root} ${plural}`];
      if (!kind) return undefined;
      const qualified = `${plural}${kind.group && `.${kind.group}`}`;
      const object = record(body);
      if (name === undefined) {
        if (method === "GET") {
          const items = [...objects].filter(([key]) => key.startsWith(`${path}/`)).map(([, item]) => item);
          return { code: 200, body: { kind: `${kind.kind}List`, apiVersion: kind.apiVersion, metadata: {}, items } };
        }
        if (method !== "POST") return { refused: status.methodNotAllowed };
        const wanted = textOf(object.metadata, "name");
        if (wanted === undefined) return refused(422, "Invalid", "metadata.name: Required value: name is required");
        const target = `${path}/${wanted}`;
        if (objects.has(target)) return refused(409, "AlreadyExists", `${qualified} "${wanted}" already exists`);
        const made = store(target, kind, object, {
          name: wanted,
          namespace,
          uid: options.uid(),
          creationTimestamp: seconds(options.now()),
        });
        return "refused" in made ? made : { ...made, code: 201 };
      }
      const before = objects.get(path);
      if (!before) return { refused: status.notFound(plural, name, kind.group) };
      if (method === "GET") return { code: 200, body: before };
      if (method === "DELETE") {
        objects.delete(path);
        options.next();
        return { code: 200, body: { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success" } };
      }
      if (method !== "PUT" && method !== "PATCH") return { refused: status.methodNotAllowed };
      const meant = textOf(object.metadata, "resourceVersion");
      if (meant !== undefined && meant !== memberOf(before.metadata, "resourceVersion")) {
        return refused(
          409,
          "Conflict",
          `Operation cannot be fulfilled on ${qualified} "${name}": the object has been modified; please apply your changes to the latest version and try again`,
        );
      }
      const { uid, creationTimestamp } = record(before.metadata);
      const after = method === "PUT" ? object : record(merged(before, object));
      return store(path, kind, after, { name, namespace, uid, creationTimestamp });
    },
  };
}

/** Why the API server would not take it. */
function problemOf(object: Json): string | undefined {
  const annotations = Object.entries(record(memberOf(object.metadata, "annotations")));
  if (sizeOf(annotations.flat()) > ANNOTATIONS_MAX) {
    return `metadata.annotations: Too long: may not be more than ${ANNOTATIONS_MAX} bytes`;
  }
  if (sizeOf(Object.values(record(object.data))) > DATA_MAX) {
    return `[]: Too long: may not be more than ${DATA_MAX} bytes`;
  }
  const duration = memberOf(object.spec, "leaseDurationSeconds");
  if (typeof duration === "number" && duration <= 0) {
    return `spec.leaseDurationSeconds: Invalid value: ${duration}: must be greater than 0`;
  }
  for (const key of ["acquireTime", "renewTime"]) {
    const time = memberOf(object.spec, key);
    if (time !== undefined && !(typeof time === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(time))) {
      return `spec.${key}: Invalid value: ${JSON.stringify(time)}: must be a time like ${micros(0)}`;
    }
  }
  return undefined;
}

/** @see https://www.rfc-editor.org/rfc/rfc7396 */
function merged(before: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const after: Record<string, unknown> = { ...record(before) };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete after[key];
    else after[key] = merged(after[key], value);
  }
  return after;
}

function sizeOf(texts: readonly unknown[]): number {
  return texts.reduce((size: number, text) => size + Buffer.byteLength(String(text)), 0);
}

function record(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}
