/** Every example of configs/ delivers an event: its receivers are led to ends that are here, the rest is as it is written. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createApiServer } from "../../src/demo/api-server.ts";
import { eventually } from "./eventually.ts";
import { startExecutable } from "./executable.ts";

const CONFIGS = resolve(import.meta.dir, "../../configs");
const folder = mkdtempSync(join(tmpdir(), "petrel-examples-"));
afterAll(() => rmSync(folder, { recursive: true }));

interface Written {
  readonly receivers: readonly Record<string, unknown>[];
  readonly sources?: readonly string[];
  readonly [key: string]: unknown;
}

/** Keys of a receiver that are the runtime's; the one that is left names its sink. */
const COMMON = new Set(
  "name batch concurrency timeout retry rateLimit maxAge updates deadLetter format mode friendly language dedup throttle".split(
    " ",
  ),
);

/** Keeps of each receiver its layout, its gates and its form; writes to a file instead. */
function ledHere(written: Written, place: string): Written {
  const { sources: _sources, http: _http, state: _state, deadLetter: _office, ...rest } = written;
  const receivers = written.receivers.map((receiver) => {
    const sink = Object.keys(receiver).find((key) => !COMMON.has(key)) ?? "";
    const settings = (receiver[sink] ?? {}) as Record<string, unknown>;
    const { [sink]: _sink, deadLetter: _letters, mode: _mode, batch: _batch, ...own } = receiver;
    const layout = settings.layout === undefined ? {} : { layout: settings.layout };
    // A file makes CloudEvents only if it is told, and one line of each event.
    if (own.friendly !== undefined)
      Object.assign(own, { format: "cloudevents" }, own.friendly === "withRaw" && { friendly: "only" });
    return { ...own, file: { path: join(place, `${receiver.name}.out`), ...layout } };
  });
  return { ...rest, receivers, shutdownTimeout: "3s" };
}

const names = readdirSync(CONFIGS).filter((name) => name.endsWith(".yaml") && name !== "reference.yaml");

test.each(names)(
  "%s",
  async (name) => {
    const place = join(folder, name);
    const written = Bun.YAML.parse(readFileSync(join(CONFIGS, name), "utf8")) as Written;
    const api = await createApiServer();
    const kubeconfig = join(folder, `${name}.kubeconfig`);
    await Bun.write(
      kubeconfig,
      JSON.stringify({
        "current-context": "x",
        clusters: [{ name: "x", cluster: { server: api.url } }],
        users: [{ name: "x", user: {} }],
        contexts: [{ name: "x", context: { cluster: "x", user: "x" } }],
      }),
    );
    await Bun.write(join(place, "begun"), "");
    const env = { POD_NAMESPACE: "shop", POD_NAME: "web-0", ALERTS_TOKEN: "t", API_KEY: "k" };
    const petrel = await startExecutable(place, ledHere(written, place), kubeconfig, { env });
    try {
      const involvedObject = { apiVersion: "v1", kind: "Pod", namespace: "shop", name: "web-0", uid: "u" };
      // Of a kind that disturbs people, so that rules for warnings match.
      const more = {
        involvedObject,
        type: "Warning",
        reason: "BackOff",
        message: "Back-off restarting failed container",
        count: 1,
      };
      api.put({ metadata: { name: "web-0.1", namespace: "shop" }, ...more });
      await eventually("a receiver has it", 10_000, async () =>
        (await petrel.metric("petrel_events_delivered_total")) > 0 ? undefined : petrel.stderr(),
      );
    } finally {
      expect(await petrel.stop()).toBe(0);
      await api.stop();
    }
    const out = readdirSync(place).filter((file) => file.endsWith(".out"));
    const text = out.map((file) => readFileSync(join(place, file), "utf8")).join("");
    expect(text).toContain("Back-off restarting failed container");
    expect(text).not.toContain("<no value>");
  },
  40_000,
);
