/**
 * What the predecessor's receivers do wrong and the contract does not ask, because it takes two of them, or what was there
 * before.
 */
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pipe from "../../sinks/pipe.ts";
import webhook from "../../sinks/webhook.ts";
import { anEvent, refusalOf, tlsFile } from "../contract.ts";
import { dispose, makeSink, soon } from "../contract-subject.ts";
import fixture from "./webhook.ts";

test("receivers under way at once use each its own TLS settings, not those that were set last", async () => {
  const server = { cert: tlsFile("server.crt"), key: tlsFile("server.key") };
  await using to = await fixture.open(server);
  const careless = await makeSink(webhook, { ...to.config, tls: { insecureSkipVerify: true } }).sink;
  const careful = await makeSink(webhook, { ...to.config, tls: { caFile: tlsFile("other-ca.crt") } }).sink;
  const plain = await makeSink(webhook, to.config).sink;
  const rounds = 25;
  const outcome = await Promise.all(
    Array.from({ length: rounds }, async () => {
      const strict = [careful, plain].map((sink) => refusalOf(sink.deliver([anEvent()], soon())));
      await careless.deliver([anEvent()], soon());
      return (await Promise.all(strict)).map(({ reason }) => reason);
    }),
  );
  expect(outcome).toEqual(Array(rounds).fill(["network", "network"]));
  expect(await to.received(rounds)).toHaveLength(rounds);
  for (const sink of [careless, careful, plain]) await dispose(sink);
});

test("a file in the place of a pipe keeps what is in it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "petrel-pipe-"));
  const path = join(folder, "events");
  writeFileSync(path, "before\n");
  try {
    const sink = await makeSink(pipe, { path }).sink;
    await sink.deliver([anEvent()], soon());
    await dispose(sink);
    const [first, second = ""] = readFileSync(path, "utf8").split("\n");
    expect([first, JSON.parse(second).reason]).toEqual(["before", "BackOff"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
