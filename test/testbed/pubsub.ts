import { join } from "node:path";
import type { Definition } from "./definition.ts";
import { goPrograms, pinnedVersion } from "./place.ts";
import { freePorts } from "./process.ts";

const program = async () =>
  join(await goPrograms("pubsub", join(import.meta.dir, "pubsub"), { pstest: "." }, "-s -w"), "pstest");

/** Google's in-memory Pub/Sub; what it holds ends with it. Started with `-topics`, it begins with some. */
export const pubsub: Definition = {
  name: "pubsub",
  summary: "Pub/Sub: Google's pstest 2.8.0 behind the REST API",
  missing: () => (Bun.which("go") === null ? "needs Go to be built" : undefined),
  install: async () => {
    await program();
  },
  async plan() {
    const [port = 0] = await freePorts(1);
    const address = `127.0.0.1:${port}`;
    return {
      ports: { pubsub: port },
      env: { EMULATOR: address },
      processes: [{ name: "pstest", argv: [await program(), "-addr", address], ready: { port } }],
      versions: {
        "Google's pstest": pinnedVersion(join(import.meta.dir, "pubsub/go.mod"), "cloud.google.com/go/pubsub/v2"),
      },
      usage: [`PUBSUB_EMULATOR_HOST=${address}; http://${address}/v1/projects/P/topics/T`],
    };
  },
};
