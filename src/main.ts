/** argv → command → exit code. The only place that ends the process. */
import { dispatch } from "./cli/command.ts";
import { processIo } from "./cli/io.ts";

// Bun's fetch, unlike Go's client, asks the environment's proxy for loopback addresses, too.
const { HTTP_PROXY, HTTPS_PROXY, http_proxy, https_proxy, NO_PROXY, no_proxy } = process.env;
if (HTTP_PROXY || HTTPS_PROXY || http_proxy || https_proxy) {
  process.env.NO_PROXY = [NO_PROXY || no_proxy, "localhost", "127.0.0.1", "::1"].filter(Boolean).join(",");
}

const io = processIo((code) => process.exit(code));
process.exit(await dispatch(process.argv.slice(2), io));
