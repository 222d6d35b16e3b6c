/**
 * The system's C library, for the few calls that Bun has not. Load it lazily: foreign functions need memory that is
 * writable and executable, which a hardened service may be denied.
 */
import { dlopen, type FFIFunction, type Library } from "bun:ffi";

/** Throws what `dlopen` throws. */
export function openLibc<Fns extends Record<string, FFIFunction>>(symbols: Fns): Library<Fns>["symbols"] {
  try {
    return dlopen("libc.so.6", symbols).symbols;
  } catch {
    // musl has one name for all.
    return dlopen(`libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`, symbols).symbols;
  }
}
