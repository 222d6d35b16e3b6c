import { CLAUSES, type Fixture } from "../contract.ts";

export default {
  open: () => Promise.reject(new Error("standard output is the test runner's")),
  golden: "",
  gone: "unavailable",
  skip: Object.fromEntries(
    CLAUSES.map((clause) => [clause, "the process has one standard output: stdout.test.ts has a process for it"]),
  ),
} satisfies Fixture;
