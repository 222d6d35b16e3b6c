/** What becomes of a template that ran out of its limits: held short for a while, and everyday events pass. */
import { describe, expect, test } from "bun:test";
import { sprig as functions } from "../../src/template/funcs/sprig.ts";
import { compile } from "../../src/template/template.ts";

/** Loops as often as the event says. */
const LOOP = "{{ range until (int .n) }}{{ end }}{{ .n }}";

function template(limits?: { maxSteps: number }) {
  let at = 0;
  const { render } = compile(LOOP, { functions, now: () => at, ...(limits && { limits }) });
  return {
    /** What it renders, or the limit that it hit. */
    run(n: number): string {
      try {
        return render({ n });
      } catch (error) {
        return (error instanceof Error ? error.message : "").replace(/^.*(more than .*?): .*$/, "$1");
      }
    },
    wait(ms: number): void {
      at += ms;
    },
  };
}

const HELD = "more than 1562 steps, a 64th of the limit, which this template ran out of";

describe("a template that ran out of its limits", () => {
  test("fails sooner on the next bomb, and renders what it renders every day", () => {
    const { run } = template();
    expect(run(20_000)).toBe("20000");
    expect(run(200_000)).toBe("more than 100000 steps");
    expect(run(200_000)).toBe(`${HELD} once (in 1 s it may use all of it)`);
    expect(run(2_000)).toStartWith(HELD);
    expect(run(700)).toBe("700");
    expect(run(0)).toBe("0");
  });

  test("is free again once it needed more than it is held to, and ended well", () => {
    const { run, wait } = template();
    for (let round = 0; round < 3; round++) {
      expect(run(200_000)).toBe("more than 100000 steps");
      wait(999);
      expect(run(2_000)).toStartWith(HELD);
      wait(1);
      expect(run(2_000)).toBe("2000");
      expect(run(20_000)).toBe("20000");
    }
  });

  test("is held for longer each time that it is a bomb again", () => {
    const { run, wait } = template();
    const seen: string[] = [];
    for (let round = 0; round < 9; round++) {
      expect(run(200_000)).toBe("more than 100000 steps");
      seen.push(/in (\d+) s/.exec(run(200_000))?.[1] ?? "");
      wait(60_000);
    }
    expect(seen).toEqual(["1", "2", "4", "8", "16", "32", "60", "60", "60"]);
  });

  test("is not set free by what needs no more than it is held to", () => {
    const { run, wait } = template();
    run(200_000);
    wait(2_000);
    expect(run(3)).toBe("3");
    expect(run(200_000)).toBe("more than 100000 steps");
    expect(run(3_000)).toStartWith(`${HELD} 2 times (in 2 s`);
  });

  test("holds no other template short", () => {
    const one = template();
    const other = template();
    one.run(200_000);
    expect(other.run(20_000)).toBe("20000");
  });

  test("keeps to limits that the config sets", () => {
    const { run } = template({ maxSteps: 640 });
    expect(run(2_000)).toBe("more than 640 steps");
    expect(run(20)).toStartWith("more than 10 steps");
    expect(run(3)).toBe("3");
  });

  test("without a clock, each rendering is by itself", () => {
    const { render } = compile(LOOP, { functions });
    expect(() => render({ n: 200_000 })).toThrow("more than 100000 steps");
    expect(render({ n: 20_000 })).toBe("20000");
  });
});

test("data too deep for JavaScript's stack holds a template short as well", () => {
  const { render } = compile("{{ fromJson .s }}{{ range until (int .n) }}{{ end }}", { functions, now: () => 0 });
  expect(render({ s: "1", n: 5_000 })).toBe("1");
  expect(() => render({ s: "[".repeat(50_000) + "]".repeat(50_000), n: 0 })).toThrow("nested too deeply");
  expect(() => render({ s: "1", n: 5_000 })).toThrow("a 64th of the limit");
});
