import { expect, test } from "bun:test";
import { HOSTILE } from "../contract.ts";
import { GOLDEN_LINE } from "./lines.ts";

const ROOT = `${import.meta.dir}/../..`;

/** Runs `body` in a process that has the sink; returns what it wrote. */
async function inChild(body: string) {
  const program = `
    import stdout from "${ROOT}/sinks/stdout.ts";
    import { fields } from "${ROOT}/src/config/fields.ts";
    import { createSinkContext } from "${ROOT}/src/pipeline/context.ts";
    import { anEvent, compileSimple, recordingLogger, HOSTILE } from "${ROOT}/test/contract.ts";
    const { logger } = recordingLogger();
    const context = createSinkContext({ receiver: "r", logger, compat: false, compileTemplate: compileSimple, env: {} });
    const open = (settings) => stdout.create(stdout.config(fields).parse(settings), context);
    const soon = () => AbortSignal.timeout(2_000);
    ${body}
  `;
  // The shell makes a real pipe, which is what containers have.
  const shell = ["sh", "-c", '"$0" -e "$1" | cat', process.execPath, program];
  const child = Bun.spawn(shell, { stdout: "pipe", stderr: "pipe" });
  const [out, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  expect(errors).toBe("");
  return out;
}

test("stdout writes what the exporter writes, a batch at once, and after being opened again", async () => {
  const out = await inChild(`
    const sink = await open({});
    await sink.deliver([anEvent()], soon());
    await sink.deliver([anEvent(), anEvent()], soon());
    await sink[Symbol.asyncDispose]();
    await sink[Symbol.asyncDispose]();
    const again = await open({ layout: { r: "{{ .Reason }}" } });
    await again.deliver([anEvent()], soon());
    if (again.render([anEvent()]).body !== '{"r":"BackOff"}\\n') throw new Error("rendered otherwise");
  `);
  expect(out).toBe(`${GOLDEN_LINE.repeat(3)}{"r":"BackOff"}\n`);
});

test("stdout writes one valid line for each hostile event", async () => {
  const out = await inChild(`
    const sink = await open({});
    await sink.deliver(HOSTILE, soon());
    const refused = await sink.deliver([anEvent()], AbortSignal.abort()).catch((error) => error.reason);
    if (refused !== "timeout") throw new Error("an aborted delivery was made");
  `);
  const lines = out.trimEnd().split("\n");
  expect(lines.map((line) => typeof JSON.parse(line))).toEqual(Array(HOSTILE.length).fill("object"));
});
