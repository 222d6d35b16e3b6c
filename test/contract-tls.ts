/** The clauses of the contract about TLS: whom a sink trusts, and how it says who it is. */
import { expect } from "bun:test";
import { REASONS } from "../src/errors.ts";
import type { SinkDefinition } from "../src/sink.ts";
import type { TLS_CLAUSES } from "./clauses.ts";
import { anEvent, type Fixture, refusalOf, type ServerTls, tlsFile } from "./contract.ts";
import { dispose, makeSink, soon } from "./contract-subject.ts";

interface Case {
  readonly server: ServerTls;
  readonly settings: Readonly<Record<string, unknown>>;
  /** What it must not be taken for; absent: it is taken. */
  readonly refused?: true;
}

const own = { cert: tlsFile("server.crt"), key: tlsFile("server.key") };
const pair = (name: "expired" | "elsewhere") => ({ cert: tlsFile(`${name}.crt`), key: tlsFile(`${name}.key`) });
const trusted = { caFile: tlsFile("ca.crt") };
const careless = { caFile: tlsFile("careless-ca.crt") };
const client = { certFile: tlsFile("client.crt"), keyFile: tlsFile("client.key") };
const stranger = { certFile: tlsFile("other-client.crt"), keyFile: tlsFile("other-client.key") };

const CASES: Readonly<Record<(typeof TLS_CLAUSES)[number], readonly Case[]>> = {
  "own authority": [{ server: own, settings: trusted }],
  "unknown authority": [
    { server: own, settings: {}, refused: true },
    { server: own, settings: { caFile: tlsFile("other-ca.crt") }, refused: true },
    { server: own, settings: { insecureSkipVerify: true } },
  ],
  "wrong host": [
    { server: pair("elsewhere"), settings: careless, refused: true },
    { server: pair("elsewhere"), settings: { ...careless, serverName: "elsewhere.test" } },
  ],
  "expired certificate": [{ server: pair("expired"), settings: careless, refused: true }],
  "client certificate": [
    { server: { ...own, clients: tlsFile("ca.crt") }, settings: { ...trusted, ...client } },
    { server: { ...own, clients: tlsFile("ca.crt") }, settings: trusted, refused: true },
    { server: { ...own, clients: tlsFile("ca.crt") }, settings: { ...trusted, ...stranger }, refused: true },
  ],
};

/** Delivers one event to each server of the clause. */
export async function tlsClause(
  name: (typeof TLS_CLAUSES)[number],
  { definition, fixture }: { readonly definition: SinkDefinition; readonly fixture: Fixture },
): Promise<void> {
  for (const { server, settings, refused } of CASES[name]) {
    await using to = await fixture.open(server);
    const config = { ...to.config, ...(fixture.tls?.(settings) ?? { tls: settings }) };
    const sink = await makeSink(definition, config).sink;
    const work = sink.deliver([anEvent()], soon());
    if (refused) {
      const { reason, message } = await refusalOf(work);
      // A certificate may be mended while events wait; nothing was sent.
      expect([reason, REASONS[reason], message]).toEqual([reason, "retry", message]);
      expect(await to.received(0)).toHaveLength(0);
    } else {
      await work;
      expect(await to.received(1)).toHaveLength(1);
    }
    await dispose(sink);
  }
}
