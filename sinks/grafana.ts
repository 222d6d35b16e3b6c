/** Grafana's annotations, and Graphite's events. */
import type { Event } from "../src/event.ts";
import { defineSink } from "../src/sink.ts";
import { annotationsUrl, graphiteTags, html, limitedTags, readable } from "../src/wire/annotations.ts";
import { newestMs } from "../src/wire/event-time.ts";
import { authorization, clipped, openHttp } from "../src/wire/sink-http.ts";

export default defineSink({
  name: "grafana",
  title: "Grafana annotations",
  summary: "Marks each event in Grafana's dashboards as an annotation, or sends it to Graphite's events.",
  config: (field) =>
    field.object({
      url: field
        .url()
        .describe("Grafana's address. With a path it is used as it is: Graphite's own is `http://graphite/events/`."),
      format: field
        .choice(["grafana", "graphite"])
        .default("grafana")
        .describe("`graphite`: `what`, `tags`, `when` and `data`, as Graphite and Grafana's API for it take them."),
      token: field.secret().optional().describe("Token of a service account that may create annotations."),
      username: field.text().optional().describe("User of Basic authorization."),
      password: field.secret().optional().describe("Password of Basic authorization."),
      text: field.template().default("{{ .Message }}").describe("Text; for Graphite the data below the title."),
      title: field
        .template()
        .default("{{ .Reason }} {{ .InvolvedObject.Namespace }}/{{ .InvolvedObject.Name }}")
        .describe("First line in bold; for Graphite `what`."),
      tags: field
        .templateList()
        .default(["kubernetes", "{{ .Type }}", "{{ .Reason }}", "{{ .InvolvedObject.Namespace }}"])
        .describe("Tags; Grafana takes 500 characters of them."),
      dashboardUID: field.text().optional().describe("Dashboard; without one all dashboards can show it."),
      panelId: field.integer().optional().describe("Panel of the dashboard."),
      region: field.flag().default(false).describe("Mark the time from an event's first to its last occurrence."),
      ...field.connection(),
    }),
  example: { url: "https://grafana.example.com", token: { env: "GRAFANA_TOKEN" }, tags: ["k8s", "{{ .Reason }}"] },
  batch: { count: 1 },
  wholeEvent: false,
  carriesId: false,
  updates: "countDoubles",
  create(config, context) {
    const native = config.format === "grafana";
    const url = annotationsUrl(config.url, config.format);
    const [title, text] = [context.template(config.title), context.template(config.text)];
    const templates = config.tags.map((tag) => context.template(tag));
    const credentials = authorization({ ...config, bearerToken: config.token }, context);
    const http = openHttp(config, context);
    const bodyOf = (event: Event) => {
      const time = newestMs(event, Date.now());
      const tags = templates.map((tag) => tag(event)).filter((tag) => tag !== "");
      const [what, data] = [clipped(title(event), 250), clipped(text(event), 4_000)];
      if (!native) return { what, tags: graphiteTags(tags), when: Math.floor(time / 1000), data };
      const first = config.region ? Date.parse(event.firstTimestamp ?? "") : Number.NaN;
      const times = first > 0 && first < time ? { time: first, timeEnd: time } : { time };
      const place = { dashboardUID: config.dashboardUID, panelId: config.panelId };
      return {
        ...place,
        ...times,
        tags: limitedTags(tags),
        text: what === "" ? data : `<b>${html(what)}</b>\n${html(data)}`,
      };
    };
    return {
      render: ([event]) => ({ body: JSON.stringify(bodyOf(event)) }),
      async deliver([event], signal) {
        const headers: [string, string][] = [["Content-Type", "application/json"]];
        const said = credentials();
        if (said !== undefined) headers.push(["Authorization", said]);
        await http.send({ method: "POST", url, headers, body: JSON.stringify(bodyOf(event)), signal });
      },
      check: (signal) => (native ? readable(http, url, credentials(), signal) : http.reach(url, signal)),
      async [Symbol.asyncDispose]() {
        http[Symbol.dispose]();
      },
    };
  },
});
