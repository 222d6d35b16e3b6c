import { expect, test } from "bun:test";
import { createMemoryStore } from "../../src/pipeline/store.ts";
import type { Store } from "../../src/sink.ts";

const setAll = (keys: readonly string[]) => (store: Store) => {
  for (const key of keys) store.set(key, "1");
};

test("keeps what was used last, within its bounds", () => {
  const rows: readonly [string, (store: Store) => void, string][] = [
    ["nothing was set", () => {}, "a: , b: , c: "],
    ["two fit", setAll(["a", "b"]), "a: 1, b: 1, c: "],
    ["the oldest goes", setAll(["a", "b", "c"]), "a: , b: 1, c: 1"],
    [
      "asking is using",
      (store) => {
        for (const key of ["a", "b"]) store.set(key, "1");
        store.get("a");
        store.set("c", "1");
      },
      "a: 1, b: , c: 1",
    ],
    [
      "a new value takes the place of the old one",
      (store) => {
        setAll(["a", "a"])(store);
        store.set("a", "3");
      },
      "a: 3, b: , c: ",
    ],
    [
      "what is deleted makes room",
      (store) => {
        for (const key of ["a", "b"]) store.set(key, "1");
        store.delete("a");
        store.delete("nobody");
        store.set("c", "1");
      },
      "a: , b: 1, c: 1",
    ],
    [
      "one that fills the store drives out the others",
      (store) => {
        store.set("a", "1");
        store.set("b", "x".repeat(9));
      },
      "a: , b: xxxxxxxxx, c: ",
    ],
    ["one that is too large alone is not kept", (store) => store.set("a", "x".repeat(10)), "a: , b: , c: "],
  ];
  for (const [what, use, kept] of rows) {
    const store = createMemoryStore({ entries: 2, size: 10 });
    use(store);
    const found = ["a", "b", "c"].map((key) => `${key}: ${store.get(key) ?? ""}`).join(", ");
    expect(`${what} → ${found}`).toBe(`${what} → ${kept}`);
  }
});
