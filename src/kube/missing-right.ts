/** A 403 in words that say which rule to add. */
import { ApiError } from "./client.ts";

/** What a request asked of an object. */
export interface Access {
  readonly verb: "get" | "create" | "update" | "patch";
  /** Empty: the core group. */
  readonly group: string;
  /** In the plural, as rules have it. */
  readonly resource: string;
  readonly object: string;
  /** Empty: the resource is the cluster's. */
  readonly namespace: string;
}

/** Of retries nothing is to be hoped until somebody grants the right. */
export class MissingRightError extends Error {
  override readonly name = "MissingRightError";
  readonly access: Access;

  constructor(access: Access, said: string) {
    super(`${said}; ${advice(access)}`);
    this.access = access;
  }
}

/** Makes of a 403 a {@link MissingRightError}, and leaves every other error as it is. */
export function withAdvice(error: unknown, access: Access): unknown {
  return error instanceof ApiError && error.status === 403 ? new MissingRightError(access, error.message) : error;
}

function advice({ verb, group, resource, object, namespace }: Access): string {
  // A request to create has no name yet that a rule could be held against.
  const names = verb === "create" ? "" : `, resourceNames: ["${object}"]`;
  const where = namespace === "" ? "by a ClusterRole" : `by a Role in the namespace ${namespace}`;
  return `grant apiGroups: ["${group}"], resources: ["${resource}"]${names}, verbs: ["${verb}"] ${where}`;
}
