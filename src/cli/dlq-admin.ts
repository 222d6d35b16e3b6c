/** Dead letters of a petrel that runs, through its admin port. */
import { UsageError } from "../errors.ts";
import type { Replay } from "../pipeline/dead-letter-replay.ts";
import type { ShownLetter } from "../pipeline/dead-letters.ts";
import type { Letters, Page } from "./dlq-letters.ts";

/** Longer than Petrel itself waits for receivers. */
const TIMEOUT_MS = 30_000;

export function askAdmin(base: string, token: string | undefined): Letters {
  if (!/^https?:\/\/[^/\s]+/.test(base)) {
    throw new UsageError(`--admin: ${JSON.stringify(base)} is no URL; write it like http://127.0.0.1:2113`);
  }
  const root = `${base.replace(/\/+$/, "")}/api/v1/dead-letters`;

  /** Undefined for what is not there. */
  async function ask<T>(method: string, path: string, body?: unknown): Promise<T | undefined> {
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
  }

  async function send(url: string, init: RequestInit): Promise<Response> {
    try {
      return await fetch(url, init);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "";
      const why = error instanceof Error && error.name === "TimeoutError" ? "no answer in time" : code || "no answer";
      throw new Error(
        `no petrel can be asked at ${base} (${why}); name a running one with --admin URL, or the state folder of one that does not run with --state PATH`,
      );
    }
  }

  async function expected<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await ask<T>(method, path, body);
    if (answer === undefined) throw new Error(`what answers at ${base} knows no dead letters`);
    return answer;
  }

  return {
    list({ receiver, after, limit }) {
      const query = new URLSearchParams({ after: String(after), limit: String(limit) });
      if (receiver !== undefined) query.set("receiver", receiver);
      return expected<Page>("GET", `?${query}`);
    },
    get: (id) => ask<ShownLetter>("GET", `/${id}`),
    replay: (ids) => expected<Replay>("POST", "/replay", { ids }),
    drop: async (id) => (await ask("DELETE", `/${id}`)) !== undefined,
    close: () => Promise.resolve(),
  };
}
