/** What tests say of a run's verdict. */
import { expect } from "bun:test";
import type { Verdict } from "./oracle.ts";
import type { World } from "./world.ts";

/** Every obligation came; what repeats there are have a reason. Lines that tell what was wrong are the test's failure. */
export function expectKept(world: World, options: { readonly but?: readonly string[] } = {}): Verdict {
  const verdict = world.verdict();
  const told = verdict.receivers
    .filter(({ receiver }) => !options.but?.includes(receiver))
    .filter(({ missing }) => missing.length > 0)
    .map(({ receiver, missing, dropped }) => `${receiver} lacks ${missing.length}: ${JSON.stringify(dropped)}`);
  expect([
    ...verdict.faults.filter((text) => !options.but?.some((name) => text.startsWith(`${name}: `))),
    ...told,
  ]).toEqual([]);
  return verdict;
}

/** The same, and no repeat at all, whatever its reason. */
export function expectExactlyOnce(world: World): Verdict {
  const verdict = expectKept(world);
  const repeats = verdict.receivers.map(({ receiver, afterEnd, ambiguous }) => ({
    receiver,
    repeats: afterEnd + ambiguous,
  }));
  expect(repeats).toEqual(verdict.receivers.map(({ receiver }) => ({ receiver, repeats: 0 })));
  return verdict;
}

/** One line for a report. */
export function summary({ receivers, superseded }: Verdict): string {
  const texts = receivers.map(
    (one) =>
      `${one.receiver}: ${one.obligations} owed, ${one.missing.length} missing, ${one.afterEnd} repeated after an end, ${one.ambiguous} after a lost answer`,
  );
  return `${texts.join("; ")}; ${superseded} superseded in gaps`;
}
