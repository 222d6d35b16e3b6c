/** `host:port`, as Go writes network addresses. */
import { ConfigError } from "../errors.ts";

export interface Address {
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  readonly port: number;
}

/** Throws ConfigError; `key` names the setting in it. Brackets are optional where there is a port. */
export function parseAddress(text: string, key: string, defaultPort?: number): Address {
  // Host in brackets, a name or IPv4 address, or a bare IPv6 address.
  const match = /^(?:\[([^\]]+)\]|([^:/[\]\s]+)|([0-9a-fA-F:.]*::?[0-9a-fA-F:.]+))(?::(\d{1,5}))?$/.exec(text.trim());
  const host = match?.[1] ?? match?.[2] ?? match?.[3];
  const port = match?.[4] === undefined ? defaultPort : Number(match[4]);
  if (host !== undefined && port !== undefined && port > 0 && port < 65_536) return { host, port };
  throw new ConfigError(`${key}: ${JSON.stringify(text)} is not an address; write it like events.example.com:514`);
}
