/** The body of a request within bounds: of time, of its own size, of all bodies at once, of what it unpacks to. */
import { gunzip } from "node:zlib";
import { wasted } from "../memory.ts";
import type { Pace } from "./pace.ts";
import { Refused } from "./problem.ts";

export interface BodyLimits {
  /** Bytes of one body, packed and unpacked. */
  readonly maxBody: number;
  /** Milliseconds from the headers to the last byte. */
  readonly timeoutMs: number;
}

/** What all bodies that are being read may take, in bytes. */
export interface Allowances {
  /** Of bodies of at most {@link SMALL} bytes: what has come of them counts, so that who sends slowly keeps nobody out. */
  readonly small: Allowance;
  /** Of others: what was said counts, because by the time it has come it is too late. */
  readonly large: Allowance;
}

/** Bytes of a body that need not wait for its turn. */
export const SMALL = 64 * 1024;
/** Bytes of a body that is read in one piece, which takes a third of the time; and how many of them may be under way. */
const TINY = 16 * 1024;
const MOST_TINY = 512;
/** Bytes that come at least in each sixth of the time, of a body that keeps others out: of 30 s, 50 kbit/s. */
const LEAST_PROGRESS = 32 * 1024;
const PARTS_OF_TIME = 6;
/** Header and end of a file of gzip, in bytes. */
const SMALLEST_GZIP = 18;
/** The least that zlib takes. */
const LEAST_CHUNK = 64;
/** Bytes of an unpacked body that are looked at at a time. */
const PIECE = 64 * 1024;

export interface Allowance {
  /** False: it is not there now. */
  take(bytes: number): boolean;
  give(bytes: number): void;
}

export function createAllowance(bytes: number): Allowance {
  let left = bytes;
  return {
    take(wanted) {
      if (wanted > left) return false;
      left -= wanted;
      return true;
    },
    give(back) {
      left += back;
    },
  };
}

export interface Body {
  readonly bytes: Uint8Array;
  /** Gives its part of the allowance back. */
  done(): void;
}

/** What is asked of each piece as it comes, in order; what it throws is the end of the body. */
export type Look = (piece: Uint8Array) => void;

let tiny = 0;

/** @throws Refused, and what `look` throws. */
export async function readBody(
  request: Request,
  limits: BodyLimits,
  allowances: Allowances,
  pace: Pace,
  look: Look,
): Promise<Body> {
  const coding = (request.headers.get("content-encoding") ?? "identity").trim().toLowerCase();
  const gzip = coding === "gzip" || coding === "x-gzip";
  if (!gzip && coding !== "identity" && coding !== "") {
    throw new Refused(
      415,
      { detail: `the content coding ${quoted(coding)} is not understood; use gzip or none` },
      { "accept-encoding": "gzip" },
    );
  }
  const length = request.headers.get("content-length");
  const declared = length === null ? limits.maxBody : Number(length);
  const large = gzip || declared > SMALL;
  const allowance = large ? allowances.large : allowances.small;
  let held = 0;
  const hold = (bytes: number): void => {
    if (!allowance.take(bytes)) {
      throw new Refused(
        429,
        { detail: "too much is being posted at this moment; try again in a moment" },
        { "retry-after": "1" },
      );
    }
    held += bytes;
  };
  const done = (): void => {
    allowance.give(held);
    held = 0;
  };
  try {
    if (declared > limits.maxBody) throw tooLarge(limits);
    if (length !== null && !gzip && declared <= TINY && tiny < MOST_TINY) {
      const bytes = await whole(request, limits);
      look(bytes);
      return { bytes, done };
    }
    // It is there twice, as bytes and as text, or packed and unpacked: how large that is, its end tells.
    if (large) hold(gzip ? declared : 2 * declared);
    const packed = await collect(request, limits, large, async (chunk, size) => {
      if (size > held) hold(size - held);
      if (!gzip) await pace.run(inPieces(chunk, look));
    });
    if (!gzip) return { bytes: packed, done };
    const said = unpackedSize(packed);
    if (said > limits.maxBody) throw tooLarge(limits);
    hold(said);
    const bytes = await oneByOne(() => unpack(packed, said));
    await pace.run(inPieces(bytes, look));
    return { bytes, done };
  } catch (error) {
    done();
    throw error;
  }
}

async function whole(request: Request, limits: BodyLimits): Promise<Uint8Array> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(tooLate(limits)), limits.timeoutMs);
  tiny++;
  try {
    return new Uint8Array(await Promise.race([request.arrayBuffer(), late]));
  } catch (error) {
    throw error instanceof Refused ? error : cutOff();
  } finally {
    tiny--;
    clearTimeout(timer);
  }
}

async function collect(
  request: Request,
  limits: BodyLimits,
  large: boolean,
  grown: (chunk: Uint8Array, size: number) => Promise<void>,
): Promise<Uint8Array> {
  const reader = request.body?.getReader();
  if (!reader) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  let seen = 0;
  let late: Refused | undefined;
  const giveUp = (why: Refused): void => {
    late = why;
    reader.cancel().catch(() => {});
  };
  const timer = setTimeout(() => giveUp(tooLate(limits)), limits.timeoutMs);
  const progress = setInterval(() => {
    if (large && size - seen < LEAST_PROGRESS) giveUp(tooSlow(limits));
    seen = size;
  }, limits.timeoutMs / PARTS_OF_TIME);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (late) break;
      if (done) return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
      size += value.length;
      if (size > limits.maxBody) throw tooLarge(limits);
      await grown(value, size);
      chunks.push(value);
    }
  } catch (error) {
    reader.cancel().catch(() => {});
    wasted(size);
    throw error instanceof Refused ? closing(error) : cutOff();
  } finally {
    clearTimeout(timer);
    clearInterval(progress);
  }
  throw late;
}

let unpacking: Promise<unknown> = Promise.resolve();

/** So that what a bomb takes is taken once. */
function oneByOne<T>(work: () => Promise<T>): Promise<T> {
  const mine = unpacking.then(work);
  unpacking = mine.catch(() => {});
  return mine;
}

/** What the last four bytes say, modulo 2^32: https://www.rfc-editor.org/rfc/rfc1952#page-6. */
function unpackedSize(packed: Uint8Array): number {
  return packed.length < SMALLEST_GZIP ? 0 : Buffer.from(packed.slice(-4)).readUInt32LE();
}

/** In a thread of its own; the watches go on meanwhile. What has lied about its size is not unpacked any further. */
function unpack(packed: Uint8Array, said: number): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  gunzip(packed, { maxOutputLength: Math.max(said, 1), chunkSize: Math.max(said, LEAST_CHUNK) }, (error, bytes) => {
    if (!error) resolve(bytes);
    else if (("code" in error && error.code === "ERR_BUFFER_TOO_LARGE") || error instanceof RangeError) {
      reject(new Refused(400, { detail: `the body unpacks to more than the ${said} bytes that its end tells` }));
    } else reject(new Refused(400, { detail: "the body says that it is gzip, and is not" }));
  });
  return promise;
}

function* inPieces(bytes: Uint8Array, look: Look): Generator<void, void> {
  for (let at = 0; at < bytes.length; at += PIECE) {
    if (at > 0) yield;
    look(bytes.subarray(at, at + PIECE));
  }
}

/** Nobody reads the rest of the body. */
const closing = ({ status, details, headers }: Refused): Refused =>
  new Refused(status, details, { ...headers, connection: "close" });

const cutOff = (): Refused => new Refused(400, { detail: "the body was cut off" });

function tooLate({ timeoutMs }: BodyLimits): Refused {
  return new Refused(
    408,
    { detail: `the body did not come whole within ${timeoutMs / 1_000} s` },
    { connection: "close" },
  );
}

const tooSlow = ({ timeoutMs }: BodyLimits): Refused =>
  new Refused(
    408,
    { detail: `less than ${LEAST_PROGRESS} bytes of the body came within ${timeoutMs / PARTS_OF_TIME / 1_000} s` },
    { connection: "close" },
  );

function tooLarge({ maxBody }: BodyLimits): Refused {
  return new Refused(
    413,
    { detail: `the body is larger than the ${maxBody} bytes that \`http.maxBody\` allows; post fewer events at once` },
    { connection: "close" },
  );
}

const quoted = (text: string): string => JSON.stringify(text.slice(0, 64));
