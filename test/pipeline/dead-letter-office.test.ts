import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DeliveryError } from "../../src/errors.ts";
import type { Event } from "../../src/event.ts";
import { createLogger } from "../../src/logger.ts";
import { createDeadLetterOffice, type DeadLetterConfig } from "../../src/pipeline/dead-letter-office.ts";
import {
  createDeadLetters,
  type DeadLetters,
  MEMORY_LIMITS,
  type RefusedEvent,
} from "../../src/pipeline/dead-letters.ts";
import { eventually } from "../harness.ts";

const FOLDER = mkdtempSync(join(tmpdir(), "petrel-office-"));
afterAll(() => rmSync(FOLDER, { recursive: true }));

const logger = createLogger({ level: "disabled", format: "json" });
const refused = (name: string): RefusedEvent => ({
  receiver: "alerts",
  eventId: name,
  event: Buffer.from(JSON.stringify({ metadata: { name }, involvedObject: { kind: "Pod" } })),
  reason: "rejected",
  message: "HTTP 400",
  at: 1_000,
  attempts: 1,
});

type Answer = DeliveryError | undefined;

function anOffice(answer: (receiver: string, event: Event) => Promise<Answer> | undefined, letters?: DeadLetters) {
  const meters = { forgotten: { value: 0 }, unwritten: { value: 0 } };
  const store = letters ?? createDeadLetters({ ...MEMORY_LIMITS, forgotten: meters.forgotten });
  const sent: string[] = [];
  const office = createDeadLetterOffice({
    letters: store,
    logger,
    meters,
    normalise: { clusterName: "one" },
    redeliver(receiver, event) {
      sent.push(`${event.id} of ${event.clusterName} to ${receiver}`);
      return answer(receiver, event);
    },
    now: () => 2_000,
  });
  const take = (name: string, config?: DeadLetterConfig) => office.take(refused(name), config, logger);
  return { office, meters, sent, take };
}

describe("to another receiver", () => {
  test("what it takes is kept no longer", async () => {
    const { office, take, sent } = anOffice(() => Promise.resolve(undefined));
    take("a", { receiver: "archive" });
    take("b");
    await eventually("the letter to go", () => office.letters.count === 1);
    expect(sent).toEqual(["a of one to archive"]);
    expect(office.letters.list({ limit: 9 }).map(({ eventId }) => eventId)).toEqual(["b"]);
  });

  test("what it refuses as well is kept, with what it said", async () => {
    const { office, take } = anOffice(() => Promise.resolve(new DeliveryError("too_large", "HTTP 413")));
    take("a", { receiver: "archive" });
    await eventually("the answer", () => office.underWay === 0);
    expect(office.letters.list({ limit: 9 })).toMatchObject([
      { receiver: "alerts", reason: "too_large", message: "HTTP 413", at: 2_000, attempts: 2 },
    ]);
  });

  test("one that does not answer gets a thousand, and no more wait for it", () => {
    const { office, take, sent } = anOffice(() => new Promise(() => {}));
    for (let n = 0; n < 1_000; n++) take(`e${n}`, { receiver: "archive" });
    expect([office.underWay, office.letters.count]).toEqual([1_000, 1_000]);
    take("one too many", { receiver: "archive" });
    expect(sent).toHaveLength(1_000);
  });
});

describe("sent by hand", () => {
  test.each<[string, Promise<Answer> | undefined, string, number]>([
    ["delivered", Promise.resolve(undefined), "delivered", 0],
    ["refused", Promise.resolve(new DeliveryError("rejected", "no")), "refused", 1],
    ["the receiver stops", Promise.resolve(new DeliveryError("unavailable", "the receiver stops")), "waiting", 1],
    ["nobody is called so", undefined, "no-receiver", 1],
  ])("%s", async (_, answer, expected, left) => {
    const { office, take } = anOffice(() => answer);
    take("a");
    expect(await office.send(1)).toBe(expected as never);
    expect([office.letters.count, office.underWay]).toEqual([left, 0]);
  });

  test("one that is on its way is not sent twice", async () => {
    let done = (_: Answer): void => {};
    const { office, take, sent } = anOffice(
      () =>
        new Promise((resolve) => {
          done = resolve;
        }),
    );
    take("a");
    const first = office.send(1);
    expect(await office.send(1)).toBe("waiting");
    done(undefined);
    expect([await first, await office.send(1), sent.length]).toEqual(["delivered", "gone", 1]);
  });

  test("what is no event any more stays", async () => {
    const { office } = anOffice(() => Promise.resolve(undefined));
    office.take({ ...refused("a"), event: Buffer.from("{") }, undefined, logger);
    expect([await office.send(1), office.letters.count]).toEqual(["refused", 1]);
  });
});

describe("in a file", () => {
  test("each is a line, and is kept as well", async () => {
    const path = join(FOLDER, "new", "letters.json");
    const { office, take, meters } = anOffice(() => Promise.resolve(undefined));
    take("a", { file: path });
    take("b", { file: path });
    await office.stop();
    const lines = readFileSync(path, "utf8").trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { id: 1, receiver: "alerts", reason: "rejected", attempts: 1, eventId: "a", event: { metadata: { name: "a" } } },
      { id: 2, eventId: "b" },
    ]);
    expect([office.letters.count, meters.unwritten.value]).toEqual([2, 0]);
  });

  test("what cannot be written is counted", async () => {
    const path = join(FOLDER, "folder");
    mkdirSync(path);
    const { office, take, meters } = anOffice(() => Promise.resolve(undefined));
    take("a", { file: path });
    await office.stop();
    expect([office.letters.count, meters.unwritten.value]).toEqual([1, 1]);
  });
});

test("a store that fails costs the letter, and nothing else", async () => {
  const broken = createDeadLetters({ ...MEMORY_LIMITS, forgotten: { value: 0 } });
  const path = join(FOLDER, "broken.json");
  const { office, take, meters } = anOffice(() => Promise.resolve(undefined), {
    ...broken,
    add() {
      throw new Error("database or disk is full");
    },
  });
  take("a", { file: path, receiver: "archive" });
  await office.stop();
  expect(meters.forgotten.value).toBe(1);
  expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ eventId: "a" });
});
