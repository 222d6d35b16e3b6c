/** An HTTP server that says exactly what a test wants, byte by byte, and remembers what it was sent. */

/** A request as it came over the wire. */
export interface RawRequest {
  /** Request line and headers, as sent. */
  readonly head: string;
  readonly body: string;
  /** Number of the connection that it came over, from 0. */
  readonly connection: number;
}

export interface RawServer extends Disposable {
  readonly port: number;
  readonly requests: readonly RawRequest[];
  /** Connections accepted so far, and those still open. */
  readonly connections: { accepted: number; open: number };
}

/** What to do with a request: bytes to send in pieces, `"close"` to close, `"reset"` to cut, nothing to stay silent. */
export type RawAnswer = readonly (string | Buffer)[];

interface RawState {
  index: number;
  received: Buffer;
}

/** An HTTP server that answers with exactly these bytes. `answer` gets the number of the request, from 0. */
export function rawServer(answer: (index: number, request: RawRequest) => RawAnswer): RawServer {
  const requests: RawRequest[] = [];
  const connections = { accepted: 0, open: 0 };
  const listener = Bun.listen<RawState>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        socket.data = { index: connections.accepted++, received: Buffer.alloc(0) };
        connections.open++;
      },
      data(socket, bytes) {
        socket.data.received = Buffer.concat([socket.data.received, bytes]);
        const { received, index } = socket.data;
        const end = received.indexOf("\r\n\r\n");
        if (end < 0) return;
        const head = received.toString("latin1", 0, end);
        const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
        if (received.length < end + 4 + length) return;
        socket.data.received = received.subarray(end + 4 + length);
        const request = { head, body: received.toString("utf8", end + 4, end + 4 + length), connection: index };
        requests.push(request);
        for (const piece of answer(requests.length - 1, request)) {
          if (piece === "close") socket.end();
          else if (piece === "reset") socket.terminate();
          else {
            socket.write(piece);
            socket.flush();
          }
        }
      },
      close() {
        connections.open--;
      },
    },
  });
  return { port: listener.port, requests, connections, [Symbol.dispose]: () => listener.stop(true) };
}
