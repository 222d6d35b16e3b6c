/** The line between one Petrel and its API server: it can be cut, taken away, or stand still. */
import { connect, createServer, type Socket } from "node:net";

export interface Link {
  readonly url: string;
  /** False: nobody can connect, and connections that were open are reset. */
  up(on: boolean): void;
  /** Connections that are open now carry nothing more, and are not closed; new ones are well. */
  freeze(): void;
  /** While on, nothing is carried either way, on connections old and new: a partition. */
  partition(on: boolean): void;
  /** Bytes that came from the near end. */
  sent(): number;
  close(): Promise<void>;
}

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
  frozen: boolean;
}

/** `target`: a port of this machine. */
export async function openLink(target: number): Promise<Link> {
  const pairs = new Set<Pair>();
  let isUp = true;
  let parted = false;
  let sent = 0;

  const server = createServer((near) => {
    if (!isUp) {
      near.resetAndDestroy();
      return;
    }
    const pair: Pair = { near, far: connect(target, "127.0.0.1"), frozen: parted };
    pairs.add(pair);
    const { far } = pair;
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.setNoDelay(true);
      from.on("error", () => {});
      from.on("data", (bytes: Buffer) => {
        // What comes while nothing is carried is gone with its connection: those that were parted are reset at the end.
        if (pair.frozen) return;
        if (from === near) sent += bytes.length;
        if (!to.write(bytes)) {
          from.pause();
          to.once("drain", () => from.resume());
        }
      });
      from.on("end", () => void (pair.frozen || to.end()));
      from.on("close", () => {
        // The far end of a line that carries nothing hears nothing of it.
        if (pair.frozen && from === far) return;
        pairs.delete(pair);
        to.destroy();
      });
    }
  });
  const reset = (): void => {
    for (const { near, far } of pairs) {
      near.resetAndDestroy();
      far.destroy();
    }
  };
  const port = await new Promise<number>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" ? (address?.port ?? 0) : 0);
    });
  });
  return {
    url: `http://127.0.0.1:${port}`,
    up(on) {
      isUp = on;
      if (!on) reset();
    },
    freeze() {
      for (const pair of pairs) pair.frozen = true;
    },
    partition(on) {
      parted = on;
      if (on) for (const pair of pairs) pair.frozen = true;
      else reset();
    },
    sent: () => sent,
    close() {
      reset();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
