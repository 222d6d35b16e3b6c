import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { DeliveryError } from "../../src/errors.ts";
import { createSinkContext } from "../../src/pipeline/context.ts";
import type { TemplateText } from "../../src/sink.ts";
import { anEvent, compileSimple, recordingLogger } from "../contract.ts";

function contextWith(change: { env?: Record<string, string>; now?: () => number; compat?: boolean } = {}) {
  const { logger, lines } = recordingLogger();
  const context = createSinkContext({
    receiver: "r",
    logger,
    compat: false,
    compileTemplate: (text) => {
      if (text.includes("{{ if")) throw new Error("template: 1: unclosed action");
      return compileSimple(text);
    },
    env: {},
    ...change,
  });
  return { context, lines };
}

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof DeliveryError) return `${error.reason}: ${error.message}`;
    throw error;
  }
  return "nothing thrown";
}

test("a secret shows itself to reveal() alone", () => {
  const { context } = contextWith({ env: { TOKEN: "hunter2" } });
  for (const secret of [context.secret("hunter2"), context.secret({ env: "TOKEN" })]) {
    expect(secret.reveal()).toBe("hunter2");
    const shown = [`${secret}`, JSON.stringify({ secret }), Bun.inspect({ secret }), Object.values(secret).join()];
    expect(shown.join()).not.toContain("hunter2");
    expect(shown[1]).toBe('{"secret":"[secret]"}');
    expect(shown[2]).toContain("[secret]");
  }
});

test("a secret's file is read again when it changed, at most once a second", () => {
  const folder = mkdtempSync(`${tmpdir()}/petrel-secret-`);
  const path = `${folder}/token`;
  let now = 0;
  const secret = contextWith({ now: () => now }).context.secret({ file: path });
  expect(refusal(() => secret.reveal())).toBe(`unauthorized: the secret file ${path} cannot be read: ENOENT`);
  writeFileSync(path, "one\n");
  expect(secret.reveal()).toBe("one");
  writeFileSync(path, "second\n");
  expect(secret.reveal()).toBe("one");
  now += 1_000;
  expect(secret.reveal()).toBe("second");
  rmSync(folder, { recursive: true });
  now += 1_000;
  expect(refusal(() => secret.reveal())).toStartWith("unauthorized: ");
});

test("a variable that is not set is the receiver's refusal, and is looked up each time", () => {
  const env: Record<string, string> = {};
  const secret = contextWith({ env }).context.secret({ env: "TOKEN" });
  expect(refusal(() => secret.reveal())).toBe("unauthorized: the environment variable TOKEN of a secret is not set");
  env.TOKEN = "set";
  expect(secret.reveal()).toBe("set");
});

test("a template's failure is the event's refusal, also one that does not compile", () => {
  const { context, lines } = contextWith();
  expect(context.template("{{ .Reason }}!")(anEvent())).toBe("BackOff!");
  expect(refusal(() => context.template("{{ .Nope }}")(anEvent()))).toBe(
    `template: the template "{{ .Nope }}" failed: can't evaluate .Nope`,
  );
  expect(lines).toEqual([]);
  const broken = context.template("{{ if");
  expect(lines).toHaveLength(1);
  expect(refusal(() => broken(anEvent()))).toBe(
    `template: the template "{{ if" does not compile: template: 1: unclosed action`,
  );
});

test("a payload goes through deDot, then the layout", () => {
  const { context } = contextWith();
  expect(context.payload({ deDot: true })(anEvent())).toContain('"app_kubernetes_io/name":"web"');
  expect(context.payload({ layout: { a: "{{ .Reason }}" }, deDot: true })(anEvent())).toBe('{"a":"BackOff"}');
  expect(context.layout({ b: 1, a: "{{ .Reason }}" })(anEvent())).toEqual({ a: "BackOff", b: 1 });
  expect(contextWith({ compat: true }).context.payload({ layout: { b: 1 } })(anEvent())).toBe('{"b":null}');
});

test("of a header's template errors show the actions alone, not the token beside them", () => {
  const { context, lines } = contextWith();
  for (const [text, shown] of [
    ["Bearer hunter2{{ .Nope }} hunter3{{ .Reason }}", "…{{ .Nope }}…{{ .Reason }}"],
    ["Bearer hunter2 {{ if", "…{{ if"],
  ] as const) {
    expect(refusal(() => context.template(text)(anEvent()))).toContain(`the template ${JSON.stringify(shown)} `);
  }
  expect(JSON.stringify(lines)).not.toContain("hunter2");
});

test("a template is in the receiver's language, unless it says which", () => {
  const { logger } = recordingLogger();
  const compileTemplate = (text: string, language?: string) => () => `${language}: ${text}`;
  for (const language of ["go", "eta"] as const) {
    const context = createSinkContext({ receiver: "r", logger, compat: false, language, compileTemplate, env: {} });
    const texts: readonly TemplateText[] = ["a", { eta: "b" }, { go: "c" }];
    const rendered = texts.map((text) => context.template(text)(anEvent()));
    expect(rendered).toEqual([`${language}: a`, "eta: b", "go: c"]);
  }
});
