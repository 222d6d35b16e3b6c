/**
 * Asks until the answer is good.
 * @param ask returns undefined when all is well, else what is still missing; what it throws is missing, too.
 * @throws Error with the last answer when the deadline has passed.
 */
export async function eventually(
  what: string,
  deadlineMs: number,
  ask: () => string | undefined | Promise<string | undefined>,
): Promise<void> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    let missing: string | undefined;
    try {
      missing = await ask();
    } catch (error) {
      missing = String(error);
    }
    if (missing === undefined) return;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${deadlineMs / 1000} s: ${missing}`);
    await Bun.sleep(50);
  }
}
