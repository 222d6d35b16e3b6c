/** What the admin port answers. JSON only; what is wrong with a request is told in `error`. */
import { type AdminHost, json } from "./admin-host.ts";
import { describe, digestWith } from "./config/difference.ts";
import type { Petrel } from "./petrel.ts";
import type { DeadLetterOffice } from "./pipeline/dead-letter-office.ts";
import { replayLetters } from "./pipeline/dead-letter-replay.ts";
import { shownLetter } from "./pipeline/dead-letters.ts";
import { commit, version } from "./version.ts";

/** Letters of one answer, and what it may hold of them in bytes. */
const MAX_LETTERS = 1_000;
const DEFAULT_LETTERS = 100;
const MAX_BYTES = 4 * 1024 * 1024;

class BadRequest extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export async function answer(request: Request, host: AdminHost): Promise<Response> {
  try {
    return await route(request, host);
  } catch (error) {
    if (error instanceof BadRequest) return json({ error: error.message }, error.status);
    throw error;
  }
}

async function route(request: Request, host: AdminHost): Promise<Response> {
  const url = new URL(request.url);
  const parts = url.pathname.split("/").slice(1);
  const at = (...path: string[]) => path.length === parts.length && path.every((part, index) => part === parts[index]);
  if (at("api", "v1", "status")) {
    allow(request, "GET");
    return json(status(host));
  }
  if (at("api", "v1", "config")) {
    allow(request, "GET");
    return json(description(host));
  }
  if (at("-", "reload") && host.reload) {
    allow(request, "POST");
    const reloaded = await host.reload();
    return json(reloaded, reloaded.problem === undefined ? 200 : 422);
  }
  if (at("api", "v1", "schemas")) {
    allow(request, "GET");
    const { schemas } = await import("./friendly/schema.ts");
    return json(`{"config":${(await host.schema()).trimEnd()},"types":${JSON.stringify(schemas())}}`);
  }
  if (at("api", "v1", "schemas", parts[3] ?? "")) {
    allow(request, "GET");
    const { schemas } = await import("./friendly/schema.ts");
    const types = schemas();
    const type = parts[3] ?? "";
    const schema = Object.hasOwn(types, type) ? types[type] : undefined;
    if (schema === undefined) throw new BadRequest(404, `there is no type ${type.slice(0, 200)}`);
    return json(schema);
  }
  if (parts[0] === "api" && parts[1] === "v1" && parts[2] === "dead-letters") {
    const petrel = host.petrel();
    if (!petrel) throw new BadRequest(503, "Petrel is starting");
    return await deadLetters(request, url.searchParams, parts.slice(3), petrel.deadLetters);
  }
  throw new BadRequest(404, `there is nothing at ${url.pathname.slice(0, 200)}`);
}

/** By which another config can be compared with the one that runs, and nothing of it be read. */
function description(host: AdminHost): object {
  const config = host.config();
  if (!config) throw new BadRequest(503, "Petrel is starting");
  const salt = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("hex");
  return { generation: host.generation(), salt, ...describe(config, digestWith(salt)) };
}

function status(host: AdminHost): object {
  const petrel: Petrel | undefined = host.petrel();
  const now = Date.now();
  const time = (ms: number) => (ms > 0 ? new Date(ms).toISOString() : null);
  const {
    watches = [],
    receivers = [],
    events = 0,
    bytes = 0,
    deadLetters = { count: 0, bytes: 0 },
    leader,
    checkpoint,
  } = petrel?.status() ?? {};
  return {
    version,
    commit,
    startedAt: time(host.startedAt),
    uptimeSeconds: Math.max(0, Math.round((now - host.startedAt) / 1_000)),
    config: { generation: host.generation() },
    ready: petrel ? petrel.unready() === undefined : false,
    unready: petrel ? (petrel.unready() ?? null) : "starting",
    unhealthy: petrel?.unhealthy() ?? null,
    buffer: { events, bytes },
    deadLetters,
    leader: leader ?? null,
    checkpoint: checkpoint ?? null,
    receivers: receivers.map(({ lastError = null, ...receiver }) => ({ ...receiver, lastError })),
    watches: watches.map(({ lastByteAt, lastError = null, ...watch }) => ({
      ...watch,
      lastByteAt: time(lastByteAt),
      lastError,
    })),
  };
}

async function deadLetters(
  request: Request,
  query: URLSearchParams,
  path: readonly string[],
  office: DeadLetterOffice,
): Promise<Response> {
  const [first, second, ...more] = path;
  if (more.length > 0) throw new BadRequest(404, "there is nothing there");
  if (first === undefined) {
    allow(request, "GET", "DELETE");
    return request.method === "GET" ? list(query, office) : dropAll(query, office);
  }
  if (first === "replay" && second === undefined) {
    allow(request, "POST");
    return json(await replayLetters(await wanted(request, office), office));
  }
  const id = /^\d{1,15}$/.test(first) ? Number(first) : Number.NaN;
  const letter = Number.isNaN(id) ? undefined : office.letters.get(id);
  if (letter === undefined) throw new BadRequest(404, `there is no dead letter ${first.slice(0, 40)}`);
  if (second === "replay") {
    allow(request, "POST");
    return json(await replayLetters([id], office));
  }
  if (second !== undefined) throw new BadRequest(404, "there is nothing there");
  allow(request, "GET", "DELETE");
  if (request.method === "DELETE") {
    office.letters.remove(id);
    return json({ dropped: 1 });
  }
  return json(shownLetter(letter));
}

/** A page: `next` is the `after` of the one behind it, null when there is none. */
function list(query: URLSearchParams, { letters }: DeadLetterOffice): Response {
  const limit = count(query, "limit", DEFAULT_LETTERS, MAX_LETTERS);
  const receiver = query.get("receiver") ?? undefined;
  const after = count(query, "after", 0, Number.MAX_SAFE_INTEGER);
  const shown = [];
  let bytes = 0;
  // One more than wanted tells whether there is another page.
  const found = letters.list({ receiver, after, limit: limit + 1 });
  for (const letter of found.slice(0, limit)) {
    bytes += letter.event.length;
    if (shown.length > 0 && bytes > MAX_BYTES) break;
    shown.push(shownLetter(letter));
  }
  const next = shown.length < found.length ? (shown.at(-1)?.id ?? null) : null;
  return json({ count: letters.count, bytes: letters.bytes, letters: shown, next });
}

function dropAll(query: URLSearchParams, { letters }: DeadLetterOffice): Response {
  const receiver = query.get("receiver") ?? undefined;
  if (receiver === undefined && query.get("all") !== "true") {
    throw new BadRequest(400, "say whose with ?receiver=NAME, or ?all=true");
  }
  let dropped = 0;
  for (;;) {
    const page = letters.list({ receiver, limit: MAX_LETTERS });
    for (const { id } of page) if (letters.remove(id)) dropped += 1;
    if (page.length === 0) return json({ dropped });
  }
}

/** The letters of a request's body: `{"ids": [1, 2]}`, `{"receiver": "alerts"}` or `{"all": true}`. */
async function wanted(request: Request, { letters }: DeadLetterOffice): Promise<readonly number[]> {
  if (!/^application\/json\b/.test(request.headers.get("content-type") ?? "")) {
    throw new BadRequest(415, "the body must be application/json");
  }
  let body: unknown;
  try {
    body = await request.json();
  } catch {
    throw new BadRequest(400, "the body is not JSON");
  }
  const { ids, receiver, all } = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  if (Array.isArray(ids) && ids.every((id) => Number.isSafeInteger(id)) && ids.length <= MAX_LETTERS) return ids;
  if (typeof receiver === "string" || all === true) {
    const whose = typeof receiver === "string" ? receiver : undefined;
    return letters.list({ receiver: whose, limit: MAX_LETTERS }).map(({ id }) => id);
  }
  throw new BadRequest(400, `expected {"ids": […]} (${MAX_LETTERS} at most), {"receiver": NAME} or {"all": true}`);
}

function allow(request: Request, ...methods: readonly string[]): void {
  if (!methods.includes(request.method)) throw new BadRequest(405, `only ${methods.join(" and ")} here`);
}

function count(query: URLSearchParams, name: string, fallback: number, most: number): number {
  const text = query.get(name);
  if (text === null) return fallback;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= 0 && value <= most)) throw new BadRequest(400, `${name} is a number from 0 to ${most}`);
  return value;
}
