import { expect, test } from "bun:test";
import { parseConfig } from "../../src/config/load.ts";

test("an empty file is a config with the defaults", () => {
  const { config } = parseConfig("", { file: "c.yaml", env: {}, sinks: [] });
  expect(config).toMatchObject({ logLevel: "info", maxEventAgeSeconds: 5, kubeQPS: 5, kubeBurst: 10, cacheSize: 1024 });
  expect(config?.buffer).toEqual({ events: 10_000, bytes: 16_777_216 });
});
