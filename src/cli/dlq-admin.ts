/** Dead letters of a petrel that runs, through its admin port. */
import type { Replay } from "../pipeline/dead-letter-replay.ts";
import type { ShownLetter } from "../pipeline/dead-letters.ts";
import { adminClient } from "./admin-client.ts";
import type { Letters, Page } from "./dlq-letters.ts";

const PATH = "/dead-letters";

export function askAdmin(base: string, token: string | undefined): Letters {
  const ask = adminClient(base, token, {
    flag: "--admin",
    instead: ", or the state folder of one that does not run with --state PATH",
  });

  async function expected<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await ask<T>(method, path, body);
    if (answer === undefined) throw new Error(`what answers at ${base} knows no dead letters`);
    return answer;
  }

  return {
    list({ receiver, after, limit }) {
      const query = new URLSearchParams({ after: String(after), limit: String(limit) });
      if (receiver !== undefined) query.set("receiver", receiver);
      return expected<Page>("GET", `${PATH}?${query}`);
    },
    get: (id) => ask<ShownLetter>("GET", `${PATH}/${id}`),
    replay: (ids) => expected<Replay>("POST", `${PATH}/replay`, { ids }),
    drop: async (id) => (await ask("DELETE", `${PATH}/${id}`)) !== undefined,
    close: () => Promise.resolve(),
  };
}
