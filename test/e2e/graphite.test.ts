/** The grafana receiver's Graphite format against a real Graphite. */
import { beforeAll, expect, test } from "bun:test";
import { component, type Running } from "../testbed/component.ts";
import { describeReal } from "../testbed/suite.ts";
import { thousand } from "./thousand.ts";

interface Stored {
  readonly what: string;
  readonly tags: readonly string[];
  readonly when: number;
  readonly data: string;
}

describeReal("graphite", ["graphite"], () => {
  let server: Running;
  beforeAll(async () => {
    server = await component("graphite");
  }, 600_000);

  test("a thousand events, with a server that dies in between", async () => {
    const { repeated } = await thousand({
      server,
      process: "graphite",
      receiver: {
        concurrency: 4,
        grafana: {
          ...{ url: `${server.env.URL}/events/`, format: "graphite", title: "{{ .UID }}.{{ .ResourceVersion }}" },
          tags: ["petrel", "two words: {{ .Reason }}"],
        },
      },
      stored: async () => {
        const response = await fetch(`${server.env.URL}/events/get_data?from=-1h&tags=petrel`);
        const events = (await response.json()) as Stored[];
        for (const { tags, data, when } of events) {
          expect([tags, data.slice(0, 8)]).toEqual([["petrel", "two_words_Tested"], "message "]);
          expect(Math.abs(Date.now() / 1000 - when)).toBeLessThan(600);
        }
        return events.map(({ what }) => what);
      },
    });
    // It may have stored what it was killed over before it could answer.
    expect(repeated).toBeLessThanOrEqual(4);
  }, 180_000);
});
