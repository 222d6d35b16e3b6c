/** A named pipe, one JSON line per event. */
import { defineSink } from "../src/sink.ts";
import { linesOf } from "../src/wire/line-output.ts";
import { rotatingFile } from "../src/wire/rotating-file.ts";

export default defineSink({
  name: "pipe",
  title: "Named pipe",
  summary: "Writes each event as one line of JSON to a named pipe, and waits while nobody reads it.",
  config: (field) =>
    field.object({
      path: field
        .text()
        .min(1)
        .describe("The pipe, as made by `mkfifo`. A file is made and appended to if there is none."),
      layout: field.layout().optional().describe("Fields to write instead of the whole event."),
      deDot: field.flag().default(false).describe("Replace dots in label and annotation keys by underscores."),
    }),
  example: { path: "/run/petrel/events" },
  batch: { count: 100 },
  carriesId: false,
  updates: "all",
  create({ path, layout, deDot }, context) {
    const payload = context.payload({ layout, deDot });
    const lines = linesOf(payload);
    const pipe = rotatingFile({ path, maxBytes: Number.POSITIVE_INFINITY, maxAgeMs: 0, maxBackups: 0, now: Date.now });
    const doing = `the write to ${path}`;
    return {
      render: (batch) => ({ body: batch.map((event) => `${payload(event)}\n`).join("") }),
      deliver(batch, signal) {
        const bytes = lines(batch);
        context.sent(bytes.length);
        return pipe.write(bytes, signal, doing);
      },
      check: async () => pipe.open(doing),
      async [Symbol.asyncDispose]() {
        pipe.close();
      },
    };
  },
});
