/** A process for commands that are run in-process: what they wrote, and what they read. */
import { dispatch, type Io } from "../../src/cli/command.ts";

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Given {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export async function petrel(args: readonly string[], given: Given = {}): Promise<Ran> {
  let out = "";
  let err = "";
  const io: Io = {
    stdout: (text) => {
      out += text;
    },
    stderr: (text) => {
      err += text;
    },
    async *stdin() {
      // In pieces that cut characters in two.
      const bytes = Buffer.from(given.stdin ?? "");
      for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7);
    },
    env: given.env ?? {},
    cwd: given.cwd ?? import.meta.dir,
    terminal: () => undefined,
    stop: () => new AbortController().signal,
    hangup: () => {},
  };
  const code = await dispatch(args, io);
  return { code, out, err };
}
