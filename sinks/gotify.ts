/** Gotify, for people who run their own push server. @see https://gotify.net/api-docs */
import type { Event } from "../src/event.ts";
import { defineSink } from "../src/sink.ts";
import { openHttp, templatedTexts } from "../src/wire/sink-http.ts";

export default defineSink({
  name: "gotify",
  title: "Gotify",
  summary: "Pushes each event through a Gotify server to the people who are subscribed to it.",
  config: (field) =>
    field.object({
      url: field.url().describe("Address of the server."),
      token: field.secret().describe("Token of the application that messages belong to."),
      title: field.template().default("{{ .Reason }}: {{ .InvolvedObject.Name }}").describe("Title."),
      message: field.template().default("{{ .Message }}").describe("Text; it is shown as it is."),
      priority: field.template().default("5").describe("From 0 to 10: whether and how loud a client tells of it."),
      ...field.connection(),
    }),
  example: {
    url: "https://gotify.example.com",
    token: { env: "GOTIFY_TOKEN" },
    priority: '{{ if eq .Type "Warning" }}8{{ else }}2{{ end }}',
  },
  batch: { count: 1 },
  carriesId: true,
  wholeEvent: false,
  updates: "countDoubles",
  create(config, context) {
    const token = context.secret(config.token);
    const { title, message, priority } = config;
    const texts = templatedTexts({ title, message, priority }, context);
    const base = config.url.replace(/\/+$/, "");
    const http = openHttp(config, context);
    const bodyOf = (event: Event) => {
      const own = texts(event);
      // Gotify wants a message, and a whole number.
      const said = { title: own.title, message: own.message || "-", priority: Math.trunc(Number(own.priority)) || 0 };
      return JSON.stringify({ ...said, extras: { "petrel::event": { id: event.id } } });
    };
    return {
      render: ([event]) => ({ body: bodyOf(event) }),
      async deliver([event], signal) {
        const headers = [["Content-Type", "application/json"] as const, ["X-Gotify-Key", token.reveal()] as const];
        await http.send({ method: "POST", url: `${base}/message`, headers, body: bodyOf(event), signal });
      },
      check: async (signal) => {
        await http.send({ method: "GET", url: `${base}/health`, headers: [], signal, secrets: [token.reveal()] });
        return "not checked: the token, which only a message would show";
      },
      [Symbol.asyncDispose]: async () => http[Symbol.dispose](),
    };
  },
});
