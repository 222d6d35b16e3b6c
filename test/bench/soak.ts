/** `bun run soak NAME`: long runs against the real thing, whose findings become test cases. */
import { soakChaos } from "./soak-chaos.ts";
import { soakDoor } from "./soak-door.ts";
import { soakLink } from "./soak-link.ts";
import { soakList } from "./soak-list.ts";
import { soakSinks } from "./soak-sinks.ts";
import { soakTemplates } from "./soak-templates.ts";

const SOAKS: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = {
  chaos: soakChaos,
  door: soakDoor,
  link: soakLink,
  list: soakList,
  sinks: soakSinks,
  templates: soakTemplates,
};

const HELP = `bun run soak chaos [SCENARIO…] [--outage N] [--memory N] [--walk N] [--write]
    the executable (bun run build) under kills, restarts, hand-overs and outages: what is lost, what is repeated.
    --outage, --memory, --walk   minutes of these; default 10
    --write                      put the report into test/bench/soak-chaos.md
bun run soak link [--minutes N] [--rate N] [--journal N] [--write]
    a Petrel at the edge whose link is down for longer than its journal has room for: what is pushed out, what arrives, memory.
    --minutes   how long; default 25
    --rate      events a second; default 200
    --journal   its room in MiB; default 32
    --write     put the report into test/bench/soak-link.md
bun run soak list [--events N] [--write]
    memory of the executable that finds a million events at its start, all of them delivered.
    --events    how many; default 1,000,000
    --write     put the report into test/bench/soak-list.md
bun run soak door [KIND…] [--write]
    the executable while its port for events is misused: what each kind costs the watch, and memory.
    --write     put the report into test/bench/soak-door.md
bun run soak sinks [NAME…] [--count N] [--write]
    memory of each sink over many deliveries.
    --count     how many; default 50,000
    --write     put the report into test/bench/soak-sinks.md
bun run soak templates [--count N] [--seed N] [--write] [--findings FILE]
    random templates through Petrel and through real Go: equal output, or the same kind of error.
    --count     how many; default 100,000
    --seed      the same seed, the same templates; default 1
    --write     put the report into test/bench/soak-templates.md
    --findings  write what differs into a file, one JSON object a line`;

const [name, ...args] = process.argv.slice(2);
const soak = name === undefined ? undefined : SOAKS[name];
if (soak === undefined) {
  process.stderr.write(`${HELP}\n`);
  process.exit(name === "help" || name === "--help" ? 0 : 2);
}
process.exit(await soak(args));
