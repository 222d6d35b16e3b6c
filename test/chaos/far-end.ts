/** Servers of receivers: each remembers every request, answers as it is told, and says what it kept. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Attempt } from "./story.ts";

/**
 * `fine`: keeps and answers. `unavailable`: 503. `refused`: nobody listens. `hangs`: keeps nothing, never answers.
 * `swallows`: keeps, never answers. `resets`: keeps, and cuts the line. `slow`: keeps, and answers later. `unauthorized`:
 * 401. `throttled`: 429. `half`: keeps every other event where the protocol can say so, else every other request.
 */
export const MOODS = [
  "fine",
  "unavailable",
  "refused",
  "hangs",
  "swallows",
  "resets",
  "slow",
  "unauthorized",
  "throttled",
  "half",
] as const;
export type Mood = (typeof MOODS)[number];

/** How events come: `single` one JSON a request, `lines` NDJSON, `bulk` as Elasticsearch takes them. */
export type Shape = "single" | "lines" | "bulk";

export interface FarEnd {
  readonly name: string;
  readonly attempts: readonly Attempt[];
  /** Ids that were kept. */
  readonly kept: ReadonlySet<string>;
  mood: Mood;
  /** Refuses (401) whoever does not send this bearer token; undefined: everybody may. */
  token: string | undefined;
  /** The `receivers:` entry of one process. */
  receiver(life: number): Record<string, unknown>;
  close(): Promise<void>;
}

export interface FarEndOptions {
  readonly name: string;
  readonly shape: Shape;
  /** Of one delivery. */
  readonly timeoutMs: number;
  /** How long an answer of a slow one takes. Default half of the timeout. */
  readonly slowMs?: number;
  /** Milliseconds, steady. */
  now(): number;
  /** When what is read now may have come, at the earliest. */
  earliest(): number;
  /** Keys of the receiver beside its sink's. */
  readonly more?: Record<string, unknown>;
  /** Keys of the sink. */
  readonly sink?: Record<string, unknown>;
}

type Mutable = { -readonly [K in keyof Attempt]: Attempt[K] };

const LIFE = "x-life";

export async function openFarEnd(options: FarEndOptions): Promise<FarEnd> {
  const { name, shape, now } = options;
  const attempts: Mutable[] = [];
  const kept = new Set<string>();
  const state: { mood: Mood; token: string | undefined } = { mood: "fine", token: undefined };
  let odd = false;

  function keep(attempt: Mutable, indices: readonly number[]): void {
    attempt.taken = indices;
    attempt.takenAt = now();
    for (const index of indices) kept.add(attempt.ids[index] ?? "");
  }

  function handle(request: IncomingMessage, response: ServerResponse, body: string, earliest: number): void {
    const ids = idsOf(body, shape);
    const attempt: Mutable = {
      receiver: name,
      life: Number(request.headers[LIFE] ?? 0),
      begun: now(),
      earliest,
      ended: Number.POSITIVE_INFINITY,
      answered: false,
      ids,
      taken: [],
      takenAt: Number.NaN,
    };
    attempts.push(attempt);
    const all = [...ids.keys()];
    response.on("finish", () => {
      attempt.answered = true;
      attempt.ended = Math.min(attempt.ended, now());
    });
    response.on("close", () => {
      attempt.ended = Math.min(attempt.ended, now());
    });
    const answer = (status: number, text = "", headers: Record<string, string> = {}): void => {
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(text);
    };
    const accept = (refused = new Set<number>()): void => {
      keep(
        attempt,
        all.filter((index) => !refused.has(index)),
      );
      if (shape !== "bulk") {
        answer(200, "{}");
        return;
      }
      const items = all.map((index) => ({
        create: refused.has(index)
          ? { status: 503, error: { type: "unavailable_shards_exception", reason: "primary shard is not active" } }
          : { status: 201 },
      }));
      answer(200, JSON.stringify({ errors: refused.size > 0, items }));
    };
    const moods: Readonly<Record<Mood, () => void>> = {
      fine: () => accept(),
      unavailable: () => answer(503),
      refused: () => answer(503),
      hangs: () => {},
      swallows: () => keep(attempt, all),
      resets() {
        keep(attempt, all);
        request.socket.resetAndDestroy();
      },
      slow() {
        keep(attempt, all);
        setTimeout(() => !response.destroyed && answerTaken(), options.slowMs ?? options.timeoutMs / 2);
      },
      // Without Retry-After a probe comes every 30 seconds.
      unauthorized: () => answer(401, "", { "retry-after": "1" }),
      throttled: () => answer(429, "", { "retry-after": "1" }),
      half() {
        odd = !odd;
        if (shape === "bulk") accept(new Set(all.filter((index) => index % 2 === (odd ? 1 : 0))));
        else if (odd) answer(503);
        else accept();
      },
    };
    const known = state.token === undefined || request.headers.authorization === `Bearer ${state.token}`;
    if (known) moods[state.mood]();
    else answer(401);

    function answerTaken(): void {
      if (shape === "bulk") answer(200, JSON.stringify({ errors: false, items: all.map(() => ({})) }));
      else answer(200, "{}");
    }
  }

  const server = createServer((request, response) => {
    if (state.mood === "refused") {
      request.socket.resetAndDestroy();
      return;
    }
    const earliest = options.earliest();
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => handle(request, response, Buffer.concat(parts).toString(), earliest));
    request.on("error", () => {});
  });
  server.keepAliveTimeout = 60_000;
  const port = await new Promise<number>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" ? (address?.port ?? 0) : 0);
    });
  });
  const url = `http://127.0.0.1:${port}`;
  return {
    name,
    attempts,
    kept,
    get mood() {
      return state.mood;
    },
    set mood(mood) {
      state.mood = mood;
    },
    get token() {
      return state.token;
    },
    set token(token) {
      state.token = token;
    },
    receiver(life) {
      const headers = { [LIFE]: String(life) };
      const sink =
        shape === "bulk"
          ? { elasticsearch: { hosts: [url], headers, ...options.sink } }
          : {
              webhook: {
                endpoint: `${url}/hook`,
                headers,
                ...(shape === "lines" && { batch: { format: "ndjson" } }),
                ...options.sink,
              },
            };
      return {
        name,
        ...sink,
        ...(shape === "bulk" && { batch: { linger: "20ms" } }),
        timeout: `${options.timeoutMs}ms`,
        retry: { min: "20ms", max: "500ms" },
        ...options.more,
      };
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function idsOf(body: string, shape: Shape): string[] {
  const lines = body.split("\n").filter((line) => line !== "");
  const events = shape === "bulk" ? lines.filter((_, index) => index % 2 === 1) : lines;
  return events.map((text) => {
    const { uid, resourceVersion } = (JSON.parse(text) as { metadata: { uid: string; resourceVersion: string } })
      .metadata;
    return `${uid}.${resourceVersion}`;
  });
}
