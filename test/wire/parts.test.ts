import { describe, expect, test } from "bun:test";
import { DeliveryError, type Reason } from "../../src/errors.ts";
import { deliverParts, type Part } from "../../src/wire/parts.ts";
import { refusalOf } from "../contract.ts";

/** A destination that refuses requests with certain events in them. */
function destination(bad: Readonly<Record<number, Reason>>) {
  const sent: Part[] = [];
  const send = async (part: Part) => {
    sent.push(part);
    const found = part.find((index) => bad[index] !== undefined);
    if (found !== undefined) throw new DeliveryError(bad[found] ?? "internal", `bad ${found}`, { retryAfterMs: found });
  };
  return { sent, send };
}

describe("parts", () => {
  test("are sent one after the other", async () => {
    const { sent, send } = destination({});
    await deliverParts([[0, 2], [1]], send);
    expect(sent).toEqual([[0, 2], [1]]);
  });

  test("are halved until the event that is refused is alone", async () => {
    const { sent, send } = destination({ 2: "rejected", 5: "too_large" });
    const error = await refusalOf(deliverParts([[0, 1, 2, 3, 4, 5]], send));
    expect(error.refused).toEqual([
      { index: 2, reason: "rejected", message: "bad 2" },
      { index: 5, reason: "too_large", message: "bad 5" },
    ]);
    expect(new Set(sent.flat())).toEqual(new Set([0, 1, 2, 3, 4, 5]));
  });

  test("are not halved for what is no event's fault: the others go on", async () => {
    const { sent, send } = destination({ 1: "throttled" });
    const error = await refusalOf(deliverParts([[0, 1], [2]], send));
    expect([error.reason as string, error.retryAfterMs, error.refused?.map(({ index }) => index)]).toEqual([
      "throttled",
      1,
      [0, 1],
    ]);
    expect(sent).toEqual([[0, 1], [2]]);
  });

  test("reject as the only one does", async () => {
    const error = await refusalOf(deliverParts([[0, 1]], destination({ 1: "unavailable" }).send));
    expect([error.message, error.refused]).toEqual(["bad 1", undefined]);
    const alone = await refusalOf(deliverParts([[0]], destination({ 0: "rejected" }).send));
    expect([alone.message, alone.refused]).toEqual(["bad 0", undefined]);
  });

  test("let a bug be a bug", async () => {
    const bug = new TypeError("x is undefined");
    expect(deliverParts([[0]], () => Promise.reject(bug))).rejects.toBe(bug);
  });
});
