import { CLAUSES } from "../clauses.ts";
import type { Fixture } from "../contract.ts";

export default {
  open: () => Promise.reject(new Error("standard output is the test runner's")),
  golden: "",
  about: {
    auth: "None.",
    permissions: "None.",
    limits: "whatever comes",
    order: "all",
    id: "none: a line is the event as it is, with uid and resourceVersion",
    retries: "a reader that is gone or too slow",
    tested: [{ local: "the process's own standard output" }],
  },
  gone: "unavailable",
  skip: Object.fromEntries(
    CLAUSES.map((clause) => [clause, "the process has one standard output: stdout.test.ts has a process for it"]),
  ),
} satisfies Fixture;
