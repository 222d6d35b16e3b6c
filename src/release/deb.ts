/** A Debian package, made without Debian's tools. @see https://manpages.debian.org/bookworm/dpkg-dev/deb.5.en.html */
import { type Entry, targz } from "./tar.ts";

export interface DebOptions {
  readonly version: string;
  /** Debian's name: amd64, arm64. */
  readonly architecture: string;
  /** Below the root, without a slash at the beginning. */
  readonly files: readonly Entry[];
  /** Of `files`, those that an update leaves as they were changed. */
  readonly conffiles: readonly string[];
  /** Seconds since 1970. */
  readonly mtime: number;
}

/** systemd is told by hand, as debhelper's snippets do, and only where it runs. */
const RUNS = "[ -d /run/systemd/system ]";
const SCRIPTS: Readonly<Record<string, string>> = {
  postinst: `#!/bin/sh
set -e
if [ "$1" = configure ] && ${RUNS}; then
  systemctl daemon-reload
  # An update goes on at once; a first installation waits for its config: systemctl enable --now petrel
  if [ -n "$2" ]; then systemctl try-restart petrel.service; fi
fi
`,
  prerm: `#!/bin/sh
set -e
if [ "$1" = remove ] && ${RUNS}; then systemctl disable --now petrel.service; fi
`,
  postrm: `#!/bin/sh
set -e
if ${RUNS}; then systemctl daemon-reload; fi
if [ "$1" = purge ]; then rm -rf /var/lib/private/petrel /var/lib/petrel; fi
`,
};

export function deb({ version, architecture, files, conffiles, mtime }: DebOptions): Uint8Array {
  const bytes = files.reduce((sum, { data }) => sum + (data?.length ?? 0), 0);
  const control = `Package: petrel
Version: ${version}
Architecture: ${architecture}
Maintainer: The authors of Petrel <petrel@localhost>
Installed-Size: ${Math.ceil(bytes / 1024)}
Depends: libc6 (>= 2.17)
Section: admin
Priority: optional
Description: router for Kubernetes events
 Watches a cluster's events and delivers each, in order per object and with an id,
 to where people and systems look. Nothing is lost in silence.
`;
  const about: Entry[] = [
    { path: "./control", data: control },
    { path: "./conffiles", data: conffiles.map((path) => `/${path}\n`).join("") },
    ...Object.entries(SCRIPTS).map(([name, data]) => ({ path: `./${name}`, data, mode: 0o755 })),
  ];
  const data = files.map((entry) => ({ ...entry, path: `./${entry.path}` }));
  return ar(
    [
      ["debian-binary", Buffer.from("2.0\n")],
      ["control.tar.gz", targz(about, mtime)],
      ["data.tar.gz", targz(data, mtime)],
    ],
    mtime,
  );
}

function ar(members: readonly (readonly [string, Uint8Array])[], mtime: number): Uint8Array {
  const parts = members.flatMap(([name, data]) => [
    Buffer.from(
      `${name.padEnd(16)}${String(mtime).padEnd(12)}${"0".padEnd(6)}${"0".padEnd(6)}${"100644".padEnd(8)}${String(data.length).padEnd(10)}\`\n`,
    ),
    data,
    Buffer.alloc(data.length % 2, "\n"),
  ]);
  return Buffer.concat([Buffer.from("!<arch>\n"), ...parts]);
}
