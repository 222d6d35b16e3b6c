/** The contract's own destinations as far ends: strict fakes, files, sockets. */
import type { Destination, Fixture } from "../../contract.ts";
import { arrivedFrom } from "../../e2e/receivers.ts";
import { type End, ID_TEMPLATE, markedIds } from "./end.ts";

const fileName = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

export async function fixtureOf(name: string): Promise<Fixture> {
  const { default: fixture }: { default: Fixture } = await import(`../../sinks/${fileName(name)}.ts`);
  return fixture;
}

/** Settings by which the id is in what arrives, and none that only the tests' templates know. */
const SETTINGS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  grafana: { title: "{{ .Reason }}", text: ID_TEMPLATE, region: false },
  opsgenie: { message: ID_TEMPLATE, alias: "{{ .UID }}.{{ .ResourceVersion }}" },
  slack: { message: ID_TEMPLATE },
  teams: { text: ID_TEMPLATE },
};
/** Of the receiver: what would make a short run wait for its end. */
const RECEIVER: Readonly<Record<string, Readonly<Record<string, unknown>>>> = { s3: { batch: { linger: "1s" } } };

function idsIn(name: string, fixture: Fixture, texts: readonly string[]): string[] {
  if (Object.hasOwn(SETTINGS, name)) return markedIds(texts);
  return texts.map((text) => arrivedFrom(fixture.json?.(text) ?? text).id);
}

/** What waits long enough for what is on its way. */
async function received(to: Destination, count: number): Promise<readonly string[]> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    try {
      return await to.received(count);
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}

/** @param batch of the receiver, when it is to be another than the sink's own. */
export async function fakeEnd(name: string, batch?: Readonly<Record<string, unknown>>): Promise<End> {
  const fixture = await fixtureOf(name);
  const to = await fixture.open();
  const carriesId = fixture.skip["idempotent id"] === undefined && !fixture.about.id.startsWith("none");
  return {
    name,
    server: "a strict fake",
    receiver: { ...RECEIVER[name], ...(batch && { batch }), [name]: { ...to.config, ...SETTINGS[name] } },
    async ids(count) {
      const texts = await received(to, count);
      return carriesId && to.ids ? to.ids() : idsIn(name, fixture, texts);
    },
    ...(to.deliveries && { requests: () => to.deliveries?.().length ?? 0 }),
    close: async () => to[Symbol.asyncDispose](),
  };
}
