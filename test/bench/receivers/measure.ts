/** What a process needs, from /proc. */
import { readFileSync } from "node:fs";

/** Megabytes, and seconds of CPU. */
export interface Usage {
  readonly rss: number;
  readonly anon: number;
  readonly peak: number;
  readonly cpuSeconds: number;
}

export function usage(pid: number): Usage {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? Number.NaN) / 1_024;
  const ticks = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return {
    rss: field("VmRSS"),
    anon: field("RssAnon"),
    peak: field("VmHWM"),
    cpuSeconds: (Number(ticks[11]) + Number(ticks[12])) / 100,
  };
}
