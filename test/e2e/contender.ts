/**
 * Petrel's part of an election in a process of its own, to be stopped and killed: `bun contender.ts KUBECONFIG NAMESPACE
 * NAME IDENTITY`. Tells what it becomes, and every 20 ms in which it leads, the time.
 */
import { createApiClient } from "../../src/kube/client.ts";
import { loadCredentials } from "../../src/kube/credentials.ts";
import { createElection } from "../../src/kube/lease.ts";
import { createLogger } from "../../src/logger.ts";
import { createMetrics } from "../../src/metrics.ts";

const [kubeconfig = "", namespace = "", name = "", identity = ""] = process.argv.slice(2);
const logger = createLogger({ level: "info", format: "json" });
const credentials = await loadCredentials({ kubeconfig, env: {}, logger });
const election = createElection({
  client: createApiClient(credentials, { userAgent: "petrel/test" }),
  namespace,
  name,
  identity,
  logger,
  metrics: createMetrics(),
  now: () => performance.now(),
  date: Date.now,
  random: Math.random,
  onLeading: ({ regained }) => console.log(regained ? "leads again" : "leads"),
  onLost: (reason) => console.log(`lost ${reason}`),
  onFollowing: (holder) => console.log(`sees ${holder}`),
});
const ticking = setInterval(() => {
  if (election.leads()) console.log(`at ${Date.now()}`);
}, 20);
const stop = new AbortController();
process.on("SIGTERM", async () => {
  clearInterval(ticking);
  console.log(`released ${await election.release(`from ${identity}`, stop.signal)}`);
  process.exit(0);
});
await election.run(stop.signal);
