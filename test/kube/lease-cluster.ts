/** Leases and ConfigMaps behind a network that can be slow, cut, or lose answers, for processes that each have their own. */
import { createObjectStore, type ObjectStore } from "../../src/demo/objects.ts";
import { type ApiClient, ApiError } from "../../src/kube/client.ts";

/** What stands between one process and the API server; change it at any time. */
export interface Network {
  /** Of the way there and back together. */
  latencyMs: () => number;
  /** `silent`: nothing arrives, nobody says so. `deaf`: requests arrive, answers do not. `refused`: at once. */
  cut: "no" | "silent" | "deaf" | "refused";
  /** Answered with 403. */
  forbidden: readonly string[];
}

export interface SentRequest {
  readonly verb: string;
  readonly path: string;
  readonly body: unknown;
}

export interface LeaseCluster {
  readonly objects: ObjectStore;
  readonly requests: SentRequest[];
  client(network: Network): Pick<ApiClient, "json">;
}

const METHODS: Readonly<Record<string, string>> = { get: "GET", create: "POST", update: "PUT", patch: "PATCH" };

/** Timers are those of the moment: virtual ones if they were replaced. */
export function leaseCluster(now: () => number = () => 0): LeaseCluster {
  let version = 1_000;
  let serial = 0;
  const requests: SentRequest[] = [];
  const objects = createObjectStore({ next: () => ++version, now, uid: () => `uid-${++serial}` });

  const serve = (network: Network, { verb, path, body }: SentRequest): unknown => {
    if (network.forbidden.includes(verb)) {
      throw new ApiError("status", `${METHODS[verb]} ${path}: HTTP 403: forbidden`, { status: 403 });
    }
    // As on the wire: nobody shares objects with the server.
    const copy = body === undefined ? undefined : JSON.parse(JSON.stringify(body));
    const answer = objects.answer({ method: METHODS[verb] ?? "", path, body: copy });
    if (!answer) throw new Error(`the tests' API server knows no ${path}`);
    if (!("refused" in answer)) return JSON.parse(JSON.stringify(answer.body));
    const { code, reason, message } = answer.refused;
    throw new ApiError("status", `${METHODS[verb]} ${path}: HTTP ${code}: ${message}`, { status: code, reason });
  };

  return {
    objects,
    requests,
    client: (network) => ({
      json: (path, { verb, body, timeoutMs = 30_000, signal }) => {
        const { promise, resolve, reject } = Promise.withResolvers<unknown>();
        const timeout = setTimeout(() => reject(new ApiError("timeout", `no answer to ${path}`)), timeoutMs);
        const abort = () => reject(signal?.reason);
        signal?.addEventListener("abort", abort, { once: true });
        if (signal?.aborted) abort();
        promise
          .catch(() => {})
          .finally(() => {
            clearTimeout(timeout);
            signal?.removeEventListener("abort", abort);
          });
        const half = network.latencyMs() / 2;
        if (network.cut === "refused") reject(new ApiError("network", "connection refused"));
        else if (network.cut !== "silent") {
          setTimeout(() => {
            if (network.cut === "silent") return;
            const request = { verb, path, body };
            requests.push(request);
            let answer: () => void;
            try {
              const found = serve(network, request);
              answer = () => resolve(found);
            } catch (error) {
              answer = () => reject(error);
            }
            setTimeout(() => {
              if (network.cut === "no") answer();
            }, half);
          }, half);
        }
        return promise;
      },
    }),
  };
}

export const goodNetwork = (): Network => ({ latencyMs: () => 4, cut: "no", forbidden: [] });
