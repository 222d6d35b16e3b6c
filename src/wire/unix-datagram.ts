/** Datagrams to a unix socket such as `/dev/log`, which Bun does not have: by libc, so load it lazily. */
import { FFIType, ptr, read } from "bun:ffi";
import { DeliveryError } from "../errors.ts";
import { abortError } from "./abort.ts";
import { openLibc } from "./libc.ts";
import { errorCode } from "./line-output.ts";
import { type DatagramOutput, sendDatagrams } from "./udp.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
/** Bytes of `sun_path`, its final zero included. @see unix(7) */
const PATH_MAX = 108;
/** The numbers of Linux that a caller tells apart. */
const ERRNO: Readonly<Record<number, string>> = {
  2: "ENOENT",
  11: "EAGAIN",
  13: "EACCES",
  90: "EMSGSIZE",
  105: "ENOBUFS",
  107: "ENOTCONN",
  111: "ECONNREFUSED",
};

const { int, ptr: pointer, u64, i64 } = FFIType;

const SYMBOLS = {
  socket: { args: [int, int, int], returns: int },
  connect: { args: [int, pointer, int], returns: int },
  send: { args: [int, pointer, u64, int], returns: i64 },
  close: { args: [int], returns: int },
  __errno_location: { args: [], returns: pointer },
} as const;

/**
 * Opens when first needed, and again after an error. A path that begins with a zero is a name in the abstract namespace.
 * `sent` is told how many bytes each datagram has; default: nobody is. Throws what `dlopen` throws.
 */
export function unixDatagramOutput(path: string, sent: (bytes: number) => void = () => {}): DatagramOutput {
  const c = openLibc(SYMBOLS);
  let fd = -1;

  const failed = (): Error => {
    const location = c.__errno_location();
    const number = location === null ? 0 : read.i32(location);
    return Object.assign(new Error(), { code: ERRNO[number] ?? `errno ${number}` });
  };

  const close = () => {
    if (fd >= 0) c.close(fd);
    fd = -1;
  };

  const open = () => {
    const name = Buffer.from(path);
    if (name.length >= PATH_MAX) throw Object.assign(new Error(), { code: "ENAMETOOLONG" });
    const address = Buffer.alloc(2 + PATH_MAX);
    address.writeUInt16LE(AF_UNIX, 0);
    name.copy(address, 2);
    fd = c.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) throw failed();
    // An abstract name is as long as it is told to be, zeros at its end included.
    const length = name[0] === 0 ? 2 + name.length : address.length;
    if (c.connect(fd, ptr(address), length) === 0) return;
    const error = failed();
    close();
    throw error;
  };

  const sendNow = (datagram: Buffer): boolean => {
    if (fd < 0) open();
    if (c.send(fd, ptr(datagram), datagram.length, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
      sent(datagram.length);
      return true;
    }
    const error = failed();
    const { code } = error as Error & { code: string };
    if (code === "EAGAIN" || code === "ENOBUFS") return false;
    if (code !== "EMSGSIZE") close();
    throw error;
  };

  return {
    async open(signal, doing) {
      if (signal.aborted) throw abortError(signal, doing);
      try {
        if (fd < 0) open();
      } catch (error) {
        throw new DeliveryError("network", `${doing} failed: ${errorCode(error)}`);
      }
    },
    send: (datagrams, signal, doing) => sendDatagrams(datagrams, sendNow, () => undefined, signal, doing),
    close,
  };
}
