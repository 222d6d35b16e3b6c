/** The servers that sinks/README.md says receivers were tested against are those that run. */
import { expect, test } from "bun:test";
import { SINK_NAMES } from "../../sinks/index.ts";
import type { About, Tested } from "../../src/docs.ts";
import { component } from "../testbed/component.ts";
import { describeReal } from "../testbed/suite.ts";

const fileName = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

const tested: Extract<Tested, { component: string }>[] = [];
for (const name of SINK_NAMES) {
  const { default: fixture }: { default: { about: About } } = await import(`../sinks/${fileName(name)}.ts`);
  for (const one of fixture.about.tested) if ("component" in one) tested.push(one);
}
const components = [...new Set(tested.map(({ component }) => component))];

describeReal("versions of the reference", components, () => {
  for (const name of components) {
    test(name, async () => {
      const { versions } = await component(name);
      for (const one of tested.filter(({ component }) => component === name))
        expect(`${one.server} ${versions[one.server]}`).toStartWith(`${one.server} ${one.version}`);
    }, 600_000);
  }
});
