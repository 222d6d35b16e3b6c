/** Standard output, one JSON line per event. */
import { defineSink } from "../src/sink.ts";
import { type LineOutput, lineOutput, linesOf, nonBlocking } from "../src/wire/line-output.ts";

const STDOUT = 1;

export default defineSink({
  name: "stdout",
  title: "Standard output",
  summary: "Writes each event as one line of JSON to standard output, for a log collector to pick up.",
  config: (field) =>
    field.object({
      layout: field.layout().optional().describe("Fields to send instead of the whole event."),
      deDot: field.flag().default(false).describe("Replace dots in label and annotation keys by underscores."),
    }),
  example: { layout: { reason: "{{ .Reason }}", message: "{{ .Message }}" } },
  batch: { count: 500, bytes: 256 * 1024 },
  carriesId: false,
  updates: "all",
  create({ layout, deDot }, context) {
    const payload = context.payload({ layout, deDot });
    const lines = linesOf(payload);
    let output: LineOutput | undefined;
    return {
      render: (batch) => ({ body: batch.map((event) => `${payload(event)}\n`).join("") }),
      async deliver(batch, signal) {
        output ??= lineOutput(nonBlocking(STDOUT));
        const bytes = lines(batch);
        context.sent(bytes.length);
        await output.write(bytes, signal, "the write to standard output");
      },
      async [Symbol.asyncDispose]() {
        output?.close();
        output = undefined;
      },
    };
  },
});
