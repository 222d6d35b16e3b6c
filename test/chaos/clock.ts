/** A wall clock that jumps, for one process: a few lines of C in front of the C library's. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const SOURCE = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

static volatile long *offset;
static int (*real_clock)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void) {
  real_clock = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  const char *path = getenv("PETREL_CHAOS_CLOCK");
  int file = path ? open(path, O_RDONLY) : -1;
  void *map = file < 0 ? MAP_FAILED : mmap(0, sizeof(long), PROT_READ, MAP_SHARED, file, 0);
  if (map != MAP_FAILED) offset = map;
}

int clock_gettime(clockid_t id, struct timespec *at) {
  if (!real_clock) begin();
  int result = real_clock(id, at);
  if (offset && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) at->tv_sec += *offset;
  return result;
}
int gettimeofday(struct timeval *restrict at, void *restrict zone) {
  struct timespec now;
  int result = clock_gettime(CLOCK_REALTIME, &now);
  at->tv_sec = now.tv_sec;
  at->tv_usec = now.tv_nsec / 1000;
  return result;
}
time_t time(time_t *at) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (at) *at = now.tv_sec;
  return now.tv_sec;
}
`;

export interface JumpingClock {
  readonly env: Readonly<Record<string, string>>;
  /** The wall clock of processes with this environment is so far off. */
  jump(seconds: number): void;
}

/** Why there can be none; undefined: there can. */
export function cannotJump(): string | undefined {
  if (process.platform !== "linux") return "only Linux' loader puts a library in front of others so";
  return Bun.which("cc") ? undefined : "cc is missing";
}

/** `folder`: must be there. */
export function jumpingClock(folder: string): JumpingClock {
  const library = join(folder, "clock.so");
  const file = join(folder, "clock");
  const jump = (seconds: number): void =>
    writeFileSync(file, Buffer.from(new BigInt64Array([BigInt(seconds)]).buffer), {
      flag: existsSync(file) ? "r+" : "w",
    });
  jump(0);
  const built = Bun.spawnSync(["cc", "-shared", "-fPIC", "-O1", "-o", library, "-x", "c", "-", "-ldl"], {
    stdin: Buffer.from(SOURCE),
    stderr: "pipe",
  });
  if (built.exitCode !== 0) throw new Error(`cc: ${built.stderr.toString()}`);
  return { env: { LD_PRELOAD: library, PETREL_CHAOS_CLOCK: file }, jump };
}
