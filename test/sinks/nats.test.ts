import { afterEach, describe, expect, test } from "bun:test";
import nats from "../../sinks/nats.ts";
import { fields } from "../../src/config/fields.ts";
import type { Event } from "../../src/event.ts";
import { createSinkContext } from "../../src/pipeline/context.ts";
import type { Batch, Sink } from "../../src/sink.ts";
import { anEvent, compileSimple, recordingLogger, refusalOf, refusalText, tlsFile, until } from "../contract.ts";
import { errorAnswer, type FakeNats, fakeNats, type Published, STORED } from "./nats.ts";

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

async function create(settings: object) {
  const { logger } = recordingLogger();
  const options = { receiver: "r", logger, compat: false, compileTemplate: compileSimple, env: {} };
  const config = nats.config(fields).parse({ subject: "events.{{ .Reason }}", layout: { a: "b" }, ...settings });
  const sink = await nats.create(config, createSinkContext(options));
  open.push(() => sink[Symbol.asyncDispose]?.());
  return sink;
}

async function setUp(settings: object = {}, fake: Partial<FakeNats> = {}) {
  const came: Published[] = [];
  const hellos: Readonly<Record<string, unknown>>[] = [];
  const server = await fakeNats({
    ...fake,
    connect(options) {
      hellos.push(options);
      return fake.connect?.(options);
    },
    publish(message) {
      came.push(message);
      return fake.publish ? fake.publish(message) : STORED;
    },
  });
  open.push(server.stop);
  const sink = await create({ servers: `127.0.0.1:${server.port}`, ...settings });
  return { sink, came, hellos, server };
}

const soon = (ms = 2_000) => AbortSignal.timeout(ms);
const deliver = (sink: Sink, ...events: Partial<Event>[]) =>
  sink.deliver(events.map((change, index) => anEvent({ id: `id${index}`, ...change })) as unknown as Batch, soon());

describe("what is sent", () => {
  const rows: readonly [string, object, Partial<Event>, Partial<Published>][] = [
    [
      "the event and its id",
      {},
      {},
      { subject: "events.BackOff", headers: { "Nats-Msg-Id": "id0" }, text: '{"a":"b"}' },
    ],
    ["a subject that is none", { subject: "events" }, {}, { subject: "events" }],
    ["dots, spaces and wildcards of an event", {}, { reason: "a.b *\n>c" }, { subject: "events.a_b____c" }],
    ["what would be a token of its own", { subject: "{{ .Reason }}.x" }, { reason: "\u001f.>" }, { subject: "___.x" }],
    ["a token with nothing in it", { subject: "a.{{ .Reason }}.b" }, { reason: "" }, { subject: "a._.b" }],
    ["letters of any script", {}, { reason: "日本" }, { subject: "events.日本" }],
    [
      "headers, one line each",
      { headers: { "X-Reason": "{{ .Reason }}" } },
      { reason: "a\r\nX-Injected: 1" },
      { headers: { "Nats-Msg-Id": "id0", "X-Reason": "a  X-Injected: 1" } },
    ],
    [
      "an id of the author's",
      { headers: { "Nats-Msg-Id": "{{ .Reason }}-1" } },
      {},
      { headers: { "Nats-Msg-Id": "BackOff-1" } },
    ],
    ["an id with line breaks", {}, { id: "a\r\nb" }, { headers: { "Nats-Msg-Id": "a__b" } }],
  ];
  for (const [name, settings, change, expected] of rows) {
    test(name, async () => {
      const { sink, came } = await setUp(settings);
      await deliver(sink, change);
      expect(came).toEqual([expect.objectContaining(expected)]);
      expect(came[0]?.reply).toMatch(/^_INBOX\.[0-9a-f]{24}\.1$/);
    });
  }

  test("core NATS is asked for no answer but that of the server", async () => {
    const { sink, came } = await setUp({ jetstream: false });
    await deliver(sink, {}, { reason: "Other" });
    expect(came.map(({ subject, reply }) => [subject, reply])).toEqual([
      ["events.BackOff", ""],
      ["events.Other", ""],
    ]);
  });
});

describe("what a stream answers", () => {
  const rows: readonly [string, string][] = [
    [errorAnswer(503, 10077, "maximum messages exceeded"), "unavailable"],
    [errorAnswer(503, 10008, "JetStream system temporarily unavailable"), "unavailable"],
    [errorAnswer(503, 10023, "insufficient resources"), "unavailable"],
    [errorAnswer(500, 10009, "JetStream cluster can not handle request"), "unavailable"],
    [errorAnswer(409, 10158, "duplicate message id is in process"), "unavailable"],
    [errorAnswer(429, 10167, "too many requests"), "throttled"],
    [errorAnswer(400, 10054, "message size exceeds maximum allowed"), "too_large"],
    [errorAnswer(400, 10097, "header size exceeds maximum allowed of 64k"), "too_large"],
    [errorAnswer(400, 10165, "invalid per-message TTL"), "rejected"],
    [errorAnswer(400, 10002, "resource limits exceeded for account"), "quota"],
    [errorAnswer(500, 10047, "insufficient storage resources available"), "quota"],
    [errorAnswer(503, 10076, "JetStream not enabled"), "not_found"],
    [errorAnswer(503, 10039, "JetStream not enabled for account"), "not_found"],
    [errorAnswer(400, 10109, "invalid operation on sealed stream"), "not_found"],
    ["thank you", "not_found"],
    ["null", "not_found"],
    // For long it means that there is no stream; e2e/nats.test.ts waits for that.
    ["503", "unavailable"],
  ];
  for (const [answer, reason] of rows) {
    test(`${answer.slice(0, 60)} is ${reason}`, async () => {
      const { sink } = await setUp({}, { publish: () => answer });
      expect((await refusalOf(deliver(sink, {}))).reason as string).toBe(reason);
    });
  }

  test("a duplicate is as good as stored", async () => {
    const { sink, came } = await setUp({}, { publish: () => '{"stream":"EVENTS","seq":3,"duplicate":true}' });
    await deliver(sink, {});
    expect(came).toHaveLength(1);
  });

  test("exactly the events that failed are named, whatever the order of the answers", async () => {
    const { sink, came } = await setUp(
      {},
      { publish: ({ subject }) => (subject.endsWith(".Bad") ? errorAnswer(503, 10077, "full") : STORED) },
    );
    const { refused } = await refusalOf(deliver(sink, {}, { reason: "Bad" }, {}, { reason: "Bad" }));
    expect(refused?.map(({ index, reason }) => [index, reason])).toEqual([
      [1, "unavailable"],
      [3, "unavailable"],
    ]);
    expect(came).toHaveLength(4);
  });

  test("what was answered before the connection broke is settled", async () => {
    let cut = () => {};
    const { sink, server } = await setUp(
      {},
      {
        publish: ({ subject }) => {
          if (subject.endsWith(".Last")) setTimeout(() => cut(), 20);
          return subject.endsWith(".Last") ? undefined : STORED;
        },
      },
    );
    cut = server.cut;
    const { refused } = await refusalOf(deliver(sink, {}, { reason: "Last" }, {}));
    expect(refused?.map(({ index, reason }) => [index, reason])).toEqual([[1, "network"]]);
  });
});

describe("what a server refuses", () => {
  const denied = (subject: string) => `-ERR 'Permissions Violation for Publish to "${subject}"'`;

  for (const jetstream of [true, false]) {
    test(`a subject that may not be published on, at once and by name${jetstream ? "" : ", without a stream"}`, async () => {
      const publish = ({ subject }: Published) => (subject.endsWith(".Bad") ? denied(subject) : STORED);
      const { sink, came } = await setUp({ jetstream }, { publish });
      const { refused } = await refusalOf(deliver(sink, {}, { reason: "Bad" }, {}));
      expect(refused).toEqual([
        { index: 1, reason: "unauthorized", message: expect.stringContaining("Permissions Violation") },
      ]);
      // The connection goes on.
      await deliver(sink, {});
      expect(came).toHaveLength(4);
    });
  }

  test("each message by itself: a refusal that is still to come is no other delivery's", async () => {
    let refusals = 0;
    const publish = ({ subject }: Published) => (refusals++ === 0 ? denied(subject) : undefined);
    const { sink } = await setUp({}, { publish });
    const { refused } = await refusalOf(sink.deliver([anEvent(), anEvent()], soon(100)));
    expect(refused?.map(({ index, reason }) => [index, reason])).toEqual([
      [0, "unauthorized"],
      [1, "timeout"],
    ]);
  });

  test("a subject that is written otherwise in the refusal", async () => {
    const { sink } = await setUp({}, { publish: () => denied("a\\u200bb") });
    expect((await refusalOf(deliver(sink, { reason: "a\u200bb" }))).reason).toBe("unauthorized");
  });

  const texts: readonly [string, string][] = [
    ["-ERR 'Authorization Violation'", "unauthorized"],
    ["-ERR 'User Authentication Expired'", "unauthorized"],
    ["-ERR 'User Authentication Revoked'", "unauthorized"],
    ["-ERR 'Permissions Violation for Subscription to \"_INBOX.x.*\"'", "unauthorized"],
    ["-ERR 'maximum connections exceeded'", "unavailable"],
    ["-ERR 'maximum account active connections exceeded'", "unavailable"],
    ["-ERR 'Stale Connection'", "network"],
  ];
  for (const [text, reason] of texts) {
    test(`a connection: ${text}`, async () => {
      const { sink } = await setUp({}, { connect: () => text });
      const error = await refusalOf(deliver(sink, {}));
      expect([error.reason as string, error.message]).toEqual([reason, expect.stringContaining(text.slice(6, -1))]);
    });
  }

  test("an event larger than the server said it takes is not sent, and the others are", async () => {
    const { sink, came } = await setUp(
      { layout: { message: "{{ .Message }}" }, subject: "events" },
      { info: { max_payload: 1_000 } },
    );
    const { refused } = await refusalOf(deliver(sink, {}, { message: "x".repeat(1_000) }, {}));
    expect(refused).toEqual([{ index: 1, reason: "too_large", message: expect.stringMatching(/\d+ bytes.*1000/) }]);
    expect(came.map(({ headers }) => headers["Nats-Msg-Id"])).toEqual(["id0", "id2"]);
  });

  test("a subject longer than a line of the protocol is not sent", async () => {
    const { sink, came } = await setUp();
    expect(await refusalText(deliver(sink, { reason: "x".repeat(4_000) }))).toStartWith("rejected: the subject has");
    expect(came).toEqual([]);
  });
});

describe("connections", () => {
  test("one that broke is replaced", async () => {
    const { sink, came, hellos, server } = await setUp();
    await deliver(sink, {});
    server.cut();
    // The loss may be noticed before the next delivery or by it.
    await deliver(sink, {}).catch(() => {});
    await deliver(sink, {});
    await until(() => came.length >= 2, "the second came");
    expect(hellos.length).toBeGreaterThan(1);
  });

  test("one that is given up in mid-delivery is closed, and none is opened for nobody", async () => {
    let silent = true;
    const { sink, hellos, came } = await setUp({}, { publish: () => (silent ? undefined : STORED) });
    const { reason } = await refusalOf(sink.deliver([anEvent()], soon(50)));
    expect(reason).toBe("timeout");
    expect(hellos).toHaveLength(1);
    silent = false;
    await deliver(sink, {});
    expect([hellos.length, came.length]).toEqual([2, 2]);
  });

  test("the next server is asked when one is gone, says no, or says nothing", async () => {
    const gone = await fakeNats({ publish: () => STORED });
    gone.stop();
    const silent = await fakeNats({ publish: () => STORED, silent: () => true });
    const full = await fakeNats({ publish: () => STORED, connect: () => "-ERR 'maximum connections exceeded'" });
    const good = await fakeNats({ publish: () => STORED });
    open.push(silent.stop, full.stop, good.stop);
    const at = ({ port }: { port: number }) => `nats://127.0.0.1:${port}`;
    for (let n = 0; n < 4; n++) await deliver(await create({ servers: [gone, full, good].map(at) }), {});
    // Whichever is asked first: at the second time it is the other.
    const sink = await create({ servers: [silent, good].map(at) });
    const results = [];
    for (let n = 0; n < 2; n++)
      results.push(
        await sink.deliver([anEvent()], soon(100)).then(
          () => "taken",
          () => "late",
        ),
      );
    expect(results.at(-1)).toBe("taken");
  });

  test("nothing is said in plain that was to be said in TLS, and the other way round", async () => {
    const plain = await setUp({ tls: { caFile: tlsFile("ca.crt") }, token: "t0ken" });
    expect(await refusalText(deliver(plain.sink, {}))).toContain("it does not speak TLS: remove tls");
    expect(plain.hellos).toEqual([]);
    const server = { cert: tlsFile("server.crt"), key: tlsFile("server.key") };
    const encrypted = await setUp({ token: "t0ken" }, { tls: server });
    expect(await refusalText(deliver(encrypted.sink, {}))).toContain("it wants TLS: set tls");
    expect(encrypted.hellos).toEqual([]);
  });
});

describe("who we are", () => {
  // Made by NATS's own library for Go, as its files are.
  const SEED = "SUAJP732IC6ORSQ66KCX4QOEHO2OKEY7TES4L5THRECODRZJDLXULWLXU4";
  const KEY = "UAGW65WPIDYVC2XVIJYG3YA5CAU2EEUYPCTXZMSQHA7H5BC5U5MAEZEP";
  const CREDENTIALS = `-----BEGIN NATS USER JWT-----
eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.eyJqdGkiOiJUT04zVDIySUpKR1VZUERJS0RLWlVORVlYSldWNE5DVERMVEtLRlVRTVVJVlFSNVZVSk1BIiwiaWF0IjoxNzk1ODY5NTU1LCJpc3MiOiJBRExTTkVYRDc3UEtFQ1lKM1RaUDVXRkhXTU80WVBNVlQ1WjJQRERLMzM3VERXUjI2VVZYR01HMiIsIm5hbWUiOiJwZXRyZWwiLCJzdWIiOiJVQTZPNExGVDNJUkg3SERBSURHM0lETllVNFRHRkxHS1laQ1QzUlFVQ080VlU2Wk5MTDVTUEQ2QSIsIm5hdHMiOnsicHViIjp7ImFsbG93IjpbImt1YmVybmV0ZXMuZXZlbnRzLlx1MDAzZSJdfSwic3ViIjp7ImFsbG93IjpbIl9JTkJPWC5cdTAwM2UiXX0sInN1YnMiOi0xLCJkYXRhIjotMSwicGF5bG9hZCI6LTEsInR5cGUiOiJ1c2VyIiwidmVyc2lvbiI6Mn19.e0HfR4gWgeNjLQInQWY6d1zV1f5B8vNEnNe4OSPE5kYnUUERYwAKkdFPfNlhwTjVyLhZA6-4YwjRPLLmXEhhAg
------END NATS USER JWT------

************************* IMPORTANT *************************
NKEY Seed printed below can be used to sign and prove identity.
NKEYs are sensitive and should be treated as secrets.

-----BEGIN USER NKEY SEED-----
SUAE4DH7NWCPEZWHXQMNI6SXZJBO66VKVOTV4B44WJ4W77OVZE46PPXV4Y
------END USER NKEY SEED------

*************************************************************`;
  const nonce = "bm9uY2U";

  const rows: readonly [string, object, object][] = [
    ["a token", { token: "t" }, { auth_token: "t" }],
    ["a user", { username: "u", password: "p" }, { user: "u", pass: "p" }],
    ["an nkey", { nkeySeed: `${SEED}\n` }, { nkey: KEY, sig: expect.stringMatching(/^[\w-]{86}$/) }],
    [
      "a credentials file",
      { credentials: CREDENTIALS },
      { jwt: expect.stringMatching(/^eyJ/), sig: expect.any(String) },
    ],
  ];
  for (const [name, settings, expected] of rows) {
    test(name, async () => {
      const { sink, hellos } = await setUp(settings, { info: { nonce } });
      await deliver(sink, {});
      expect(hellos[0]).toMatchObject(expected);
      expect(JSON.stringify(hellos)).not.toContain(SEED);
    });
  }

  const bad: readonly [string, object, Readonly<Record<string, unknown>>, string][] = [
    ["a seed with a letter wrong", { nkeySeed: SEED.replace(/.$/, "A") }, { nonce }, "no seed of an nkey"],
    ["a public key", { nkeySeed: KEY }, { nonce }, "no seed of an nkey"],
    ["a file that is none", { credentials: "-----BEGIN NATS USER JWT-----" }, { nonce }, "no credentials file"],
    ["a server without nkeys", { nkeySeed: SEED }, {}, "takes no nkeys"],
  ];
  for (const [name, settings, info, text] of bad) {
    test(`${name} is refused`, async () => {
      const { sink, hellos } = await setUp(settings, { info });
      const said = await refusalText(deliver(sink, {}));
      expect(said).toStartWith("unauthorized: ");
      expect(said).toContain(text);
      expect(hellos).toEqual([]);
    });
  }

  const wrong: readonly [object, string][] = [
    [{ token: "t", nkeySeed: SEED }, "nats.token and nats.nkeySeed exclude each other"],
    [{ username: "u" }, "nats.username and nats.password need each other"],
    [{ password: "p" }, "nats.username and nats.password need each other"],
    [{ servers: [] }, "nats.servers is empty"],
    [{ servers: "nats://me:w0rd@host:4222" }, "nats.servers: credentials have settings of their own, such as token"],
    [{ subject: "events.*" }, 'nats.subject: "events.*" has a wildcard, which nothing can be published on'],
    [{ headers: { "a b": "c" } }, 'nats.headers: "a b" cannot be the name of a header'],
  ];
  for (const [settings, message] of wrong) {
    test(`refuses ${JSON.stringify(settings).slice(0, 40)}`, async () => {
      await expect(create({ servers: "127.0.0.1", ...settings })).rejects.toThrow(message);
    });
  }
});

describe("check", () => {
  const names = (streams: string) => ({ publish: () => `{"streams":${streams}}` });

  test("asks for a stream that takes such subjects, and publishes nothing on them", async () => {
    const { sink, came } = await setUp({ subject: "a.b-{{ .Reason }}.c" }, names('["EVENTS"]'));
    expect(await sink.check?.(soon())).toBeUndefined();
    expect(came.map(({ subject, text }) => [subject, text])).toEqual([["$JS.API.STREAM.NAMES", '{"subject":"a.>"}']]);
  });

  const rows: readonly [string, () => string, string][] = [
    ["no stream", () => '{"streams":null}', "not_found: NATS at HERE has no stream that takes events.>"],
    ["no JetStream", () => "503", "not_found: NATS at HERE has no JetStream"],
    ["none for us", () => errorAnswer(503, 10039, "off"), "not_found: NATS at HERE answered: off"],
  ];
  for (const [name, publish, expected] of rows) {
    test(`says that there is ${name}`, async () => {
      const { sink, server } = await setUp({}, { publish });
      const said = await refusalText(sink.check?.(soon()) ?? Promise.resolve());
      expect(said.replace(`127.0.0.1:${server.port}`, "HERE")).toBe(expected);
    });
  }

  test("says what it may not ask", async () => {
    const publish = ({ subject }: Published) => `-ERR 'Permissions Violation for Publish to "${subject}"'`;
    const { sink } = await setUp({}, { publish });
    expect(await sink.check?.(soon())).toStartWith("not checked: whether a stream takes events.>");
  });

  test("asks for no stream where none is wanted", async () => {
    const { sink, came, hellos } = await setUp({ jetstream: false });
    await sink.check?.(soon());
    expect([came.length, hellos.length]).toEqual([0, 1]);
  });
});
