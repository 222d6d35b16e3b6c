/** Datagrams to one address: each is one event, and none is ever half sent. */
import { isIP } from "node:net";
import { dns, type udp } from "bun";
import { DeliveryError, type Reason, type Refusal } from "../errors.ts";
import { abortError, untilAborted, untilEcho } from "./abort.ts";
import type { Address } from "./address.ts";
import { errorCode } from "./line-output.ts";

export interface DatagramOutput {
  /**
   * Sends each. Rejects with DeliveryError, whose `refused` are those that are too large or were not sent, if others
   * were. `doing` opens messages: `the datagram to host:514`.
   */
  send(datagrams: readonly Buffer[], signal: AbortSignal, doing: string): Promise<void>;
  /** Opens it, if it is not open, which says that the address is one, not that anybody listens. */
  open(signal: AbortSignal, doing: string): Promise<void>;
  close(): void;
}

/** A datagram over IPv4 holds 65,535 bytes less 20 and 8 of headers. @see https://www.rfc-editor.org/rfc/rfc768 */
export const DATAGRAM_MAX = 65_507;
/** A name is looked up again after this, because what answers to it moves. */
const LOOKUP_MS = 30_000;

/** Sends one datagram now. Returns whether it was taken; throws the system's error. */
type SendNow = (datagram: Buffer) => boolean;

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/**
 * The loop that every kind of datagram shares. `reported` returns and forgets what the network said of earlier ones.
 * A refusal of the network fails the whole batch, since nobody knows which of it arrived.
 */
export async function sendDatagrams(
  datagrams: readonly Buffer[],
  sendNow: SendNow,
  reported: () => string | undefined,
  signal: AbortSignal,
  doing: string,
): Promise<void> {
  const refused: Refusal[] = [];
  let sent = 0;
  for (const [index, datagram] of datagrams.entries()) {
    const refuse = (reason: Reason, message: string) => refused.push({ index, reason, message });
    if (datagram.length > DATAGRAM_MAX) {
      refuse("too_large", `${doing} would have ${datagram.length} bytes; at most ${DATAGRAM_MAX} fit`);
      continue;
    }
    try {
      while (!sendNow(datagram)) {
        if (signal.aborted) throw abortError(signal, doing);
        await turn();
      }
      sent++;
    } catch (error) {
      if (error instanceof DeliveryError) throw error;
      const code = errorCode(error);
      if (code !== "EMSGSIZE") throw new DeliveryError("network", `${doing} failed: ${code}`);
      refuse("too_large", `${doing} has ${datagram.length} bytes, too many for the network (EMSGSIZE)`);
    }
  }
  if (sent > 0) await untilEcho();
  const code = reported();
  if (code !== undefined) throw new DeliveryError("network", `${doing} failed: ${code}`);
  const [first] = refused;
  if (first) throw new DeliveryError(first.reason, first.message, { refused });
}

/** Opens when first needed. `sent` is told how many bytes each datagram has; `now` gives milliseconds that only grow. */
export function udpOutput(
  address: Address,
  sent: (bytes: number) => void,
  now: () => number = () => performance.now(),
): DatagramOutput {
  let socket: udp.ConnectedSocket<"buffer"> | undefined;
  let remote = "";
  let lookedUpAt = 0;
  let report: string | undefined;

  const close = () => {
    socket?.close();
    socket = undefined;
  };

  const open = async (): Promise<udp.ConnectedSocket<"buffer">> => {
    if (socket !== undefined && (isIP(address.host) !== 0 || now() - lookedUpAt < LOOKUP_MS)) return socket;
    const [found] = await dns.lookup(address.host);
    if (found === undefined) throw Object.assign(new Error(), { code: "ENOTFOUND" });
    lookedUpAt = now();
    if (socket !== undefined && remote === found.address) return socket;
    close();
    socket = await Bun.udpSocket({
      hostname: found.family === 6 ? "::" : "0.0.0.0",
      connect: { hostname: found.address, port: address.port },
      socket: {
        // Bun gives the error first, whatever its types say.
        error(...given: unknown[]) {
          const error = given.find((one) => one instanceof Error);
          report = error && "code" in error ? String(error.code) : "unknown error";
        },
      },
    });
    remote = found.address;
    return socket;
  };

  const opened = async (signal: AbortSignal, doing: string): Promise<udp.ConnectedSocket<"buffer">> => {
    try {
      return await untilAborted(open(), signal, doing, () => {});
    } catch (error) {
      if (error instanceof DeliveryError) throw error;
      throw new DeliveryError("network", `${doing} failed: ${errorCode(error)}`);
    }
  };

  return {
    async open(signal, doing) {
      await opened(signal, doing);
    },
    async send(datagrams, signal, doing) {
      const through = await opened(signal, doing);
      report = undefined;
      const reported = () => {
        const code = report;
        report = undefined;
        return code;
      };
      const sendNow = (datagram: Buffer): boolean => {
        const taken = through.send(datagram);
        if (taken) sent(datagram.length);
        return taken;
      };
      await sendDatagrams(datagrams, sendNow, reported, signal, doing);
    },
    close,
  };
}
