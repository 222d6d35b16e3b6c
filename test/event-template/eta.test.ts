import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { loadSinks } from "../../sinks/index.ts";
import { parseConfig } from "../../src/config/load.ts";
import { eventTemplates } from "../../src/event-template/compiler.ts";
import { compileEta } from "../../src/event-template/eta.ts";
import { compileLayout } from "../../src/payload.ts";
import { createSinkContext } from "../../src/pipeline/context.ts";
import { TemplateError } from "../../src/template/error.ts";
import { anEvent, recordingLogger } from "../contract.ts";
import { aConfig, aReceiver } from "../harness.ts";

const event = anEvent();

function failure(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof TemplateError) return `${error.line}: ${error.message}`;
    throw error;
  }
  return "nothing thrown";
}

describe("eta", () => {
  const rows: [string, string][] = [
    ["<%= it.reason %>: <%= it.message %>", "BackOff: Back-off <restarting> failed container"],
    ["<%= it.involvedObject.labels['app.kubernetes.io/name'] %>", "web"],
    ["<%= it.metadata.name %> <%= it.eventTime === null %>", "web-1.17aa true"],
    ["<% if (it.count > 3) { %>often<% } else { %>seldom<% } %>", "often"],
    ["<%= Object.keys(it.source).join() %>", "component,host"],
    ["<%= `$" + "{it.type}` %>", "Warning"],
    ["<%= '\\ud83d' %>", "\ufffd"],
    ["no template", "no template"],
  ];
  test.each(rows)("%s", (text, expected) => expect(compileEta(text)(event)).toBe(expected));

  const failures: [string, string, string][] = [
    ["a tag that is not closed", "a\n<%= it.reason ", "2: eta: line 2: unclosed tag"],
    ["a bad expression", "a\n\n<%= it.reason + %>", "3: eta: line 3: Unexpected token ')'"],
    ["a bad statement", "<% for (;) { %>", "1: eta: line 1: Unexpected token ')'"],
    [
      "what fails on this event",
      "one\n<%= it.series.count %>",
      "2: eta: line 2: undefined is not an object (evaluating 'it.series.count')",
    ],
    ["what the author throws", "<% throw new Error('no') %>", "1: eta: line 1: no"],
  ];
  test.each(failures)("%s is a TemplateError with its line", (_, text, expected) => {
    expect(failure(() => compileEta(text)(event))).toBe(expected);
  });

  test("includes nothing from the disk", () => {
    const folder = mkdtempSync(`${tmpdir()}/petrel-eta-`);
    writeFileSync(`${folder}/part.eta`, "from the disk");
    for (const name of [`${folder}/part.eta`, "./part", "part"]) {
      expect(failure(() => compileEta(`<%~ include(${JSON.stringify(name)}) %>`)(event))).toStartWith(
        "1: eta: line 1: ",
      );
    }
    rmSync(folder, { recursive: true });
  });
});

describe("the templates of a config", () => {
  const withEta = aConfig({
    receivers: [aReceiver("a", { language: "eta" }), aReceiver("b", { config: { layout: { a: "{{ now }}" } } })],
  });

  test("are Go's with sprig, or eta", async () => {
    const compile = await eventTemplates(withEta, { HOME: "/root" });
    expect(compile("{{ .Reason | upper }} {{ env `HOME` }}")(event)).toBe("BACKOFF /root");
    expect(compile("<%= it.reason %>", "eta")(event)).toBe("BackOff");
  });

  test("load no engine when all are plain", async () => {
    const layout = { a: "{{ .Reason }} of {{ .InvolvedObject.Kind }}" };
    const compile = await eventTemplates(aConfig({ receivers: [aReceiver("a", { config: { layout } })] }), {});
    expect(compile(layout.a)(event)).toBe("BackOff of Pod");
    expect(failure(() => compile("{{ now }}"))).toContain("the config was not known to hold this template");
  });

  test("may use what `allow` lists", async () => {
    const { limits } = withEta.template;
    const compile = await eventTemplates({ ...withEta, template: { allow: [], limits } }, {});
    expect(failure(() => compile('{{ env "HOME" }}'))).toContain("template.allow does not list env");
    expect(failure(() => compile("{{ genPrivateKey `rsa` }}"))).toContain("template.allow does not list crypto");
    expect(failure(() => compile("<%= 1 %>", "eta"))).toBe("1: eta is not available: template.allow does not list it");
  });

  test("keep within their limits", async () => {
    const template = { allow: [], limits: { output: 100, steps: 50, depth: 5 } };
    const compile = await eventTemplates({ ...withEta, template }, {});
    expect(failure(() => compile("{{ range until 60 }}{{ end }}")(event))).toContain("raise template.limits.steps");
    expect(failure(() => compile('{{ repeat 200 "x" }}')(event))).toContain("raise template.limits.output");
    expect(failure(() => compile('{{ define "a" }}{{ template "a" }}{{ end }}{{ template "a" }}')(event))).toContain(
      "exceeded maximum template depth (5)",
    );
    expect(compile("{{ range until 10 }}x{{ end }}")(event)).toBe("xxxxxxxxxx");
  });

  test("in a layout, one field may be eta", async () => {
    const receivers = [aReceiver("a", { config: { layout: { list: [{ eta: "x" }] } } })];
    const compile = await eventTemplates(aConfig({ receivers }), {});
    const layout = {
      a: { eta: "<%= it.count + 1 %>" },
      b: "{{ .Count }} <%= 1 %>",
      c: { eta: 5 },
      d: { eta: "x", f: 1 },
    };
    expect(compileLayout(layout, { compile, compat: false, language: "go" })(event)).toBe(
      '{"a":"8","b":"7 \\u003c%= 1 %\\u003e","c":{"eta":5},"d":{"eta":"x","f":1}}',
    );
    expect(
      compileLayout({ a: "{{ .Count }}<%= it.count %>" }, { compile, compat: false, language: "eta" })(event),
    ).toBe('{"a":"{{ .Count }}7"}');
  });
});

describe("in a config", () => {
  const yaml = `route: { match: [{ receiver: a }] }
receivers:
  - name: a
    webhook:
      endpoint: http://127.0.0.1:9/x
      headers: { X-Reason: { eta: "<%= \`$\{it.reason}!\` %>" }, X-Type: "{{ .Type }}" }
      layout: { n: { eta: "<%= it.count + 1 %>" }, type: "{{ .Type }}" }
`;

  test("one field may be eta: read, compiled, sent", async () => {
    const { config, findings } = parseConfig(yaml, { file: "c", env: {} });
    expect(findings).toEqual([]);
    const [receiver] = config?.receivers ?? [];
    const [definition] = await loadSinks(receiver && [receiver.sink]);
    if (!config || !receiver || !definition) throw new Error("not read");
    const context = createSinkContext({
      receiver: "a",
      logger: recordingLogger().logger,
      compat: false,
      compileTemplate: await eventTemplates(JSON.parse(JSON.stringify(config)), {}),
      env: {},
    });
    const sink = await definition.create(receiver.config as never, context);
    const { body, headers } = sink.render([event]);
    expect(body).toBe('{"n":"8","type":"Warning"}');
    expect(headers).toMatchObject({ "X-Reason": "BackOff!", "X-Type": "Warning" });
  });

  test("the exporter knows nothing of it", () => {
    const { config } = parseConfig(yaml.replace(/ +headers.*\n/, ""), { file: "c", env: {}, compat: true });
    expect(config?.receivers[0]?.config.layout).toEqual({ n: { eta: "<%= it.count + 1 %>" }, type: "{{ .Type }}" });
    const compat = { compile: () => () => "rendered", compat: true, language: "go" } as const;
    expect(compileLayout({ n: { eta: "<%= 1 %>" } }, compat)(event)).toBe('{"n":{"eta":"\\u003c%= 1 %\\u003e"}}');
  });
});
