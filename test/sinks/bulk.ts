/** A strict fake of `_bulk` for the contract; test/e2e/search.test.ts has the real servers. */
import type { Judge, Taken } from "../contract.ts";

const ANSWERS = {
  again: { status: 429, error: { type: "es_rejected_execution_exception", reason: "queue is full" } },
  never: { status: 400, error: { type: "mapper_parsing_exception", reason: "failed to parse" } },
} as const;

/** @see https://www.elastic.co/guide/en/elasticsearch/reference/7.17/docs-bulk.html */
export function takeBulk(request: Request, body: string, judge: Judge): Taken {
  const { pathname } = new URL(request.url);
  if (request.method === "GET") return { texts: [] };
  if (request.method !== "POST" || pathname !== "/_bulk") throw new Error(`${request.method} ${pathname}`);
  if (request.headers.get("content-type") !== "application/x-ndjson") throw new Error("not NDJSON");
  if (!body.endsWith("\n")) throw new Error("The bulk request must be terminated by a newline [\\n]");
  const lines = body.slice(0, -1).split("\n");
  const texts: string[] = [];
  const refused: string[] = [];
  const ids: string[] = [];
  const items: object[] = [];
  for (let at = 0; at < lines.length; at += 2) {
    const [[name, target]] = Object.entries(JSON.parse(lines[at] ?? "")) as [[string, Record<string, unknown>]];
    if (name !== "create" && name !== "index") throw new Error(`action ${name}`);
    const text = `${name} ${target._index} ${lines[at + 1]}`;
    const verdict = judge(text);
    items.push({ [name]: verdict ? ANSWERS[verdict] : { status: 201 } });
    if (verdict) refused.push(text);
    else {
      texts.push(text);
      ids.push(String(target._id ?? ""));
    }
  }
  return { texts, ids, refused, answer: Response.json({ errors: refused.length > 0, items }) };
}

/** The document in what came, and in what is rendered. */
export const documentOf = (text: string) => text.slice(text.indexOf('{"metadata"')).trimEnd();

export const GOLDEN_DOCUMENT = `{"metadata":{"name":"web-1.17aa","namespace":"default","uid":"ba30f343-3351","resourceVersion":"101","creationTimestamp":"2026-11-20T21:44:18Z"},"reason":"BackOff","message":"Back-off \\u003crestarting\\u003e failed container","source":{"component":"kubelet","host":"node-1"},"firstTimestamp":"2026-11-20T21:44:18Z","lastTimestamp":"2026-11-20T21:45:18Z","count":7,"type":"Warning","eventTime":null,"reportingComponent":"","reportingInstance":"","clusterName":"","involvedObject":{"kind":"Pod","namespace":"default","name":"web-1","uid":"poduid-1","apiVersion":"v1","resourceVersion":"55","labels":{"app":"web","app_kubernetes_io/name":"web"},"deleted":false}}`;
