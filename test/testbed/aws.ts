import { existsSync } from "node:fs";
import { join } from "node:path";
import { certificates } from "./certs.ts";
import type { Definition } from "./definition.ts";
import { command, place } from "./place.ts";
import { freePorts } from "./process.ts";

const FOLDER = join(import.meta.dir, "aws");
const MOTO = "moto[server]==5.2.5";

const missing = () => (Bun.which("python3") === null ? "needs Python 3 (python3 -m venv, pip)" : undefined);

/** A Python environment with moto and botocore; keyed by versions. */
async function environment(): Promise<string> {
  const version = await command(["python3", "--version"]);
  const folder = place("moto", MOTO, version);
  // A virtual environment holds its own path, so it is made where it stays, and the marker says that it is whole.
  const whole = join(folder, "whole");
  if (existsSync(folder) && !existsSync(whole)) await command(["rm", "-r", folder]);
  if (!existsSync(whole)) {
    await command(["python3", "-m", "venv", folder]);
    await command([join(folder, "bin/pip"), "install", "-q", "--disable-pip-version-check", MOTO]);
    await Bun.write(whole, MOTO);
  }
  return folder;
}

/** AWS: moto for SQS, SNS, EventBridge, Kinesis, Firehose, S3 and STS; what moto lacks, by a stand-in on botocore's model. */
export const aws: Definition = {
  name: "aws",
  summary: "AWS: moto (SQS, SNS, EventBridge, Kinesis, Firehose, S3, STS) and a stand-in for OpsCenter",
  missing,
  install: async () => {
    await environment();
  },
  async plan(dir) {
    const root = await environment();
    const tls = await certificates(join(dir, "tls"));
    const [port = 0, tlsPort = 0, ssmPort = 0] = await freePorts(3);
    const python = join(root, "bin/python");
    const moto = (on: number, ...more: string[]) => [
      ...[python, join(root, "bin/moto_server"), "-H", "127.0.0.1", "-p", String(on)],
      ...more,
    ];
    return {
      ports: { aws: port, tls: tlsPort, ssm: ssmPort },
      env: { CA: tls.ca, STRANGER_CA: tls.strangerCa },
      processes: [
        { name: "moto", argv: moto(port), ready: { url: `http://127.0.0.1:${port}/moto-api/data.json` } },
        {
          name: "moto-tls",
          argv: moto(tlsPort, "-c", tls.serverCert, "-k", tls.serverKey),
          ready: { url: `https://127.0.0.1:${tlsPort}/moto-api/data.json` },
        },
        {
          name: "opscenter",
          argv: [python, join(FOLDER, "opscenter.py"), String(ssmPort)],
          ready: { url: `http://127.0.0.1:${ssmPort}/` },
        },
      ],
      versions: { moto: MOTO.replace(/^.*==/, "") },
      usage: [
        `http://127.0.0.1:${port}: any access key; POST /moto-api/reset empties it`,
        `https://127.0.0.1:${tlsPort} (CA ${tls.ca})`,
        `http://127.0.0.1:${ssmPort}: SSM CreateOpsItem; GET / lists what came`,
      ],
    };
  },
};
