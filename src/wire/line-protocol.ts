/** InfluxDB's line protocol. @see https://docs.influxdata.com/influxdb/v1/write_protocols/line_protocol_reference/ */
import { clipped } from "./sink-http.ts";

export interface Point {
  readonly measurement: string;
  /** Empty ones are left out: the protocol has none. */
  readonly tags: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, string>>;
  /** Nanoseconds since 1970. */
  readonly time: string;
}

/** Measurement and tags together have 65,535 bytes at most. @see models/points.go, MaxKeyLength */
const MAX_TAG = 1_000;

/** A line, without its newline. Measurement and names are the sink's own: letters, digits, underscores. */
export function lineOf({ measurement, tags, fields, time }: Point): string {
  let line = measurement;
  for (const [name, value] of Object.entries(tags)) {
    const text = tagText(value);
    if (text !== "") line += `,${name}=${text}`;
  }
  let before = " ";
  for (const [name, value] of Object.entries(fields)) {
    line += `${before}${name}="${value.replace(/["\\]/g, "\\$&")}"`;
    before = ",";
  }
  return `${line} ${time}`;
}

/** A line break would end the line, and a backslash at the end would escape what follows. */
function tagText(value: string): string {
  return clipped(value, MAX_TAG)
    .replace(/[\u0000-\u001f\u007f]+/g, " ")
    .replace(/\\+$/, "")
    .replace(/[,= ]/g, "\\$&");
}
