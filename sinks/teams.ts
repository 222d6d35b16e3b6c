/** Microsoft Teams, through a Workflow's URL. */
import type { Event } from "../src/event.ts";
import { defineSink } from "../src/sink.ts";
import { openHttp, templatedHeaders } from "../src/wire/sink-http.ts";
import * as cards from "../src/wire/teams.ts";

export default defineSink({
  name: "teams",
  title: "Microsoft Teams",
  summary: "Posts each event to a Teams channel as an Adaptive Card, through the URL of a Workflow.",
  config: (field) =>
    field.object({
      endpoint: field.secret().describe("URL of the Workflow `Send webhook alerts to a channel`; it is a secret."),
      format: field
        .choice(["adaptive", "messageCard"])
        .default("adaptive")
        .describe("`messageCard` is what the retired Office connectors took."),
      title: field
        .template()
        .default("{{ .Reason }}: {{ .InvolvedObject.Kind }} {{ .InvolvedObject.Name }}")
        .describe("Title."),
      text: field.template().default("{{ .Message }}").describe("Text; what an event says is not taken for Markdown."),
      layout: field
        .layout()
        .optional()
        .describe("Facts below the text; the exporter's `message` and `reason` become text and title."),
      card: field
        .layout()
        .optional()
        .describe(
          "An Adaptive Card of your own, templates in its strings; Markdown works in it, also that of an event.",
        ),
      headers: field.templates().default({}).describe("Headers to add; their values are templates."),
      ...field.connection(),
    }),
  example: {
    endpoint: { env: "TEAMS_WORKFLOW_URL" },
    layout: { namespace: "{{ .InvolvedObject.Namespace }}", count: "{{ .Count }}" },
  },
  batch: { count: 1 },
  wholeEvent: false,
  carriesId: false,
  updates: "countDoubles",
  create(config, context) {
    const { compat } = context;
    const endpoint = context.secret(config.endpoint);
    const [title, text] = [context.template(config.title), context.template(config.text)];
    const layout = config.layout && context.layout(config.layout);
    const own = config.card && context.layout(config.card);
    const payload = context.payload({ layout: config.layout });
    const headersOf = templatedHeaders(compat ? {} : config.headers, context);
    const literal = Object.entries(config.headers).map(([name, value]) => [name, String(value)] as const);
    const http = openHttp(config, context);

    const cardOf = (event: Event): cards.Card => {
      const { message, reason, metadata: _, ...rest } = layout?.(event) ?? {};
      const shown = (value: unknown) => cards.unmarked(typeof value === "string" ? value : JSON.stringify(value));
      return {
        title: typeof reason === "string" ? shown(reason) : cards.unmarked(title(event)),
        text: typeof message === "string" ? shown(message) : cards.unmarked(text(event)),
        color: event.type === "Normal" ? "default" : "attention",
        facts: Object.entries(rest).map(([name, value]) => [name, shown(value)] as const),
      };
    };
    const bodyOf = (event: Event): string => {
      if (compat) return cards.predecessorsCard(payload(event));
      return cards.fitted(cardOf(event), (card) =>
        config.format === "messageCard" ? cards.messageCard(card) : cards.adaptiveMessage(card, own?.(event)),
      );
    };
    return {
      render: ([event]) => ({ body: bodyOf(event) }),
      async deliver([event], signal) {
        const headers = [["Content-Type", "application/json"] as const, ...(compat ? literal : headersOf(event))];
        const request = { method: "POST", url: endpoint.reveal(), headers, body: bodyOf(event), signal };
        await http.send({ ...request, judge: cards.judgeTeams });
      },
      check: (signal) => http.reach(endpoint.reveal(), signal),
      async [Symbol.asyncDispose]() {
        http[Symbol.dispose]();
      },
    };
  },
});
