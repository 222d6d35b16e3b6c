/**
 * A unix datagram socket that listens, which Bun does not have either: for tests of what sends to one. A path that begins
 * with a zero is a name in the abstract namespace.
 */
import { dlopen, FFIType, ptr } from "bun:ffi";

const { int, ptr: pointer, u64, i64 } = FFIType;

export function unixDatagramServer(path: string): { receive(): string | undefined; close(): void } {
  const { symbols: c } = dlopen("libc.so.6", {
    socket: { args: [int, int, int], returns: int },
    bind: { args: [int, pointer, int], returns: int },
    recv: { args: [int, pointer, u64, int], returns: i64 },
    close: { args: [int], returns: int },
  });
  const fd = c.socket(1, 2 | 0o4000, 0);
  const address = Buffer.alloc(110);
  address.writeUInt16LE(1, 0);
  address.write(path, 2);
  const length = path.startsWith("\0") ? 2 + Buffer.byteLength(path) : address.length;
  if (c.bind(fd, ptr(address), length) !== 0) throw new Error(`cannot bind ${path}`);
  const buffer = Buffer.alloc(1 << 18);
  return {
    receive() {
      const size = Number(c.recv(fd, ptr(buffer), buffer.length, 0));
      return size < 0 ? undefined : buffer.toString("utf8", 0, size);
    },
    close() {
      c.close(fd);
    },
  };
}
