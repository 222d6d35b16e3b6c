/** `bun run check`: format, lint, types, generated files and unit tests, all at once. */
import { bunTest, close, part, staticParts, testFiles } from "./parts.ts";

const parts = await Promise.all([
  ...staticParts(),
  part("unit tests", () => bunTest(testFiles("unit"), { timeoutMs: 5_000, quiet: true })),
]);
process.exit(close(parts));
