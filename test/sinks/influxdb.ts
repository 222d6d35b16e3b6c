/** A fake for the contract that parses the line protocol; test/e2e/influxdb.test.ts has the real server. */
import { type Fixture, httpDestination, MARK } from "../contract.ts";
import { HTTP_RETRIES } from "./about.ts";
import { GOLDEN_LINE } from "./lines.ts";

export interface Parsed {
  /** Measurement and tags. */
  readonly series: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly time: string;
}

const KEY = /^(?:[^,= \\]|\\.)+(?:,(?:[^,= \\]|\\.)+=(?:[^,= \\\n]|\\[^\n])+)* /;
const FIELD = /^([a-z_]+)="((?:[^"\\]+|\\["\\])*)"([, ])/;

/** Lines as InfluxDB takes them; throws for any other. */
export function parseLines(text: string): Parsed[] {
  const lines: Parsed[] = [];
  for (let rest = text; rest !== ""; ) {
    const series = KEY.exec(rest)?.[0];
    if (series === undefined) throw new Error(`no series: ${rest.slice(0, 200)}`);
    rest = rest.slice(series.length);
    const fields: Record<string, string> = {};
    for (let end = ","; end === ","; ) {
      const [whole = "", name = "", value = "", after = ""] = FIELD.exec(rest) ?? [];
      if (whole === "") throw new Error(`no field: ${rest.slice(0, 200)}`);
      fields[name] = value.replace(/\\(.)/g, "$1");
      rest = rest.slice(whole.length);
      end = after;
    }
    const [whole = "", time = ""] = /^(\d{19})\n/.exec(rest) ?? [];
    if (whole === "") throw new Error(`no time: ${rest.slice(0, 200)}`);
    rest = rest.slice(whole.length);
    lines.push({ series: series.trimEnd(), fields, time });
  }
  return lines;
}

export default {
  open: (tls) =>
    httpDestination(
      (url) => ({ url, username: "me", password: "pw" }),
      (request, body) => {
        const { pathname, search } = new URL(request.url);
        if (pathname !== "/write" || search !== "?db=k8s&precision=ns") throw new Error(pathname + search);
        if (request.headers.get("authorization") !== `Basic ${btoa("me:pw")}`) throw new Error("authorization");
        const lines = parseLines(body);
        return {
          texts: lines.map(({ series, time, fields }) => `${series} ${time} ${fields.value}`),
          ids: lines.map(({ fields }) => fields.event_id ?? ""),
          answer: new Response(null, { status: 204 }),
        };
      },
      tls,
    ),
  golden: `k8s_events,cluster_name=default,hostname=node-1,pod_id=poduid-1,pod_name=web-1,uid=ba30f343-3351 1795211118000000101 ${GOLDEN_LINE.trimEnd()}`,
  json: (text) => (text.endsWith("\n") ? (parseLines(text)[0]?.fields.value ?? "") : text.slice(text.indexOf("{"))),
  secrets: [
    { password: MARK },
    { token: MARK, bucket: "b" },
    { url: `http://${MARK}-user:${MARK}-pass@127.0.0.1:PORT/${MARK}`, username: undefined },
    { url: "http://influxdb.invalid", password: MARK, proxy: `http://${MARK}-user:${MARK}-pass@127.0.0.1:PORT` },
  ],
  about: {
    auth: "`username` and `password` (1.x), `token` (2.x); a client certificate in `tls`.",
    permissions:
      "In 1.x `WRITE` on the database, and an administrator's rights if Petrel is to make it; in 2.x a token that may write to the bucket.",
    limits:
      "25 MB a request ([max-body-size](https://docs.influxdata.com/influxdb/v1/administration/config/#max-body-size))",
    order: "by time",
    id: "field `event_id`; a repeat is the same series and time, and overwrites itself",
    retries: `${HTTP_RETRIES}; a refused request goes in halves`,
    tested: [
      { component: "influxdb", server: "InfluxDB", version: "1.6.7" },
      { component: "victoriametrics", server: "VictoriaMetrics", version: "1.79.5" },
    ],
  },
  gone: "network",
  skip: {},
} satisfies Fixture;
