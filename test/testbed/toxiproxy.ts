/** A network that is bad on request: latency, resets, data that goes nowhere. */
import { join } from "node:path";
import type { Definition } from "./definition.ts";
import { goPrograms, pinnedVersion } from "./place.ts";
import { freePorts } from "./process.ts";

const MODULE = join(import.meta.dir, "toxiproxy");
const PACKAGE = "github.com/Shopify/toxiproxy/v2";

const program = async (): Promise<string> =>
  join(await goPrograms("toxiproxy", MODULE, { toxiproxy: `${PACKAGE}/cmd/server` }, "-s -w"), "toxiproxy");

export const toxiproxy: Definition = {
  name: "toxiproxy",
  summary: "Toxiproxy: proxies made over its API, with latency, resets and timeouts",
  missing: () => (Bun.which("go") === null ? "needs Go to be built" : undefined),
  install: async () => {
    await program();
  },
  async plan() {
    const path = await program();
    const [port = 0] = await freePorts(1);
    const url = `http://127.0.0.1:${port}`;
    return {
      ports: { api: port },
      env: { URL: url },
      processes: [
        {
          name: "toxiproxy",
          argv: [path, "-host", "127.0.0.1", "-port", String(port)],
          ready: { url: `${url}/version` },
        },
      ],
      versions: { Toxiproxy: pinnedVersion(join(MODULE, "go.mod"), PACKAGE) },
      usage: [`curl ${url}/proxies`],
    };
  },
};
