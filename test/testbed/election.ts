/** A contender for a Lease that is client-go's own, as kubernetes-event-exporter is one: the judge of our elections. */
import { join } from "node:path";
import type { Definition } from "./definition.ts";
import { goPrograms, pinnedVersion } from "./place.ts";

const MODULE = join(import.meta.dir, "election");

/** Builds it where its source has changed since, and says where it lies. */
export const electionProgram = async (): Promise<string> =>
  join(await goPrograms("election", MODULE, { election: "." }, "-s -w"), "election");

/** Nothing runs: tests start it. */
export const election: Definition = {
  name: "election",
  summary: "client-go's leader election: takes part in one, and tells a line for each change",
  missing: () => (Bun.which("go") === null ? "needs Go to build it" : undefined),
  install: async () => {
    await electionProgram();
  },
  plan: async () => {
    const path = await electionProgram();
    return {
      ports: {},
      env: { PROGRAM: path },
      processes: [],
      versions: { "client-go": pinnedVersion(join(MODULE, "go.mod"), "k8s.io/client-go") },
      usage: [`${path} -kubeconfig FILE -name LEASE -identity ME [-release]`],
    };
  },
};
