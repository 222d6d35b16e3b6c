/** `bun run soak link`: a Petrel at the edge whose link is down for longer than its journal has room for. */
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Outage, type OutageOptions, outage } from "../chaos/outage.ts";

const MEBIBYTE = 1024 * 1024;

export async function soakLink(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: "string", default: "25" },
      rate: { type: "string", default: "200" },
      journal: { type: "string", default: "32" },
      write: { type: "boolean", default: false },
    },
  });
  const [minutes, rate, journal] = [values.minutes, values.rate, values.journal].map((text) => {
    const value = Number(text);
    if (!(value > 0)) throw new Error(`want a number above 0, not ${text}`);
    return value;
  }) as [number, number, number];
  const options: OutageOptions = {
    seconds: minutes * 60,
    perSecond: rate,
    maxBytes: journal * MEBIBYTE,
    bytesPerSecond: 64 * 1024,
    settleMs: 20 * 60_000,
  };
  const seen = await outage(options);
  const text = page(options, seen, args);
  console.log(text);
  if (values.write) await Bun.write(join(import.meta.dir, "soak-link.md"), text);
  return seen.missing + seen.otherDrops + seen.repeated + seen.disorder === 0 ? 0 : 1;
}

function page(options: OutageOptions, seen: Outage, args: readonly string[]): string {
  const [cpu] = cpus();
  const number = (value: number) => value.toLocaleString("en", { maximumFractionDigits: 0 });
  const third = Math.ceil(seen.residentMb.length / 3);
  const means = [0, 1, 2].map((n) => {
    const part = seen.residentMb.slice(n * third, (n + 1) * third);
    return number(part.reduce((sum, one) => sum + one, 0) / part.length);
  });
  const perSecond = seen.linkBytes / seen.caughtUpSeconds / 1024;
  const rows: readonly (readonly [string, string])[] = [
    ["events written", number(seen.written)],
    ["pushed out of the journal, counted as `overflow`", number(seen.overflow)],
    ["delivered", number(seen.delivered)],
    ["neither", number(seen.missing)],
    ["delivered twice", number(seen.repeated)],
    ["delivered behind a later one of their object", number(seen.disorder)],
    ["of those delivered: in hand when the link went down, and so older than the journal", number(seen.inHand)],
    ["journal's file at its largest", `${(seen.journalBytes / MEBIBYTE).toFixed(1)} MiB`],
    ["resident while the journal is full, mean of each third", `${means.join(", ")} MB`],
    ["resident at most, while the journal is full and while catching up", maxima(seen)],
    ["caught up in", `${seen.caughtUpSeconds.toFixed(1)} s`],
    ["meanwhile over the link", `${number(seen.linkBytes / 1024)} KiB, ${perSecond.toFixed(1)} KiB/s`],
    ["the same as JSON", `${number(seen.jsonBytes / 1024)} KiB`],
  ];
  return `# A link that is down

\`bun run soak link${args.length > 0 ? ` ${args.join(" ")}` : ""}\` makes this page: the compiled executable at the edge and at the centre, with a relay between them
that is down for ${number(options.seconds)} s while ${number(options.perSecond)} events a second come. The edge has a journal of ${number(options.maxBytes / MEBIBYTE)} MiB, compresses,
and may use ${number(options.bytesPerSecond / 1024)} KiB/s. Machine: ${cpus().length} × ${cpu?.model ?? "?"}, Bun ${Bun.version}, with everything on the same cores, load average at the
end ${loadavg()
    .map((one) => one.toFixed(1))
    .join(", ")}.

| what | |
| --- | --- |
${rows.map(([what, value]) => `| ${what} | ${value} |`).join("\n")}
`;
}

function maxima({ residentMb, catchingUpMb }: Outage): string {
  return `${Math.max(0, ...residentMb).toFixed(0)}, ${catchingUpMb.toFixed(0)} MB`;
}
