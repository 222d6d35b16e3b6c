/** What stands between a sink and its destination: a line that breaks, crawls, or says what no server would. */
import { connect, createServer, type Socket } from "node:net";

/**
 * `pass`: as if it were not there. `gone`: nobody listens. `reset`: cut when something comes. `lost`: the destination gets
 * it, and the line is cut before its answer is back. `slow`: answers come in crumbs. `garbage`: nobody knows what.
 */
export type Line = "pass" | "gone" | "reset" | "lost" | "slow" | "garbage";

export interface Relay {
  readonly port: number;
  behave(how: Line): Promise<void>;
  /** What went to the destination so far, the last {@link KEPT} bytes of it; as it was on the wire. */
  sent(): Buffer;
  /** Connections that were made. */
  readonly connections: () => number;
  close(): Promise<void>;
}

const KEPT = 4 * 1024 * 1024;
const CRUMBS = 20;
const CRUMB_MS = 2;
const GARBAGE = Buffer.from("\x05\x00\xff\xfe<html>\0 nobody knows what this is\r\n\r\n\x80\x81".repeat(3), "latin1");

/** A relay to a port of this machine. */
export async function openRelay(target: number): Promise<Relay> {
  let how: Line = "pass";
  let sent: Buffer[] = [];
  let kept = 0;
  let connections = 0;
  const open = new Set<Socket>();

  function record(bytes: Buffer): void {
    sent.push(bytes);
    kept += bytes.length;
    while (kept > KEPT && sent.length > 1) kept -= sent.shift()?.length ?? 0;
  }

  const accept = (near: Socket): void => {
    connections++;
    const far = connect(target, "127.0.0.1");
    const both = [near, far];
    for (const socket of both) {
      open.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.on("close", () => {
        open.delete(socket);
        for (const other of both) other.destroy();
      });
    }
    near.on("data", (bytes: Buffer) => {
      record(bytes);
      if (how === "reset") near.resetAndDestroy();
      else if (how === "garbage") near.write(GARBAGE);
      else if (!far.write(bytes)) {
        near.pause();
        far.once("drain", () => near.resume());
      }
    });
    near.on("end", () => far.end());
    let crumbs = Promise.resolve();
    far.on("data", (bytes: Buffer) => {
      if (how === "lost") near.resetAndDestroy();
      else if (how === "slow") crumbs = crumbs.then(() => crumble(bytes, near));
      else near.write(bytes);
    });
    far.on("end", () => void crumbs.then(() => near.end()));
  };

  const server = createServer(accept);
  const listen = (port: number) =>
    new Promise<number>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", () => {
        server.off("error", reject);
        const address = server.address();
        resolve(typeof address === "object" ? (address?.port ?? 0) : 0);
      });
    });
  const hangUp = () => {
    for (const socket of open) socket.destroy();
    return new Promise<void>((resolve) => {
      if (server.listening) server.close(() => resolve());
      else resolve();
    });
  };
  const port = await listen(0);
  return {
    port,
    async behave(next) {
      how = next;
      if (next === "gone") await hangUp();
      else if (!server.listening) await listen(port);
    },
    sent: () => Buffer.concat(sent),
    connections: () => connections,
    close: async () => {
      sent = [];
      await hangUp();
    },
  };
}

async function crumble(bytes: Buffer, to: Socket): Promise<void> {
  const size = Math.max(1, Math.ceil(bytes.length / CRUMBS));
  for (let at = 0; at < bytes.length; at += size) {
    to.write(bytes.subarray(at, at + size));
    await Bun.sleep(CRUMB_MS);
  }
}
