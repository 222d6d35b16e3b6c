/** A file, one JSON line per event. */
import { defineSink } from "../src/sink.ts";
import { linesOf } from "../src/wire/line-output.ts";
import { rotatingFile } from "../src/wire/rotating-file.ts";

const MEGABYTE = 1024 * 1024;
const DEFAULT_MEGABYTES = 100;
const DAY_MS = 86_400_000;

export default defineSink({
  name: "file",
  title: "File",
  summary: "Appends each event as one line of JSON to a file, and puts the file aside when it has grown.",
  config: (field) =>
    field.object({
      path: field
        .text()
        .min(1)
        .describe("The file; its folder is made if need be. Devices and pipes are never rotated."),
      layout: field.layout().optional().describe("Fields to write instead of the whole event."),
      deDot: field.flag().default(false).describe("Replace dots in label and annotation keys by underscores."),
      maxsize: field.number().min(0).default(0).describe("Megabytes before the file is put aside; 0 stands for 100."),
      maxage: field.number().min(0).default(0).describe("Days that files put aside are kept; 0: for ever."),
      maxbackups: field.integer().min(0).default(0).describe("How many files put aside are kept; 0: all."),
    }),
  example: { path: "/var/log/petrel/events.json", maxsize: 50, maxbackups: 3 },
  batch: { count: 500, bytes: 256 * 1024 },
  carriesId: false,
  updates: "all",
  create({ path, layout, deDot, maxsize, maxage, maxbackups }, context) {
    const payload = context.payload({ layout, deDot });
    const lines = linesOf(payload);
    const file = rotatingFile({
      path,
      maxBytes: (maxsize || DEFAULT_MEGABYTES) * MEGABYTE,
      maxAgeMs: maxage * DAY_MS,
      maxBackups: maxbackups,
      now: Date.now,
    });
    const doing = `the write to ${path}`;
    return {
      render: (batch) => ({ body: batch.map((event) => `${payload(event)}\n`).join("") }),
      deliver(batch, signal) {
        const bytes = lines(batch);
        context.sent(bytes.length);
        return file.write(bytes, signal, doing);
      },
      check: async () => file.open(doing),
      async [Symbol.asyncDispose]() {
        file.close();
      },
    };
  },
});
