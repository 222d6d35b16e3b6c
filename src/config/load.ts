/** The config file, read with all that Petrel knows: every sink, and templates by their engine. */
import { loadSinks } from "../../sinks/index.ts";
import { templateCheck } from "./check-template.ts";
import * as parse from "./parse.ts";
import type { Loaded } from "./types.ts";

const known = { sinks: await loadSinks(), templateCheck };

type Unknown<T> = Omit<T, keyof typeof known> & Partial<typeof known>;
export type ParseOptions = Unknown<parse.ParseOptions>;
export type LoadOptions = Unknown<parse.LoadOptions>;

/** As {@link parse.parseConfig}. */
export const parseConfig = (text: string, options: ParseOptions): Loaded =>
  parse.parseConfig(text, { ...known, ...options });

/** As {@link parse.loadConfig}. */
export const loadConfig = (file: string, options: LoadOptions): Loaded =>
  parse.loadConfig(file, { ...known, ...options });
