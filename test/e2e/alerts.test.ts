/** Alerts and the dashboard, judged by a real Prometheus. */
import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { component } from "../testbed/component.ts";
import { command } from "../testbed/place.ts";
import { describeReal } from "../testbed/suite.ts";

const ALERTS = resolve(import.meta.dir, "../../deploy/alerts");

describeReal("alerts", ["prometheus"], () => {
  test("promtool finds nothing wrong, and every alert fires when it should and not before", async () => {
    const { env } = await component("prometheus");
    const promtool = (...args: string[]) =>
      command([env.PROMTOOL ?? "promtool", ...args], { cwd: ALERTS, env: { LD_LIBRARY_PATH: env.LIBRARIES ?? "" } });
    expect(await promtool("check", "rules", "petrel.yaml")).toContain("SUCCESS");
    expect(await promtool("test", "rules", "petrel.test.yaml")).toContain("SUCCESS");
  }, 60_000);

  test("every alert is in a test", async () => {
    const names = (await Bun.file(`${ALERTS}/petrel.yaml`).text()).match(/(?<=alert: )\w+/g) ?? [];
    const tests = await Bun.file(`${ALERTS}/petrel.test.yaml`).text();
    expect(names.length).toBeGreaterThan(0);
    expect(names.filter((name) => !tests.includes(`"${name}"`))).toEqual([]);
  });
});
