import { join } from "node:path";
import type { Definition } from "./definition.ts";
import { debs, debVersion } from "./place.ts";

const PACKAGES = ["zsh", "fish"];

/** Nothing runs: tests start them, and say where their functions are. */
export const shells: Definition = {
  name: "shells",
  summary: "zsh and fish: complete what the release ships for them",
  missing: () =>
    Bun.which("apt-get") === null || Bun.which("dpkg") === null ? "needs Debian's packages (apt-get, dpkg)" : undefined,
  install: async () => {
    await debs("shells", PACKAGES);
  },
  plan: async () => {
    const root = await debs("shells", PACKAGES);
    return {
      ports: {},
      env: { ROOT: root },
      processes: [],
      versions: { zsh: await debVersion("zsh"), fish: await debVersion("fish") },
      usage: [join(root, "bin/zsh"), join(root, "usr/bin/fish")],
    };
  },
};
