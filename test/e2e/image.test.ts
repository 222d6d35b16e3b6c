/** What an image may rely on, without building one: a root with the executable, its config and glibc, and nothing else. */
import { expect, test } from "bun:test";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createApiServer } from "../../src/demo/api-server.ts";
import { freePorts } from "../testbed/process.ts";
import { eventually } from "./eventually.ts";
import { EXECUTABLE } from "./executable.ts";

const TITLE = "runs in a bare root that cannot be written, as uid 65532, with the exporter's arguments";

/** Why not here; undefined: it can be shown. */
function obstacle(): string | undefined {
  if (process.getuid?.() !== 0) return "needs root";
  const missing = ["unshare", "mount", "chroot", "ldd"].filter((program) => Bun.which(program) === null);
  if (missing.length > 0) return `needs ${missing.join(", ")}`;
  return Bun.spawnSync(["unshare", "-m", "true"]).success ? undefined : "needs the right to make mount namespaces";
}

/** Mounts stay in a namespace that ends with the process. */
const SCRIPT = `
mount --bind "$ROOT" "$ROOT" && mount -t proc proc "$ROOT/proc" || mount --rbind /proc "$ROOT/proc"
mount -o remount,bind,ro "$ROOT"
exec env -i "$(command -v chroot)" --userspec=65532:65532 "$ROOT" /petrel -conf=/data/config.yaml -kubeconfig=/data/kubeconfig -metrics-address=127.0.0.1:$PORT
`;

const CONFIG = "route: { match: [{ receiver: dump }] }\nreceivers: [{ name: dump, stdout: {} }]\n";

function layOut(root: string, server: string): void {
  for (const folder of ["data", "proc"]) mkdirSync(join(root, folder));
  cpSync(EXECUTABLE, join(root, "petrel"));
  const libraries = Bun.spawnSync(["ldd", EXECUTABLE]).stdout.toString().match(/\/\S+/g) ?? [];
  for (const library of libraries.filter((path) => !path.endsWith(":"))) {
    mkdirSync(join(root, dirname(library)), { recursive: true });
    cpSync(library, join(root, library), { dereference: true });
  }
  writeFileSync(join(root, "data/config.yaml"), CONFIG);
  const kubeconfig = {
    clusters: [{ name: "c", cluster: { server } }],
    users: [{ name: "u", user: {} }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  };
  writeFileSync(join(root, "data/kubeconfig"), JSON.stringify(kubeconfig));
  chmodSync(root, 0o755);
}

const why = obstacle();
if (why !== undefined) test.skip(`${TITLE} (${why})`, () => {});
else {
  test(TITLE, async () => {
    const root = mkdtempSync(join(tmpdir(), "petrel-root-"));
    const server = await createApiServer();
    layOut(root, server.url);
    const [port = 0] = await freePorts(1);
    const child = Bun.spawn(["unshare", "-m", "sh", "-c", SCRIPT], {
      env: { ...process.env, ROOT: root, PORT: String(port) },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    try {
      await eventually("petrel is ready", 10_000, async () => {
        if (child.exitCode !== null) return `it ended with ${child.exitCode}: ${await child.stderr.text()}`;
        const { status } = await fetch(`http://127.0.0.1:${port}/-/ready`);
        return status === 200 ? undefined : `it says ${status}`;
      });
      const involvedObject = { kind: "Pod", apiVersion: "v1", name: "web-1", namespace: "default" };
      server.put({ metadata: { name: "e1", namespace: "default" }, involvedObject, reason: "Started" });
      await eventually("the event is delivered", 5_000, async () => {
        const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
        return /^petrel_events_delivered_total\{.*\} 1$/m.test(metrics) ? undefined : "it is not";
      });
      child.kill("SIGTERM");
      expect(await child.exited).toBe(0);
      expect(JSON.parse(await child.stdout.text())).toMatchObject({ reason: "Started" });
    } finally {
      child.kill("SIGKILL");
      await server.stop();
      rmSync(root, { recursive: true });
    }
  }, 30_000);
}
