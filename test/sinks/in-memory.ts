import { received } from "../../sinks/in-memory.ts";
import type { Fixture } from "../contract.ts";
import { IN_MEMORY } from "./about.ts";

export default {
  open: async () => ({
    config: { ref: "contract" },
    behave: async () => {},
    received: async () => (received.get("contract") ?? []).map((event) => event.id),
    ids: () => (received.get("contract") ?? []).map((event) => event.id),
    async [Symbol.asyncDispose]() {
      received.delete("contract");
    },
  }),
  golden: "ba30f343-3351.101",
  json: () => "{}",
  about: {
    auth: "None.",
    permissions: "None.",
    limits: "whatever comes",
    order: "all",
    id: "the event itself",
    retries: "none: memory takes everything",
    tested: [{ local: "the process's own memory" }],
  },
  gone: "internal",
  skip: IN_MEMORY,
} satisfies Fixture;
