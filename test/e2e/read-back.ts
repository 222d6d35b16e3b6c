/** What real servers hold, by their own APIs and clients: the ids of events. */
import type { Running } from "../testbed/component.ts";
import { arrivedFrom } from "./receivers.ts";

async function json(url: string, init: RequestInit = {}): Promise<unknown> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(30_000) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${init.method ?? "GET"} ${url} answered ${response.status}: ${text}`);
  return JSON.parse(text);
}

const PAGE = 5_000;

/** Elasticsearch and OpenSearch: ids of an index's documents. */
export async function searchIds(server: Running, index: string): Promise<string[]> {
  const headers = { "Content-Type": "application/json" };
  await json(`${server.env.URL}/${index}/_refresh`, { method: "POST", headers });
  const ids: string[] = [];
  for (let after: readonly unknown[] | undefined; ; ) {
    const body = JSON.stringify({
      ...{ size: PAGE, _source: false, sort: [{ "metadata.uid.keyword": "asc" }], query: { match_all: {} } },
      ...(after && { search_after: after }),
    });
    const { hits } = (await json(`${server.env.URL}/${index}/_search`, { method: "POST", headers, body })) as {
      hits: { hits: { _id: string; sort: unknown[] }[] };
    };
    ids.push(...hits.hits.map(({ _id }) => _id));
    if (hits.hits.length < PAGE) return ids;
    after = hits.hits.at(-1)?.sort;
  }
}

/** Loki: metadata `event_id` of the lines with this label `job`. */
export async function lokiIds(server: Running, job: string): Promise<string[]> {
  const ids: string[] = [];
  for (let start = `${Date.now() - 86_400_000}000000`; ; ) {
    const parameters = new URLSearchParams({ query: `{job="${job}"}`, start, limit: `${PAGE}`, direction: "forward" });
    const { data } = (await json(`${server.env.URL}/loki/api/v1/query_range?${parameters}`)) as {
      data: { result: { stream: Record<string, string>; values: [string, string][] }[] };
    };
    const lines = data.result.flatMap(({ stream, values }) =>
      values.map(([time]) => ({ time, id: stream.event_id ?? "" })),
    );
    ids.push(...lines.map(({ id }) => id));
    if (lines.length < PAGE) return ids;
    start = `${lines.reduce((latest, { time }) => (BigInt(time) > latest ? BigInt(time) : latest), 0n) + 1n}`;
  }
}

/** Redis: field `id` of a stream's entries, by Redis's own client. */
export function redisIds(server: Running, key: string): string[] {
  const { CLI = "", PASSWORD = "", LIBRARIES = "" } = server.env;
  const argv = [CLI, "-p", String(server.ports.redis), "--no-auth-warning", "--json", "XRANGE", key, "-", "+"];
  const { stdout, stderr, exitCode } = Bun.spawnSync(argv, {
    env: { REDISCLI_AUTH: PASSWORD, LD_LIBRARY_PATH: LIBRARIES },
  });
  if (exitCode !== 0) throw new Error(`redis-cli: ${stderr}`);
  const entries = JSON.parse(stdout.toString()) as [string, string[]][];
  return entries.map(([, [, id = "", , event = ""]]) => {
    if (arrivedFrom(event).id !== id) throw new Error(`${id} is not the id of ${event}`);
    return id;
  });
}
