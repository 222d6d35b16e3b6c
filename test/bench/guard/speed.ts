/**
 * A process of its own: how many events a second of CPU brings from the bytes of a watch to the bytes of a sink, in units
 * of what the same machine does at the same moment: JSON texts of these bytes that a second of CPU parses and writes.
 * Prints it on stderr; stdout is the sink's.
 */
import { nextEvent, startInMemory, watched } from "./in-memory.ts";

/** Events at a time, Petrel's and the yardstick's in turn. */
const SLICE = 1_000;
/** Until the code is compiled; not measured. */
const WARM = 30;
const SLICES = 80;

const CONFIG = `
omitLookup: true
route:
  drop:
    - {namespace: "^kube-system$"}
    - {reason: "^(Pulling|Pulled)$", type: Normal}
  match:
    - {type: "Warning|Normal", receiver: r}
receivers:
  - name: r
    stdout:
      layout:
        message: "{{ .Message }}"
        reason: "{{ .Reason }}"
        type: "{{ .Type }}"
        count: "{{ .Count }}"
        kind: "{{ .InvolvedObject.Kind }}"
        name: "{{ .InvolvedObject.Name }}"
        namespace: "{{ .Namespace }}"
        component: "{{ .Source.Component }}"
        host: "{{ .Source.Host }}"
`;

/** Of all threads. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Percent of work on top of Petrel's own, to show that the guard sees it. */
const extra = Number(process.env.GUARD_EXTRA_PERCENT ?? 0);
const progress = { delivered: 0, wanted: 0, tell: () => {} };
const petrel = await startInMemory(CONFIG, (events) => {
  progress.delivered += events;
  if (progress.delivered >= progress.wanted) progress.tell();
});
const spent = { petrel: 0, yardstick: 0 };
let written = 0;
for (let slice = -WARM; slice < SLICES; slice++) {
  const chunks = watched(SLICE);
  const texts = Array.from({ length: SLICE }, () => Buffer.from(nextEvent()));
  progress.wanted += SLICE;
  const done = new Promise<void>((resolve) => {
    progress.tell = resolve;
  });
  const begin = cpuSeconds();
  await petrel.say(chunks);
  await done;
  const until = begin + (cpuSeconds() - begin) * (1 + extra / 100);
  while (cpuSeconds() < until) written++;
  const middle = cpuSeconds();
  for (const text of texts) written += JSON.stringify(JSON.parse(text.toString())).length;
  const end = cpuSeconds();
  if (slice < 0) continue;
  spent.petrel += middle - begin;
  spent.yardstick += end - middle;
}
if (written === 0) throw new Error("nothing was written");
process.stderr.write(`${JSON.stringify(spent.yardstick / spent.petrel)}\n`);
process.exit(0);
