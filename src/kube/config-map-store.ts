/** A checkpoint in a ConfigMap: for who runs without leader election and without a disk. */
import { type CheckpointStore, CheckpointTooLargeError } from "../checkpoint-store.ts";
import type { Logger } from "../logger.ts";
import { type ApiClient, ApiError } from "./client.ts";
import { memberOf, textOf } from "./json.ts";
import { type Access, withAdvice } from "./missing-right.ts";

export interface ConfigMapStoreOptions {
  readonly client: Pick<ApiClient, "json">;
  readonly namespace: string;
  readonly name: string;
  readonly logger: Logger;
  /** For one request. Default 10 s. */
  readonly timeoutMs?: number;
}

const KEY = "checkpoint";
/** Of all values together. @see https://kubernetes.io/docs/concepts/configuration/configmap/ ("cannot exceed 1 MiB") */
const DATA_MAX = 1024 * 1024;
const TRIES = 4;

/**
 * Writes by merge patch, so what others put beside it stays; a patch holds the version that was read, so that another
 * Petrel which writes the same one is noticed. Created at the first save.
 */
export function configMapStore(options: ConfigMapStoreOptions): CheckpointStore {
  const { client, namespace, name, logger } = options;
  const timeoutMs = options.timeoutMs ?? 10_000;
  const all = `/api/v1/namespaces/${encodeURIComponent(namespace)}/configmaps`;
  const one = `${all}/${encodeURIComponent(name)}`;
  const storeName = `ConfigMap ${namespace}/${name}`;
  /** Undefined: not read yet, or not there. */
  let version: string | undefined;
  let known: string | undefined;
  /** Written perhaps: the answer was lost. */
  let unsure: string | undefined;
  let toldOther = false;

  const ask = async (verb: "get" | "create" | "patch", body: unknown, signal: AbortSignal): Promise<unknown> => {
    const access: Access = { verb, group: "", resource: "configmaps", object: name, namespace };
    try {
      const path = verb === "create" ? all : one;
      return await client.json(path, { verb, timeoutMs, signal, ...(body === undefined ? {} : { body }) });
    } catch (error) {
      throw withAdvice(error, access);
    }
  };

  const read = (object: unknown): string | undefined => {
    version = textOf(memberOf(object, "metadata"), "resourceVersion");
    known = textOf(memberOf(object, "data"), KEY);
    return known;
  };

  const load = async (signal: AbortSignal): Promise<string | undefined> => {
    try {
      return read(await ask("get", undefined, signal));
    } catch (error) {
      if (statusOf(error) !== 404) throw error;
      version = undefined;
      known = undefined;
      return undefined;
    }
  };

  /** False: it is not there, or another than the one that was read. */
  const write = async (text: string, signal: AbortSignal): Promise<boolean> => {
    const data = { [KEY]: text };
    try {
      read(
        version === undefined
          ? await ask("create", { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace }, data }, signal)
          : await ask("patch", { metadata: { resourceVersion: version }, data }, signal),
      );
      return true;
    } catch (error) {
      const status = statusOf(error);
      if (status === 409 || (status === 404 && version !== undefined)) return false;
      unsure = text;
      throw error;
    }
  };

  const readAgain = async (signal: AbortSignal): Promise<void> => {
    const before = known;
    const now = await load(signal);
    if (before === undefined || now === undefined || now === before || now === unsure || toldOther) return;
    toldOther = true;
    logger.warn("another Petrel writes this checkpoint too: without leaderElection both deliver every event", {
      store: storeName,
    });
  };

  return {
    name: storeName,
    load,
    async save(text, signal) {
      const bytes = Buffer.byteLength(text);
      if (bytes > DATA_MAX) throw new CheckpointTooLargeError(storeName, bytes, DATA_MAX);
      if (version === undefined) await load(signal);
      for (let tries = 0; tries < TRIES; tries++) {
        if (await write(text, signal)) return;
        await readAgain(signal);
      }
      throw new ApiError("status", `${storeName} was changed by somebody else ${TRIES} times in a row`, {
        status: 409,
      });
    },
  };
}

function statusOf(error: unknown): number {
  return error instanceof ApiError ? error.status : 0;
}
