/** The image specification's own schemas, as a program: the judge of our images. */
import { join } from "node:path";
import type { Definition } from "./definition.ts";
import { goPrograms, pinnedVersion } from "./place.ts";

const MODULE = join(import.meta.dir, "oci");

/** Takes the folder of an image layout; its exit code is 0 when all in it is valid. */
export const ociProgram = async (): Promise<string> =>
  join(await goPrograms("oci", MODULE, { oci: "." }, "-s -w"), "oci");

/** Nothing runs: tests start it. */
export const oci: Definition = {
  name: "oci",
  summary: "the schemas of OCI's image specification: judges an image layout",
  missing: () => (Bun.which("go") === null ? "needs Go to build it" : undefined),
  install: async () => {
    await ociProgram();
  },
  plan: async () => {
    const path = await ociProgram();
    const version = pinnedVersion(join(MODULE, "go.mod"), "github.com/opencontainers/image-spec");
    return {
      ports: {},
      env: { PROGRAM: path },
      processes: [],
      versions: { "image-spec": version },
      usage: [`${path} FOLDER`],
    };
  },
};
