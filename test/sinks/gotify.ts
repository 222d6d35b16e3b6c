/** A strict fake: no Gotify is started here. @see https://gotify.net/api-docs, https://gotify.net/docs/msgextras */
import { type Fixture, httpDestination, MARK, type Taken } from "../contract.ts";
import { HTTP_RETRIES } from "./about.ts";

const refused = (status: number, errorDescription: string): Taken => ({
  texts: [],
  answer: Response.json({ error: "x", errorCode: status, errorDescription }, { status }),
});

function take(request: Request, body: string): Taken {
  const { pathname } = new URL(request.url);
  if (request.method === "GET" && pathname === "/health")
    return { texts: [], answer: Response.json({ health: "green", database: "green" }) };
  if (request.method !== "POST" || pathname !== "/message") throw new Error(`${request.method} ${pathname}`);
  if (request.headers.get("x-gotify-key") !== "app-1") return refused(401, "you need to provide a valid access token");
  // Extras are taken with JSON only.
  if (request.headers.get("content-type") !== "application/json") throw new Error("not JSON");
  const { title, message, priority, extras } = JSON.parse(body);
  if (typeof message !== "string" || message === "") throw new Error("field 'message' is required");
  if (typeof title !== "string" || !Number.isInteger(priority)) throw new Error("wrong type");
  for (const key of Object.keys(extras)) if (!/^\w+(::\w+)+$/.test(key)) throw new Error(key);
  return { texts: [body], ids: [extras["petrel::event"].id], answer: Response.json({ id: 1, message }) };
}

export default {
  open: (tls) =>
    httpDestination((url) => ({ url, token: "app-1", title: "{{ .Reason }}", priority: "{{ .Count }}" }), take, tls),
  golden:
    '{"title":"BackOff","message":"Back-off <restarting> failed container","priority":7,"extras":{"petrel::event":{"id":"ba30f343-3351.101"}}}',
  secrets: [
    { token: MARK },
    { url: `http://${MARK}-user:${MARK}-pass@127.0.0.1:PORT/${MARK}`, token: MARK },
    { url: "http://gotify.invalid", token: MARK, proxy: `http://${MARK}-user:${MARK}-pass@127.0.0.1:PORT` },
  ],
  about: {
    auth: "`token` of an application.",
    permissions: "None beside the application's token.",
    limits: "none documented ([API](https://gotify.net/api-docs))",
    order: "per object",
    id: "extra `petrel::event`; Gotify drops no repeat by it",
    retries: HTTP_RETRIES,
    tested: [{ fake: "https://gotify.net/api-docs" }],
  },
  templates: { priority: { value: "1{{ .Count }}", gives: '"priority":17' } },
  gone: "network",
  skip: {},
} satisfies Fixture;
