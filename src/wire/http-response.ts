/**
 * Reads one HTTP/1.1 answer from bytes that come in any pieces. Pure: no socket, no clock.
 * @see https://www.rfc-editor.org/rfc/rfc9112
 */
import { BODY_MAX } from "./http-body.ts";

/** Status line and headers, also of the 1xx answers before; servers commonly send less than 8 KiB. */
const HEAD_MAX = 64 * 1024;
/** A chunk's size with its extensions, and a trailer. */
const LINE_MAX = 8 * 1024;

/** The bytes are not an answer; the message says why. The connection is of no more use. */
export class HttpSyntaxError extends Error {
  override readonly name = "HttpSyntaxError";
}

type Phase = "head" | "length" | "chunkSize" | "chunkData" | "chunkEnd" | "trailer" | "untilClose" | "done";

const EMPTY = Buffer.alloc(0);
const NO_HEADERS: ReadonlyMap<string, string> = new Map();

/** What a head says, but for what the body is. */
interface Head {
  readonly text: string;
  readonly http11: boolean;
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
}

/** Servers repeat themselves word for word, at least until the second in their Date is over. */
let lastHead: Head = { text: "", http11: true, status: 0, headers: NO_HEADERS };

export class ResponseReader {
  status = 0;
  /** Names in lower case, repeated values joined by `, `. */
  headers: ReadonlyMap<string, string> = NO_HEADERS;
  /** False until a byte came. */
  begun = false;
  #phase: Phase = "head";
  readonly #bodyless: boolean;
  #keepAlive = false;
  #surplus = false;
  /** Bytes still to come of the body or the chunk. */
  #left = 0;
  #size = 0;
  #headSize = 0;
  /** The body so far is the first `#size` bytes. */
  #body: Buffer = EMPTY;
  #line: Buffer = EMPTY;
  readonly #give: ((part: Buffer) => void) | undefined;

  /**
   * `method` is the request's: an answer to HEAD has no body, whatever its headers say. With `give` the body is given
   * away as it comes, of any length, and `body()` stays empty; the parts are valid until `give` returns.
   */
  constructor(method: string, give?: (part: Buffer) => void) {
    this.#bodyless = method === "HEAD";
    this.#give = give;
  }

  /** Status and headers are there. */
  get headed(): boolean {
    return this.#phase !== "head";
  }

  get done(): boolean {
    return this.#phase === "done";
  }

  /** Whether another request may go over the same connection. Ask when `done`. */
  get reusable(): boolean {
    return this.#keepAlive && !this.#surplus;
  }

  /** The body, whole. Ask when `done`. */
  body(): Buffer {
    return this.#body.subarray(0, this.#size);
  }

  /** Takes what came. Returns `done`. Throws HttpSyntaxError. */
  push(bytes: Buffer): boolean {
    this.begun = true;
    let rest = bytes;
    while (rest.length > 0 && this.#phase !== "done") rest = this.#step(rest);
    if (rest.length > 0) this.#surplus = true;
    return this.done;
  }

  /** The connection was closed in good order. Returns whether the answer is whole. */
  end(): boolean {
    if (this.#phase === "untilClose") this.#phase = "done";
    return this.done;
  }

  #step(bytes: Buffer): Buffer {
    switch (this.#phase) {
      case "head":
        return this.#head(bytes);
      case "length":
      case "chunkData": {
        const part = bytes.subarray(0, this.#left);
        this.#keep(part);
        this.#left -= part.length;
        if (this.#left === 0) this.#phase = this.#phase === "length" ? "done" : "chunkEnd";
        return bytes.subarray(part.length);
      }
      case "untilClose":
        this.#keep(bytes);
        return EMPTY;
      default:
        return this.#chunkLine(bytes);
    }
  }

  /** Copies, because what a socket lends is valid until its handler returns. */
  #keep(part: Buffer): void {
    if (this.#give !== undefined) {
      if (part.length > 0) this.#give(part);
      return;
    }
    const size = this.#size + part.length;
    if (size > BODY_MAX) throw new HttpSyntaxError(`a body of more than ${BODY_MAX / 1024 / 1024} MiB`);
    if (size > this.#body.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(size, 2 * this.#size));
      this.#body.copy(grown, 0, 0, this.#size);
      this.#body = grown;
    }
    part.copy(this.#body, this.#size);
    this.#size = size;
  }

  #head(bytes: Buffer): Buffer {
    const all = this.#line.length === 0 ? bytes : Buffer.concat([this.#line, bytes]);
    const end = endOfHead(all);
    if (this.#headSize + (end < 0 ? all.length : end) > HEAD_MAX)
      throw new HttpSyntaxError("headers of more than 64 KiB");
    if (end < 0) {
      // A whole status line is asked for early, so that a server of another protocol is told at once.
      if (all.length >= 5 && all.toString("latin1", 0, 5) !== "HTTP/") throw new HttpSyntaxError("no HTTP answer");
      this.#line = Buffer.from(all);
      return EMPTY;
    }
    this.#line = EMPTY;
    this.#headSize += end;
    this.#takeHead(all.toString("latin1", 0, end));
    return all.subarray(end);
  }

  #takeHead(text: string): void {
    const head = text === lastHead.text ? lastHead : parseHead(text);
    this.status = head.status;
    this.headers = head.headers;
    if (this.status === 101) throw new HttpSyntaxError("a change of protocol that nobody asked for");
    if (this.status < 200) return;
    lastHead = head;
    this.#keepAlive = staysOpen(head.http11, this.headers.get("connection"));
    this.#phase = this.#framing();
  }

  /** @see https://www.rfc-editor.org/rfc/rfc9112#name-message-body-length */
  #framing(): Phase {
    if (this.#bodyless || this.status === 204 || this.status === 304) return "done";
    const coding = this.headers.get("transfer-encoding");
    const length = this.headers.get("content-length");
    if (coding !== undefined) {
      // Both at once is how requests are smuggled: believe the coding and trust the connection no more.
      if (length !== undefined) this.#keepAlive = false;
      if (coding.toLowerCase() !== "chunked") throw new HttpSyntaxError("a transfer coding other than chunked");
      return "chunkSize";
    }
    if (length === undefined) {
      this.#keepAlive = false;
      return "untilClose";
    }
    const [first = "", ...others] = length.split(",").map((one) => one.trim());
    if (!/^\d{1,15}$/.test(first) || others.some((one) => one !== first)) {
      throw new HttpSyntaxError("a Content-Length that is no number");
    }
    this.#left = Number(first);
    return this.#left === 0 ? "done" : "length";
  }

  #chunkLine(bytes: Buffer): Buffer {
    if (this.#phase === "chunkEnd" && this.#line.length === 0 && bytes[0] === 13 && bytes[1] === 10) {
      this.#phase = "chunkSize";
      return bytes.subarray(2);
    }
    const newline = bytes.indexOf(10);
    const upTo = newline < 0 ? bytes.length : newline + 1;
    if (this.#line.length + upTo > LINE_MAX) throw new HttpSyntaxError("a chunk header of more than 8 KiB");
    const line =
      this.#line.length === 0 ? bytes.subarray(0, upTo) : Buffer.concat([this.#line, bytes.subarray(0, upTo)]);
    if (newline < 0) {
      this.#line = Buffer.from(line);
      return EMPTY;
    }
    this.#line = EMPTY;
    this.#chunkHeader(line.toString("latin1", 0, line.length - 1).replace(/\r$/, ""));
    return bytes.subarray(upTo);
  }

  #chunkHeader(line: string): void {
    if (this.#phase === "trailer") {
      if (line === "") this.#phase = "done";
      return;
    }
    if (this.#phase === "chunkEnd") {
      if (line !== "") throw new HttpSyntaxError("a chunk that is longer than it says");
      this.#phase = "chunkSize";
      return;
    }
    const size = /^([0-9a-fA-F]{1,8})[ \t]*(?:;|$)/.exec(line);
    if (size === null) throw new HttpSyntaxError("a chunk size that is no number");
    this.#left = Number.parseInt(size[1] as string, 16);
    this.#phase = this.#left === 0 ? "trailer" : "chunkData";
  }
}

/** Index behind the empty line, with or without carriage returns; -1 when it has not come. */
function endOfHead(bytes: Buffer): number {
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) {
    if (bytes[at + 1] === 10) return at + 2;
    if (bytes[at + 1] === 13 && bytes[at + 2] === 10) return at + 3;
  }
  return -1;
}

function parseHead(text: string): Head {
  const [statusLine = "", ...lines] = text.trimEnd().split(/\r?\n/);
  const match = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: |$)/.exec(statusLine);
  if (match === null) throw new HttpSyntaxError("a status line that is not HTTP/1");
  return { text, http11: match[1] === "1", status: Number(match[2]), headers: parseHeaders(lines) };
}

function parseHeaders(lines: readonly string[]): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    if (colon < 1 || /[\s\u0000-\u001f]/.test(name)) throw new HttpSyntaxError("a line among the headers that is none");
    const value = line.slice(colon + 1).trim();
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return headers;
}

function staysOpen(http11: boolean, connection: string | undefined): boolean {
  if (connection === undefined) return http11;
  const tokens = connection.toLowerCase().split(/[\s,]+/);
  return http11 ? !tokens.includes("close") : tokens.includes("keep-alive");
}
