/**
 * A strict fake: there is no Teams to run.
 * @see https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook
 * @see https://adaptivecards.io/schemas/adaptive-card.json
 */

import { type Fixture, httpDestination, MARK, type Taken } from "../contract.ts";
import { HTTP_RETRIES } from "./about.ts";

interface Element {
  readonly type: string;
  readonly text?: string;
  readonly facts?: readonly { readonly title: string; readonly value: string }[];
}

function check(element: Element): void {
  const fine =
    element.type === "TextBlock"
      ? typeof element.text === "string"
      : element.type === "FactSet" &&
        element.facts?.every(({ title, value }) => title !== "" && typeof value === "string");
  if (!fine) throw new Error(`element ${JSON.stringify(element)}`);
}

function take(request: Request, body: string): Taken {
  const url = new URL(request.url);
  if (request.method !== "POST" || url.searchParams.get("sig") !== "s") throw new Error(`${request.method} ${url}`);
  if (request.headers.get("content-type") !== "application/json") throw new Error("not JSON");
  if (Buffer.byteLength(body) > 28 * 1024) throw new Error("Request entity too large");
  const { type, attachments } = JSON.parse(body);
  if (type !== "message" || attachments.length !== 1) throw new Error("no message with one attachment");
  const [{ contentType, content }] = attachments;
  if (contentType !== "application/vnd.microsoft.card.adaptive") throw new Error(contentType);
  if (content.type !== "AdaptiveCard" || !/^1\.[0-5]$/.test(content.version)) throw new Error("no Adaptive Card");
  for (const element of content.body) check(element);
  return { texts: [body], answer: new Response(null, { status: 202 }) };
}

export default {
  open: (tls) =>
    httpDestination(
      (url) => ({
        ...{ endpoint: `${url}/workflows/1?sig=s`, title: "{{ .Reason }}", text: "{{ .Message }} *now*" },
        layout: { type: "{{ .Type }}", count: "{{ .Count }}" },
      }),
      take,
      tls,
    ),
  golden: `{"type":"message","attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","contentUrl":null,"content":{"$schema":"http://adaptivecards.io/schemas/adaptive-card.json","type":"AdaptiveCard","version":"1.4","body":[{"type":"TextBlock","text":"BackOff","weight":"Bolder","size":"Medium","color":"attention","wrap":true},{"type":"TextBlock","text":"Back-off <restarting> failed container \\\\*now\\\\*","wrap":true},{"type":"FactSet","facts":[{"title":"count","value":"7"},{"title":"type","value":"Warning"}]}],"msteams":{"width":"Full"}}}]}`,
  secrets: [
    {
      endpoint: `http://${MARK}-user:${MARK}-pass@127.0.0.1:PORT/${MARK}/path?sig=${MARK}`,
      headers: { "X-Api-Key": `${MARK}-key` },
    },
    { endpoint: `http://teams.invalid/?sig=${MARK}`, proxy: `http://${MARK}-user:${MARK}-pass@127.0.0.1:PORT` },
  ],
  about: {
    auth: "`endpoint`, a Workflow's URL, which is a secret.",
    permissions: "None: who knows the URL may post.",
    limits:
      "28 KB a message ([limits](https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using#rate-limiting-for-connectors))",
    order: "per object",
    id: "none: Teams knows no id by which it would drop a repeat",
    retries: `${HTTP_RETRIES}, errors that a 200 hides`,
    tested: [
      {
        fake: "https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook",
      },
    ],
  },
  gone: "network",
  skip: { "an event too large": "texts are cut to what a card takes" },
} satisfies Fixture;
