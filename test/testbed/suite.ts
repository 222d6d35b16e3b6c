import { afterAll, describe, test } from "bun:test";
import { available, endOwn } from "./component.ts";

/**
 * A suite that needs real components. Without PETREL_REAL=1 it is one skipped test that says why;
 * with it, a component that cannot be had is a failure.
 */
export function describeReal(title: string, components: readonly string[], body: () => void): void {
  const reasons = components.map((name) => ({ name, reason: available(name) })).filter(({ reason }) => reason);
  if (reasons.length === 0) {
    describe(title, body);
    // Under `bun test` no "exit" event comes.
    afterAll(endOwn);
    return;
  }
  const why = [...new Set(reasons.map(({ reason }) => reason))].join("; ");
  if (process.env.PETREL_REAL === "1") {
    test(title, () => {
      throw new Error(`${reasons.map(({ name }) => name).join(", ")}: ${why}`);
    });
  } else {
    test.skip(`${title} (${components.join(", ")}: ${why})`, () => {});
  }
}
