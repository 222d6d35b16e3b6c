import { expect, test } from "bun:test";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "../..");
const GOLDEN = join(import.meta.dir, "../fixtures/demo-once.txt");

/** What differs between two runs: ports, times, sizes, and how often the pager was tried while it was down. */
const mask = (text: string): string =>
  text
    .replace(/127\.0\.0\.1:\d+/g, "127.0.0.1:PORT")
    .replace(/^ *\d+\.\ds /gm, "  #.#s ")
    .replace(/^(\S+ +\d+ +\d+) +(\d+) +(\d+)( +[\d.]+){3}$/gm, (_, counts, failed, retried) =>
      failed === "0" && retried === "0" ? `${counts}         0         0  TIMES` : `${counts}  TRIED  TIMES`,
    )
    .replace(/^(highest latency +)\S+/m, "$1#")
    .replace(/^(memory +)\d+/m, "$1#")
    .replace(/^(cpu +).*$/m, "$1#");

test("demo --once tells every story and proves that everything came, once", async () => {
  const child = Bun.spawn([process.execPath, "src/main.ts", "demo", "--once", "--plain", "--speed", "40"], {
    cwd: ROOT,
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  const text = mask(stdout);
  if (process.env.UPDATE_GOLDEN) await Bun.write(GOLDEN, text);
  expect(text).toBe(await Bun.file(GOLDEN).text());
  expect(stderr).toContain("delivery failed, will retry receiver=pager reason=unavailable");
  expect(code).toBe(0);
});

test("demo ends on a signal with what was written delivered", async () => {
  const child = Bun.spawn([process.execPath, "src/main.ts", "demo", "--speed", "20"], {
    cwd: ROOT,
    stdout: "pipe",
    stderr: "ignore",
  });
  const reader = child.stdout.getReader();
  const decoder = new TextDecoder();
  let text = "";
  while (!text.includes("Pulled")) text += decoder.decode((await reader.read()).value);
  child.kill("SIGTERM");
  for (let part = await reader.read(); !part.done; part = await reader.read()) text += decoder.decode(part.value);
  expect(await child.exited).toBe(0);
  expect(text).toMatch(/^lost +0$/m);
  expect(text).toEndWith("petrel run --kubeconfig ~/.kube/config -c petrel.yaml\n");
});
