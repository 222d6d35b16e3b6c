/** A strict fake; test/e2e/graphite.test.ts has a real Graphite. @see https://grafana.com/docs/grafana/latest/developers/http_api/annotations/#create-annotation */

import { type Fixture, httpDestination, MARK, type Taken } from "../contract.ts";
import { HTTP_RETRIES } from "./about.ts";

const KNOWN = new Set(["dashboardUID", "panelId", "time", "timeEnd", "tags", "text"]);

function take(request: Request, body: string): Taken {
  const { pathname } = new URL(request.url);
  if (request.method === "GET" && pathname === "/api/annotations") return { texts: [], answer: Response.json([]) };
  if (request.method !== "POST" || pathname !== "/api/annotations") throw new Error(`${request.method} ${pathname}`);
  if (request.headers.get("authorization") !== "Bearer glsa_1") throw new Error("authorization");
  const annotation = JSON.parse(body) as Record<string, unknown>;
  for (const name of Object.keys(annotation)) if (!KNOWN.has(name)) throw new Error(name);
  const { text, tags, time } = annotation;
  if (typeof text !== "string" || text === "") throw new Error("text field should not be empty");
  if (!Number.isInteger(time) || (time as number) < 1e12) throw new Error("time is not in milliseconds");
  if (JSON.stringify(tags).length > 500) throw new Error("tags length exceeds the maximum allowed");
  return { texts: [body], answer: Response.json({ message: "Annotation added", id: 1 }) };
}

export default {
  open: (tls) =>
    httpDestination(
      (url) => ({
        url,
        token: "glsa_1",
        title: "{{ .Reason }} & co",
        tags: ["k8s", "{{ .Type }}", "k8s"],
        region: true,
      }),
      take,
      tls,
    ),
  golden: `{"time":1795211058000,"timeEnd":1795211118000,"tags":["k8s","Warning"],"text":"<b>BackOff &amp; co</b>\\nBack-off &lt;restarting&gt; failed container"}`,
  secrets: [
    { token: MARK },
    { token: "", username: "me", password: MARK },
    { url: `http://${MARK}-user:${MARK}-pass@127.0.0.1:PORT/${MARK}/path?token=${MARK}`, token: MARK },
    { url: "http://grafana.invalid", token: MARK, proxy: `http://${MARK}-user:${MARK}-pass@127.0.0.1:PORT` },
  ],
  about: {
    auth: "`token` of a service account, else `username` and `password`.",
    permissions: "A service account with `annotations:create`, as the role Editor has it.",
    limits:
      "500 characters of tags ([annotations](https://grafana.com/docs/grafana/latest/developers/http_api/annotations/#create-annotation))",
    order: "by time",
    id: "none: Grafana gives an annotation its own id and knows no other",
    retries: HTTP_RETRIES,
    tested: [
      { component: "graphite", server: "Graphite", version: "1.1.8" },
      { fake: "https://grafana.com/docs/grafana/latest/developers/http_api/annotations/#create-annotation" },
    ],
  },
  gone: "network",
  skip: { "an event too large": "texts are cut to what an annotation takes" },
} satisfies Fixture;
