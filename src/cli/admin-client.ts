/** Asks the admin port of a petrel that runs. */
import { UsageError } from "../errors.ts";

/** Longer than Petrel itself waits for receivers. */
const TIMEOUT_MS = 30_000;

/**
 * Sends a request and returns its answer, read as JSON; undefined for what is not there. `path` as `/dead-letters`.
 * Throws Error in words for the one who asked.
 */
export type AskAdmin = <T>(method: string, path: string, body?: unknown) => Promise<T | undefined>;

/** `flag`: what the address was given by. `instead`: what else could be done, for when nobody answers. */
export function adminClient(
  base: string,
  token: string | undefined,
  { flag, instead }: { readonly flag: string; readonly instead: string },
): AskAdmin {
  if (!/^https?:\/\/[^/\s]+/.test(base)) {
    throw new UsageError(`${flag}: ${JSON.stringify(base)} is no URL; write it like http://127.0.0.1:2113`);
  }
  const root = `${base.replace(/\/+$/, "")}/api/v1`;

  async function send(url: string, init: RequestInit): Promise<Response> {
    try {
      return await fetch(url, init);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "";
      const why = error instanceof Error && error.name === "TimeoutError" ? "no answer in time" : code || "no answer";
      throw new Error(`no petrel can be asked at ${base} (${why}); name a running one with ${flag} URL${instead}`);
    }
  }

  return async function ask<T>(method: string, path: string, body?: unknown): Promise<T | undefined> {
    const response = await send(`${root}${path}`, {
      method,
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    let answer: unknown;
    try {
      answer = JSON.parse(text);
    } catch {
      throw new Error(`what answers at ${base} is no petrel's admin port (HTTP ${response.status})`);
    }
    if (response.ok) return answer as T;
    if (response.status === 404) return undefined;
    const why = (answer as { readonly error?: unknown }).error;
    const hint = response.status === 401 ? "; set PETREL_ADMIN_TOKEN" : "";
    throw new Error(
      `petrel at ${base} answered ${response.status}: ${typeof why === "string" ? why : "no reason"}${hint}`,
    );
  };
}
