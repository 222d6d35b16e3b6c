/**
 * Whether a sink's memory stays where it is over many deliveries: the sink in a process of its own, its destination, that
 * of the contract's fixture, in this one. `bun run soak sinks` delivers ten times as often as the tests.
 */

import { heapStats } from "bun:jsc";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { loadSinks } from "../sinks/index.ts";
import { anEvent, type Fixture } from "./contract.ts";
import { dispose, makeSink, soon } from "./contract-subject.ts";

/** Bytes: of JavaScript's heap, and of anonymous memory as the system counts it. */
export interface Sample {
  readonly heap: number;
  readonly anon: number;
}

export interface Flatness {
  /** After {@link WARM} deliveries, and after all. */
  readonly warm: Sample;
  readonly end: Sample;
  readonly deliveries: number;
}

/** Deliveries after which caches are full and code is compiled. */
export const WARM = 1_000;

/** Delivers events one by one, each with its own id, object and message; rejects with what the sink says. */
export async function measureFlat(name: string, fixture: Fixture, deliveries: number): Promise<Flatness> {
  const own = name === "stdout";
  const to = own ? undefined : await fixture.open();
  const child = Bun.spawn([process.execPath, import.meta.path, name, String(deliveries)], {
    stdin: new Blob([JSON.stringify(to?.config ?? {})]),
    // The sink may be standard output itself.
    stdout: own ? Bun.file("/dev/null") : "inherit",
    stderr: "pipe",
    timeout: 600_000,
  });
  try {
    const [said, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
    if (code !== 0) throw new Error(`${name} ended with ${code}: ${said.slice(-2_000)}`);
    return JSON.parse(said.trim().split("\n").at(-1) ?? "");
  } finally {
    await to?.[Symbol.asyncDispose]();
  }
}

function sample(): Sample {
  // Twice: what the first finds finalised, the second frees.
  Bun.gc(true);
  Bun.gc(true);
  const [, kilobytes] = /RssAnon:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return { heap: heapStats().heapSize, anon: Number(kilobytes) * 1024 };
}

async function deliverAll(name: string, deliveries: number): Promise<void> {
  let config = "";
  for await (const line of createInterface(process.stdin)) config += line;
  const [definition] = await loadSinks([name]);
  if (definition === undefined) throw new Error(`no sink ${name}`);
  const sink = await makeSink(definition, JSON.parse(config)).sink;
  let warm = sample();
  for (let n = 1; n <= deliveries; n++) {
    const uid = `uid-${n}`;
    const event = anEvent({
      ...{ id: `${uid}.${n}`, objectKey: `object-${n}`, message: `message ${n}` },
      metadata: { ...anEvent().metadata, uid, resourceVersion: String(n) },
    });
    await sink.deliver([event], soon(10_000));
    if (n === WARM) warm = sample();
  }
  const flatness: Flatness = { warm, end: sample(), deliveries };
  process.stderr.write(`${JSON.stringify(flatness)}\n`);
  await dispose(sink);
  process.exit(0);
}

if (import.meta.main) await deliverAll(process.argv[2] ?? "", Number(process.argv[3]));
