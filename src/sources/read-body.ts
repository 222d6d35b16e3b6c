/** The body of a request within bounds: of time, of its own size, of all bodies at once, of what it unpacks to. */
import { gunzipSync } from "node:zlib";
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

/** @throws Refused */
export async function readBody(request: Request, limits: BodyLimits, allowances: Allowances): Promise<Body> {
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
    // It is there twice, as bytes and as text; what it unpacks to is not known before.
    if (large) hold(declared + (gzip ? limits.maxBody : declared));
    const packed = await collect(request, limits, (size) => size > held && hold(size - held));
    if (!gzip) return { bytes: packed, done };
    return { bytes: unpack(packed, limits), done };
  } catch (error) {
    done();
    throw error;
  }
}

async function collect(request: Request, limits: BodyLimits, grown: (size: number) => void): Promise<Uint8Array> {
  const reader = request.body?.getReader();
  if (!reader) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    reader.cancel().catch(() => {});
  }, limits.timeoutMs);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (late) break;
      if (done) return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
      size += value.length;
      if (size > limits.maxBody) throw tooLarge(limits);
      grown(size);
      chunks.push(value);
    }
  } catch (error) {
    reader.cancel().catch(() => {});
    if (error instanceof Refused) throw error;
    if (!late) throw new Refused(400, { detail: "the body was cut off" });
  } finally {
    clearTimeout(timer);
  }
  throw new Refused(
    408,
    { detail: `the body did not come whole within ${limits.timeoutMs / 1_000} s` },
    { connection: "close" },
  );
}

function unpack(packed: Uint8Array, limits: BodyLimits): Uint8Array {
  try {
    return gunzipSync(packed, { maxOutputLength: limits.maxBody });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ERR_BUFFER_TOO_LARGE" || error instanceof RangeError) throw tooLarge(limits);
    throw new Refused(400, { detail: "the body says that it is gzip, and is not" });
  }
}

function tooLarge({ maxBody }: BodyLimits): Refused {
  return new Refused(
    413,
    { detail: `the body is larger than the ${maxBody} bytes that \`http.maxBody\` allows; post fewer events at once` },
    { connection: "close" },
  );
}

const quoted = (text: string): string => JSON.stringify(text.slice(0, 64));
