/** A strict fake: there is no Slack to run. @see https://docs.slack.dev/reference/methods/chat.postMessage */

import { type Fixture, httpDestination, MARK, type Taken } from "../contract.ts";
import { HTTP_RETRIES } from "./about.ts";

function take(request: Request, body: string): Taken {
  const { pathname } = new URL(request.url);
  if (request.method !== "POST") throw new Error(`${request.method}`);
  const token = request.headers.get("authorization");
  if (token !== "Bearer xoxb-1") return { texts: [], answer: Response.json({ ok: false, error: "invalid_auth" }) };
  if (request.headers.get("content-type") !== "application/json; charset=utf-8") throw new Error("charset is missing");
  if (pathname === "/api/auth.test") return { texts: [], answer: Response.json({ ok: true, team: "t" }) };
  if (pathname !== "/api/chat.postMessage") throw new Error(pathname);
  const message = JSON.parse(body) as Record<string, unknown>;
  if (typeof message.channel !== "string" || typeof message.text !== "string") throw new Error("invalid_arguments");
  if (message.text.length > 40_000) return { texts: [], answer: Response.json({ ok: false, error: "msg_too_long" }) };
  const answer = Response.json({ ok: true, channel: "C1", ts: "1.1", message: { text: message.text } });
  return { texts: [body], answer };
}

export default {
  open: (tls) =>
    httpDestination(
      (url) => ({
        ...{ apiUrl: `${url}/api`, token: "xoxb-1", channel: "#k8s", title: "{{ .Reason }}" },
        ...{
          message: "<https://k8s/{{ .Reason }}|link> {{ .Message }}",
          fields: { b: "{{ .Type }}", a: "{{ .Message }}" },
        },
      }),
      take,
      tls,
    ),
  golden: `{"channel":"#k8s","text":"<https://k8s/BackOff|link> Back-off &lt;restarting&gt; failed container","attachments":[{"color":"","author_name":"","title":"BackOff","fields":[{"title":"a","value":"Back-off &lt;restarting&gt; failed container","short":false},{"title":"b","value":"Warning","short":false}],"footer":""}]}`,
  secrets: [
    { token: MARK },
    { token: "", url: `http://127.0.0.1:PORT/services/${MARK}` },
    { apiUrl: `http://${MARK}:${MARK}-pass@127.0.0.1:PORT/${MARK}`, token: MARK },
    { apiUrl: "http://slack.invalid", token: MARK, proxy: `http://${MARK}-user:${MARK}-pass@127.0.0.1:PORT` },
  ],
  about: {
    auth: "`token`, a bot's; or `url`, an incoming webhook's, which is a secret.",
    permissions:
      "Bot scopes `chat:write`, for channels without the bot `chat:write.public`, for `username` `chat:write.customize`, for `completionCondition` `reactions:write`. An incoming webhook has what it needs.",
    limits:
      "40,000 characters a text, one message a second and channel ([rate limits](https://docs.slack.dev/apis/web-api/rate-limits))",
    order: "per object",
    id: "none: Slack knows no id by which it would drop a repeat",
    retries: `${HTTP_RETRIES}, \`ok: false\` and its error`,
    tested: [{ fake: "https://docs.slack.dev/reference/methods/chat.postMessage" }],
  },
  templates: {
    threadKey: { unseen: "it chooses the thread: slack.test.ts" },
    completionCondition: { unseen: "it ends the thread: slack.test.ts" },
  },
  gone: "network",
  skip: { "an event too large": "texts are cut to what Slack takes" },
} satisfies Fixture;
