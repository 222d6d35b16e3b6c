/** Helm, which renders and lints the chart. */
import { join } from "node:path";
import type { Definition } from "./definition.ts";
import { goPrograms, pinnedVersion } from "./place.ts";

const MODULE = join(import.meta.dir, "helm");
const PACKAGE = "helm.sh/helm/v3";

/** Builds it where its source has changed since, and says where it lies. */
export const helmProgram = async (): Promise<string> =>
  join(await goPrograms("helm", MODULE, { helm: `${PACKAGE}/cmd/helm` }, "-s -w"), "helm");

/** Nothing runs: tests start it. Its libraries are those of the control plane, so that they are compiled once. */
export const helm: Definition = {
  name: "helm",
  summary: "Helm: renders and lints the chart",
  missing: () => (Bun.which("go") === null ? "needs Go to build it" : undefined),
  install: async () => {
    await helmProgram();
  },
  async plan() {
    const path = await helmProgram();
    return {
      ports: {},
      env: { PROGRAM: path },
      processes: [],
      versions: { Helm: pinnedVersion(join(MODULE, "go.mod"), PACKAGE) },
      usage: [`${path} template petrel deploy/helm`],
    };
  },
};
