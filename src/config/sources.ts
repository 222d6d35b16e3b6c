/** Where events come from. */
export const SOURCES = ["kubernetes", "http", "stdin", "file"] as const;
export type Source = (typeof SOURCES)[number];
