import { type Fixture, until } from "../contract.ts";
import { answersNothing } from "./about.ts";
import { GOLDEN_LINE } from "./lines.ts";

export default {
  async open() {
    const came: string[] = [];
    const data = (_: unknown, bytes: Buffer) => void came.push(bytes.toString());
    let socket = await Bun.udpSocket({ hostname: "127.0.0.1", port: 0, socket: { data } });
    const { port } = socket;
    let open = true;
    const close = () => {
      if (open) socket.close();
      open = false;
    };
    return {
      config: { host: `127.0.0.1:${port}` },
      async behave(how) {
        if (how === "gone") close();
        if (how === "accept" && !open) {
          socket = await Bun.udpSocket({ hostname: "127.0.0.1", port, socket: { data } });
          open = true;
        }
      },
      async received(count) {
        await until(() => came.length >= count, `${count} datagrams came`);
        return came;
      },
      async [Symbol.asyncDispose]() {
        close();
      },
    };
  },
  golden: GOLDEN_LINE,
  about: {
    auth: "None.",
    permissions: "None.",
    limits: "65,507 bytes a datagram ([RFC 768](https://www.rfc-editor.org/rfc/rfc768))",
    order: "none: the network may change it",
    id: "none: a datagram is the event as it is, with uid and resourceVersion",
    retries: "what the system says of an address; UDP answers nothing",
    tested: [{ local: "the system's own sockets" }],
  },
  gone: "network",
  checkIsBlind: true,
  skip: {
    ...answersNothing("nobody answers a datagram"),
    hang: "nobody answers a datagram",
    "aborted during": "nobody answers a datagram",
    statuses: "no HTTP",
    "no secret shown": "no secrets",
  },
} satisfies Fixture;
