/** What Prometheus' client libraries tell of a process, read when asked. */
import { readdirSync, readFileSync } from "node:fs";
import type { Metrics } from "./metrics.ts";

const MICROSECONDS = 1e6;

/** @see https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics */
export function registerProcessMetrics(
  metrics: Metrics,
  build: { readonly version: string; readonly revision: string },
): void {
  metrics.gauge("petrel_build_info", "The version of Petrel that runs; always 1.", {
    version: build.version,
    revision: build.revision,
    bun: Bun.version,
    os: process.platform,
    arch: process.arch,
  }).value = 1;
  metrics.read("gauge", "process_resident_memory_bytes", "Resident memory size in bytes.", () =>
    process.memoryUsage.rss(),
  );
  metrics.read(
    "gauge",
    "petrel_process_anonymous_memory_bytes",
    "Resident memory that belongs to this process alone, in bytes.",
    anonymousMemory,
  );
  metrics.read("counter", "process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / MICROSECONDS;
  });
  metrics.read(
    "gauge",
    "process_open_fds",
    "Number of open file descriptors.",
    () => readdirSync("/proc/self/fd").length,
  );
  metrics.read("gauge", "process_max_fds", "Maximum number of open file descriptors.", maxFds);
  metrics.gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.").value =
    Math.round(performance.timeOrigin) / 1_000;
}

/** @see proc_pid_status(5): RssAnon, in kB */
function anonymousMemory(): number {
  const kilobytes = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  return kilobytes === undefined ? Number.NaN : Number(kilobytes) * 1024;
}

function maxFds(): number {
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
  return soft === "unlimited" ? Number.POSITIVE_INFINITY : Number(soft ?? Number.NaN);
}
