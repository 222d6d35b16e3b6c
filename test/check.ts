/** `bun run check`: format, lint, types, generated files and unit tests, all at once. */
import { bunTest, closing, part, staticParts, testFiles } from "./parts.ts";

const parts = await Promise.all([
  ...staticParts(),
  part("unit tests", () =>
    bunTest(testFiles("unit"), {
      timeoutMs: 10_000,
      quiet: true,
      parallel: true,
      env: { PETREL_FUZZ_SECONDS: "1" },
    }),
  ),
]);
const { text, code } = closing(parts);
console.log(text);
process.exit(code);
