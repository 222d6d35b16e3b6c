/** Texts and tags as Grafana and Graphite take them. */
import type { HeaderList, Http } from "./http.ts";
import { clipped } from "./sink-http.ts";

const PATHS = { grafana: "/api/annotations", graphite: "/api/annotations/graphite" } as const;

/** Where to post to: a URL with a path is used as it is. */
export function annotationsUrl(url: string, format: keyof typeof PATHS): string {
  return new URL(url).pathname === "/" ? url.replace(/\/*$/, PATHS[format]) : url;
}

const MAX_TAG = 100;
/** `[annotations] tags_length`: of all tags in quotes. @see https://grafana.com/docs/grafana/latest/setup-grafana/configure-grafana/#tags_length */
const MAX_TAGS = 500;

/** Each tag once, as many as Grafana takes: with more it refuses the annotation. */
export function limitedTags(tags: readonly string[]): string[] {
  const kept: string[] = [];
  let left = MAX_TAGS - 2;
  for (const tag of new Set(tags.map((one) => clipped(one, MAX_TAG)))) {
    left -= Buffer.byteLength(JSON.stringify(tag)) + 1;
    if (left < 0) break;
    kept.push(tag);
  }
  return kept;
}

/** Graphite joins tags by blanks and splits them again, there and at colons. @see webapp/graphite/events/views.py */
export function graphiteTags(tags: readonly string[]): string[] {
  return [...new Set(tags.map((tag) => clipped(tag, MAX_TAG).replace(/[\s:]+/g, "_")))];
}

/** Grafana shows the text of an annotation as HTML. */
export function html(text: string): string {
  return text.replace(/[&<>]/g, (char) => (char === "&" ? "&amp;" : char === "<" ? "&lt;" : "&gt;"));
}

/** Asks Grafana for an annotation: a wrong token is refused; one that may not read may write all the same, which is said. */
export async function readable(
  http: Http,
  url: string,
  authorization: string | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  const headers: HeaderList = authorization === undefined ? [] : [["Authorization", authorization]];
  const { status } = await http.send({
    ...{ method: "GET", url: `${url}?limit=1`, headers, signal },
    judge: (answer) => (answer.status === 403 ? "taken" : undefined),
  });
  return status === 403 ? "not checked: whether the token may write annotations; it may not read them" : undefined;
}
