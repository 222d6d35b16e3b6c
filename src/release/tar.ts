/** Archives whose bytes depend on their content alone. */

export interface Entry {
  /** Without a slash at the beginning; a folder ends with one. */
  readonly path: string;
  readonly data?: Uint8Array | string;
  /** Default 0644, of a folder 0755. */
  readonly mode?: number;
  /** Target of a symbolic link. */
  readonly link?: string;
}

const BLOCK = 512;
/** Of ustar without a prefix. */
const NAME_MAX = 100;

/** In ustar; all of it is root's. `mtime`: seconds since 1970. Folders that an entry is in come before it. */
export function tar(entries: readonly Entry[], mtime: number): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const { path, data = "", mode, link } of withFolders(entries)) {
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    const folder = path.endsWith("/");
    parts.push(header(path, mode ?? (folder ? 0o755 : 0o644), bytes.length, mtime, link));
    if (bytes.length > 0) parts.push(bytes, new Uint8Array((BLOCK - (bytes.length % BLOCK)) % BLOCK));
  }
  parts.push(new Uint8Array(2 * BLOCK));
  return Buffer.concat(parts);
}

function withFolders(entries: readonly Entry[]): readonly Entry[] {
  const seen = new Set(entries.map(({ path }) => path));
  return entries.flatMap((entry) => {
    const parts = entry.path.replace(/\/$/, "").split("/");
    const above = parts.slice(0, -1).map((_, index) => `${parts.slice(0, index + 1).join("/")}/`);
    const made = above.filter((path) => !seen.has(path) && path !== "./");
    for (const path of made) seen.add(path);
    return [...made.map((path) => ({ path })), entry];
  });
}

function header(path: string, mode: number, size: number, mtime: number, link = ""): Uint8Array {
  // A prefix of up to 155 characters goes before the name.
  const cut = path.length > NAME_MAX ? path.indexOf("/", path.length - NAME_MAX - 1) : -1;
  const [prefix, name] = cut < 0 ? ["", path] : [path.slice(0, cut), path.slice(cut + 1)];
  if (name.length > NAME_MAX || prefix.length > 155 || link.length > NAME_MAX)
    throw new Error(`${path} is too long for a tar`);
  const octal = (value: number, length: number) => `${value.toString(8).padStart(length - 1, "0")}\0`;
  const block = Buffer.alloc(BLOCK);
  const put = (text: string, at: number) => block.write(text, at, "utf8");
  put(name, 0);
  put(octal(mode, 8), 100);
  put(octal(0, 8), 108);
  put(octal(0, 8), 116);
  put(octal(size, 12), 124);
  put(octal(mtime, 12), 136);
  put("        ", 148);
  put(link === "" ? (path.endsWith("/") ? "5" : "0") : "2", 156);
  put(link, 157);
  put("ustar\u000000", 257);
  put("root", 265);
  put("root", 297);
  put(prefix, 345);
  put(
    `${octal(
      block.reduce((sum, byte) => sum + byte, 0),
      7,
    )} `,
    148,
  );
  return block;
}

/** The same input, the same bytes: no name and no time in its header. */
export function gzip(bytes: Uint8Array): Uint8Array {
  const packed = Bun.gzipSync(Uint8Array.from(bytes), { level: 9 });
  packed.fill(0, 4, 8);
  return packed;
}

export function targz(entries: readonly Entry[], mtime: number): Uint8Array {
  return gzip(tar(entries, mtime));
}

export function sha256(bytes: Uint8Array | string): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}
