/** The clause of the contract about templates: what one gives arrives, whichever setting it is in. */
import { expect } from "bun:test";
import type { z } from "zod";
import { fields } from "../src/config/fields.ts";
import { anEvent } from "./contract.ts";
import { dispose, makeSink, type Subject, soon } from "./contract-subject.ts";

interface Definition {
  readonly innerType?: z.ZodType;
  readonly out?: z.ZodType;
  readonly element?: z.ZodType;
  readonly valueType?: z.ZodType;
}

interface TemplateField {
  readonly path: readonly string[];
  /** A template in the shape that the field wants. */
  readonly value: (template: string) => unknown;
}

const definitionOf = (schema: z.ZodType): Definition => schema.def as Definition;

/** Every field that takes templates, also those of objects in objects. */
function templateFields(schema: z.ZodType, path: readonly string[]): TemplateField[] {
  const kind = schema.meta()?.kind;
  const { innerType, out, element, valueType } = definitionOf(schema);
  if (kind === "template") return [{ path, value: (template) => template }];
  if (kind === "layout" && element) return [{ path, value: (template) => [{ type: "divider", block_id: template }] }];
  if (kind === "layout") return [{ path, value: (template) => ({ deep: [{ er: template }] }) }];
  if (innerType) return templateFields(innerType, path);
  if (out) return templateFields(out, path);
  const [one] = element ? templateFields(element, path) : valueType ? templateFields(valueType, path) : [];
  if (one && element) return [{ path, value: (template) => [one.value(template)] }];
  if (one) return [{ path, value: (template) => ({ "X-Named": one.value(template) }) }];
  const shape = "shape" in schema ? (schema.shape as Record<string, z.ZodType>) : {};
  return Object.entries(shape).flatMap(([key, field]) => templateFields(field, [...path, key]));
}

function settingsWith([key = "", ...rest]: readonly string[], value: unknown): Record<string, unknown> {
  return { [key]: rest.length === 0 ? value : settingsWith(rest, value) };
}

/** The text of what was sent, with what is encoded in it once more in plain. */
function plain(bytes: Buffer): string {
  const text = bytes.toString("latin1");
  const encoded = text.match(/[A-Za-z0-9+/]{16,}={0,2}/g) ?? [];
  const escaped = text.replace(/%[0-9A-F]{2}/g, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)));
  return [text, escaped, ...encoded.map((run) => Buffer.from(run, "base64").toString("latin1"))].join("\n");
}

export async function templatesInAllTexts({ definition, fixture, to, config }: Subject): Promise<void> {
  for (const [index, { path, value }] of templateFields(definition.config(fields), []).entries()) {
    const name = path.join(".");
    const own = fixture.templates?.[name];
    if (own?.unseen !== undefined) continue;
    const wanted = own?.gives ?? `T-BackOff-T${index}`;
    const settings = settingsWith(path, own?.value ?? value(`T-{{ .Reason }}-T${index}`));
    const sink = await makeSink(definition, { ...config, ...own?.with, ...settings }, to.metrics).sink;
    // A strict destination may find the value wrong; it has been sent all the same.
    await sink.deliver([anEvent()], soon()).catch(() => {});
    const sent = to.sent ? plain(to.sent()) : (await to.received(1)).join("\n");
    expect(`${name}: ${sent.includes(wanted) ? wanted : sent.slice(-1_000)}`).toBe(`${name}: ${wanted}`);
    await dispose(sink);
  }
}
