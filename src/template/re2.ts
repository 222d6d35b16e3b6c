/** Go's regular expressions (RE2: linear time) behind the smallest interface that routing and templates need. */
import { RE2JS } from "re2js";

export interface Pattern {
  /** Unanchored, as Go's MatchString. */
  test(text: string): boolean;
}

/** Throws an Error that says what RE2 does not accept. */
export function compilePattern(source: string): Pattern {
  const compiled = RE2JS.compile(source);
  return { test: (text) => compiled.matcher(text).find() };
}
