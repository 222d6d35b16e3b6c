import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { command } from "./place.ts";

/** Paths of PEM files. */
export interface Certificates {
  readonly ca: string;
  /** For localhost and 127.0.0.1. */
  readonly serverCert: string;
  readonly serverKey: string;
  /** Common name `petrel`. */
  readonly clientCert: string;
  readonly clientKey: string;
  /** A second authority that signed nothing: a client that trusts only it must refuse the server. */
  readonly strangerCa: string;
}

/** Makes a private CA, a server and a client certificate in `folder`, good for 30 days. */
export async function certificates(folder: string): Promise<Certificates> {
  await mkdir(folder, { recursive: true });
  const path = (file: string) => join(folder, file);
  const openssl = (...args: string[]) => command(["openssl", ...args], { cwd: folder, deadlineMs: 60_000 });
  const authority = (name: string, cn: string) =>
    openssl(
      ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", `/CN=${cn}`],
      ...["-keyout", `${name}.key`, "-out", `${name}.pem`],
    );
  await authority("ca", "Testbed CA");
  await authority("stranger", "Stranger CA");
  await Bun.write(
    path("extensions"),
    "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n",
  );
  for (const [name, cn] of [
    ["server", "localhost"],
    ["client", "petrel"],
  ] as const) {
    await openssl(
      ...["req", "-newkey", "rsa:2048", "-nodes", "-subj", `/CN=${cn}`],
      ...["-keyout", `${name}.key`, "-out", "request.csr"],
    );
    await openssl(
      ...["x509", "-req", "-in", "request.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"],
      ...["-days", "30", "-extfile", "extensions", "-out", `${name}.crt`],
    );
  }
  return {
    ca: path("ca.pem"),
    serverCert: path("server.crt"),
    serverKey: path("server.key"),
    clientCert: path("client.crt"),
    clientKey: path("client.key"),
    strangerCa: path("stranger.pem"),
  };
}
