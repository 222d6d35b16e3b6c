/** Opsgenie, and Jira Service Management, which takes the same alerts. */
import type { Event } from "../src/event.ts";
import { defineSink } from "../src/sink.ts";
import { alertAddress, alertJson, judgeAlert, keyIsKnown, WAIT_HEADER } from "../src/wire/opsgenie.ts";
import { openHttp, templatedTexts } from "../src/wire/sink-http.ts";

export default defineSink({
  name: "opsgenie",
  title: "Opsgenie and Jira Service Management",
  summary: "Creates an alert for each event; updates of an event only raise the count of its alert.",
  config: (field) =>
    field.object({
      apiKey: field.secret().describe("Key of an API integration."),
      service: field
        .choice(["opsgenie", "jsm"])
        .default("opsgenie")
        .describe("`jsm`: Jira Service Management, Opsgenie's successor, with its own integration's key."),
      URL: field
        .text()
        .optional()
        .describe("Host or base URL of the API; in the EU Opsgenie's is `api.eu.opsgenie.com`."),
      message: field.template().default("{{ .Reason }}: {{ .Message }}").describe("Message; 130 characters are kept."),
      alias: field
        .template()
        .optional()
        .describe("What makes an alert the same while it is open; by default the event's uid."),
      description: field.template().optional().describe("Description."),
      priority: field.template().default("P3").describe("P1 to P5."),
      tags: field.templateList().default([]).describe("Tags, 20 at most."),
      details: field.templates().default({}).describe("Custom properties."),
      entity: field.template().optional().describe("What the alert is about."),
      source: field.template().optional().describe("Where it comes from; by default the API's address of Petrel."),
      ...field.connection(),
    }),
  example: {
    apiKey: { env: "OPSGENIE_API_KEY" },
    message: "{{ .Reason }}: {{ .InvolvedObject.Namespace }}/{{ .InvolvedObject.Name }}",
    description: "{{ .Message }}",
    priority: '{{ if eq .Type "Warning" }}P3{{ else }}P5{{ end }}',
  },
  batch: { count: 1 },
  wholeEvent: false,
  carriesId: true,
  updates: "countDoubles",
  create(config, context) {
    const { compat } = context;
    const key = context.secret(config.apiKey);
    const { message, alias, description, entity, source, priority } = config;
    const texts = templatedTexts({ message, alias, description, entity, source, priority }, context);
    const tags = config.tags.map((tag) => context.template(tag));
    const details = templatedTexts(config.details, context);
    const url = `${alertAddress(config.URL, config.service, compat)}/v2/alerts`;
    const http = openHttp(config, context);
    const headers = () =>
      [
        ["Content-Type", "application/json; charset=utf-8"],
        ["Accept", "application/json"],
        ["Authorization", `GenieKey ${key.reveal()}`],
      ] as const;
    const bodyOf = (event: Event) => {
      const own = { ...texts(event), details: details(event), tags: tags.map((tag) => tag(event)) };
      const same = own.alias || (compat ? "" : event.metadata.uid || event.id);
      return alertJson({ ...own, message: own.message || event.reason || "-", alias: same }, !compat);
    };
    return {
      render: ([event]) => ({ body: bodyOf(event) }),
      async deliver([event], signal) {
        const body = `${bodyOf(event)}${compat ? "\n" : ""}`;
        const request = { method: "POST", url, headers: headers(), body, signal };
        await http.send({ ...request, judge: judgeAlert, waitHeader: WAIT_HEADER });
      },
      check: (signal) => keyIsKnown(http, url, headers(), signal),
      async [Symbol.asyncDispose]() {
        http[Symbol.dispose]();
      },
    };
  },
});
