/** argv → command → exit code. The only place that ends the process. */
import { dispatch } from "./cli/command.ts";
import { processIo } from "./cli/io.ts";

const io = processIo((code) => process.exit(code));
process.exit(await dispatch(process.argv.slice(2), io));
