/** Events by standard input, from the tool that everybody has: no rights of Petrel's own, and no cluster for it. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cluster } from "../testbed/kube-cluster.ts";
import { describeReal } from "../testbed/suite.ts";
import { eventually } from "./eventually.ts";
import { EXECUTABLE } from "./executable.ts";

describeReal("kubectl get events --watch | petrel run", ["kube"], () => {
  test("each event comes through, one without any time too, and the end of the pipe is the end", async () => {
    const kube = await cluster();
    const folder = mkdtempSync(join(tmpdir(), "petrel-stdin-"));
    const ns = `stdin-${Date.now().toString(36)}`;
    await kube.api("POST", "/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: ns } });
    await Bun.write(
      join(folder, "petrel.yaml"),
      JSON.stringify({
        sources: ["stdin"],
        logDeliveries: true,
        logFormat: "json",
        route: { match: [{ receiver: "out" }] },
        receivers: [{ name: "out", stdout: {} }],
      }),
    );
    const watching = Bun.spawn(
      [kube.running.env.KUBECTL ?? "kubectl", ...["get", "events", "-n", ns, "--watch", "-o", "json"]],
      {
        cwd: folder,
        env: { KUBECONFIG: kube.adminConfig, HOME: folder },
        stdin: "ignore",
        stdout: "pipe",
        stderr: "ignore",
      },
    );
    const petrel = Bun.spawn(
      [
        EXECUTABLE,
        "run",
        "-c",
        join(folder, "petrel.yaml"),
        "--metrics-address",
        "127.0.0.1:0",
        "--admin-address",
        "off",
      ],
      {
        cwd: folder,
        env: { PATH: process.env.PATH },
        stdin: watching.stdout,
        stdout: "pipe",
        stderr: "pipe",
      },
    );
    const words = new Response(petrel.stderr).text();
    let output = "";
    const reading = (async () => {
      for await (const chunk of petrel.stdout) output += Buffer.from(chunk).toString();
    })();
    try {
      // As the documented smoke test of one predecessor has it: neither first nor last timestamp, nor eventTime.
      for (const name of ["one", "two"]) {
        await kube.api("POST", `/api/v1/namespaces/${ns}/events`, {
          apiVersion: "v1",
          kind: "Event",
          metadata: { name, namespace: ns },
          involvedObject: { kind: "Pod", namespace: ns, name: "web-0" },
          reason: "SmokeTest",
          message: name,
          type: "Normal",
        });
      }
      const messages = () =>
        output.split("\n").flatMap((line) => (line === "" ? [] : [(JSON.parse(line) as { message: string }).message]));
      await eventually("both", 20_000, () => (messages().length === 2 ? undefined : `${output}`));
      watching.kill();
      expect(await petrel.exited).toBe(0);
      await reading;
      expect(messages()).toEqual(["one", "two"]);
      const told = (await words).split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)]));
      expect(told.filter(({ message }) => message === "delivered")).toMatchObject([
        { receiver: "out", reason: "SmokeTest", namespace: ns, object: "Pod/web-0" },
        { receiver: "out", reason: "SmokeTest" },
      ]);
    } finally {
      watching.kill();
      petrel.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    }
  }, 120_000);
});
