/** The executable as a service of `Type=notify`, with a socket in systemd's place. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createApiServer } from "../../src/demo/api-server.ts";
import { unixDatagramServer } from "../wire/unix-datagram-server.ts";
import { eventually } from "./eventually.ts";
import { startExecutable } from "./executable.ts";

test("tells systemd of its start, of its life and of its stop", async () => {
  const folder = mkdtempSync(join(tmpdir(), "petrel-e2e-"));
  const api = await createApiServer();
  const kubeconfig = join(folder, "kubeconfig");
  await Bun.write(
    kubeconfig,
    JSON.stringify({
      "current-context": "x",
      clusters: [{ name: "x", cluster: { server: api.url } }],
      users: [{ name: "x", user: {} }],
      contexts: [{ name: "x", context: { cluster: "x", user: "x" } }],
    }),
  );
  const socket = join(folder, "notify");
  const server = unixDatagramServer(socket);
  const told: string[] = [];
  const tells = (state: string) =>
    eventually(state, 10_000, () => {
      for (let one = server.receive(); one !== undefined; one = server.receive()) told.push(one);
      return told.includes(state) ? undefined : `only ${told.join(", ")}`;
    });
  try {
    const config = { route: { routes: [{ match: [{ receiver: "out" }] }] }, receivers: [{ name: "out", stdout: {} }] };
    const env = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: "200000" };
    const petrel = await startExecutable(folder, config, kubeconfig, { env });
    await tells("READY=1");
    await tells("WATCHDOG=1");
    expect(await petrel.stop()).toBe(0);
    await tells("STOPPING=1");
    expect(told[0]).toBe("READY=1");
    expect(petrel.stderr()).not.toContain("systemd");
  } finally {
    server.close();
    await api.stop();
    rmSync(folder, { recursive: true });
  }
}, 60_000);
