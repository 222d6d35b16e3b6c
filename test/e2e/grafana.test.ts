/** The dashboard's queries and the alerts' expressions, asked of a real Prometheus that scrapes a Petrel with everything on. */
import { beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { component, type Running } from "../testbed/component.ts";
import { type Cluster, cluster } from "../testbed/kube-cluster.ts";
import { describeReal } from "../testbed/suite.ts";
import { eventually } from "./eventually.ts";
import { startExecutable } from "./executable.ts";

const DEPLOY = resolve(import.meta.dir, "../../deploy");

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets: readonly { readonly expr: string }[];
}
/** Of what goes wrong: a healthy Petrel has no such series yet. */
const EMPTY = new Set(["petrel_journal_errors_total"]);

describeReal("the dashboard", ["prometheus", "kube"], () => {
  let server: Running;
  let kube: Cluster;
  beforeAll(async () => {
    [server, kube] = await Promise.all([component("prometheus"), cluster()]);
  }, 300_000);

  async function query(expression: string): Promise<{ status: string; error?: string; data: { result: unknown[] } }> {
    const response = await fetch(`${server.env.URL}/api/v1/query?${new URLSearchParams({ query: expression })}`);
    return (await response.json()) as Awaited<ReturnType<typeof query>>;
  }

  test("every panel of it shows something of a Petrel that has met with everything, and every alert can be asked", async () => {
    const { panels }: { panels: Panel[] } = await Bun.file(join(DEPLOY, "grafana/petrel.json")).json();
    const alerts = Bun.YAML.parse(await Bun.file(join(DEPLOY, "alerts/petrel.yaml")).text()) as {
      groups: { rules: { alert: string; expr: string }[] }[];
    };
    const folder = mkdtempSync(join(tmpdir(), "petrel-grafana-"));
    const namespace = `grafana-${Date.now().toString(36)}`;
    await kube.api("POST", "/api/v1/namespaces", { metadata: { name: namespace } });
    const match = [{ receiver: "good" }, { receiver: "bad" }, { receiver: "quiet" }];
    const petrel = await startExecutable(
      folder,
      {
        namespaces: [namespace],
        leaderElection: { enabled: true, leaderElectionID: namespace },
        state: { path: "state" },
        route: { match },
        receivers: [
          { name: "good", stdout: {} },
          { name: "bad", webhook: { endpoint: "http://127.0.0.1:9" }, maxAge: "1s" },
          { name: "quiet", file: { path: "quiet" }, throttle: [{ by: ["reason"], rate: "1/h", burst: 1 }] },
        ],
      },
      kube.adminConfig,
    );
    try {
      const targets = [{ targets: [petrel.address], labels: { job: "petrel" } }];
      await Bun.write(server.env.TARGETS ?? "", JSON.stringify(targets));
      // What happens before the first scrape is no change to see.
      await eventually("the first scrape", 20_000, async () => {
        const { data } = await query('petrel_build_info{job="petrel"}');
        return data.result.length > 0 ? undefined : "none";
      });
      const involvedObject = { kind: "Namespace", apiVersion: "v1", name: namespace, namespace };
      const post = async (name: string) => {
        const now = new Date().toISOString();
        const times = { firstTimestamp: now, lastTimestamp: now };
        const body = { metadata: { name, namespace }, involvedObject, reason: "Drawn", type: "Normal", ...times };
        await kube.api("POST", `/api/v1/namespaces/${namespace}/events`, body);
      };
      for (let index = 0; index < 8; index++) {
        await post(`e${index}`);
        await Bun.sleep(500);
      }
      const filled = (expr: string) =>
        expr
          .replaceAll("$__rate_interval", "1m")
          .replaceAll(/"\$(job|receiver)"/g, (_, name) => (name === "job" ? `"petrel"` : `".*"`));
      for (const { title, targets } of panels) {
        for (const { expr } of targets) {
          await eventually(`${title}: ${expr}`, 20_000, async () => {
            const { status, error, data } = await query(filled(expr));
            if (status !== "success") throw new Error(`${error}`);
            const lacks =
              [...EMPTY].some((name) => expr.includes(name)) ||
              expr.includes("discarded") ||
              expr.includes("reconnects");
            return data.result.length > 0 || lacks ? undefined : "nothing to show";
          });
        }
      }
      const metrics = (await petrel.get("/metrics")).text;
      const known = new Set([...metrics.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name ?? ""));
      const asked = [
        ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
        ...alerts.groups.flatMap(({ rules }) => rules.map(({ expr }) => expr)),
      ];
      const names = new Set(asked.flatMap((expr) => expr.match(/\b(petrel|process)_\w+/g) ?? []));
      expect([...names].map((name) => name.replace(/_bucket$/, "")).filter((name) => !known.has(name))).toEqual([]);
      for (const expr of asked.map(filled)) expect((await query(expr)).status).toBe("success");
    } finally {
      await petrel.stop();
      await Bun.write(server.env.TARGETS ?? "", "[]");
      rmSync(folder, { recursive: true });
    }
  }, 120_000);

  test("its panels lie beside each other, each with a number of its own", async () => {
    const { panels }: { panels: Panel[] } = await Bun.file(join(DEPLOY, "grafana/petrel.json")).json();
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(Math.max(...panels.map(({ gridPos: { x, w } }) => x + w))).toBe(24);
  });
});
