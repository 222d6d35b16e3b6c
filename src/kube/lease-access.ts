/** The requests of leader election: get, create and update of one Lease, the rights that client-go wants for it too. */
import { type ApiClient, ApiError } from "./client.ts";
import { type Lease, readLease } from "./lease-record.ts";
import { type Access, withAdvice } from "./missing-right.ts";

/** All reject with ApiError, MissingRightError or the signal's reason. `timeoutMs` is for the whole request. */
export interface LeaseAccess {
  /** Undefined: there is none. */
  get(timeoutMs: number, signal: AbortSignal): Promise<Lease | undefined>;
  /** Undefined: somebody else was quicker (409). */
  create(body: unknown, timeoutMs: number, signal: AbortSignal): Promise<Lease | undefined>;
  /** Undefined: it is another than the one that was read (409), or gone (404). */
  update(body: unknown, timeoutMs: number, signal: AbortSignal): Promise<Lease | undefined>;
}

export function createLeaseAccess(client: Pick<ApiClient, "json">, namespace: string, name: string): LeaseAccess {
  const leases = `/apis/coordination.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/leases`;
  const one = `${leases}/${encodeURIComponent(name)}`;

  const ask = async (
    verb: "get" | "create" | "update",
    body: unknown,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Lease | undefined> => {
    const access: Access = { verb, group: "coordination.k8s.io", resource: "leases", object: name, namespace };
    try {
      return readLease(
        await client.json(verb === "create" ? leases : one, {
          verb,
          timeoutMs,
          signal,
          ...(body === undefined ? {} : { body }),
        }),
      );
    } catch (error) {
      if (isAnswer(error, verb)) return undefined;
      throw withAdvice(error, access);
    }
  };

  return {
    get: (timeoutMs, signal) => ask("get", undefined, timeoutMs, signal),
    create: (body, timeoutMs, signal) => ask("create", body, timeoutMs, signal),
    update: (body, timeoutMs, signal) => ask("update", body, timeoutMs, signal),
  };
}

/** To create in a namespace that is not there is a 404 too, and no answer to live with. */
function isAnswer(error: unknown, verb: "get" | "create" | "update"): boolean {
  if (!(error instanceof ApiError)) return false;
  return (error.status === 404 && verb !== "create") || (error.status === 409 && verb !== "get");
}
