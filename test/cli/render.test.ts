import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { petrel } from "./io.ts";

const FIXTURES = join(import.meta.dir, "../fixtures");
const OBSERVED = join(FIXTURES, "exporter/event.json");
const TREE = join(FIXTURES, "cli/tree.yaml");

const render = (receiver: string, ...flags: string[]) => petrel(["render", "-c", TREE, ...flags, receiver, OBSERVED]);

describe("render", () => {
  test("prints the exporter's event JSON, byte for byte", async () => {
    const { code, out, err } = await render("dump", "--compat", "exporter");
    const seen = readFileSync(join(FIXTURES, "exporter/stdout-sink.jsonl"), "utf8").split("\n")[0] ?? "";
    expect(Object.keys(JSON.parse(out))).toEqual(Object.keys(JSON.parse(seen)));
    expect(out).toContain('"message":"Back-off \\u003crestarting\\u003e failed \\u0026 \\"container\\""');
    expect(out).toContain('"clusterName":"ours"');
    expect(out).toEndWith("}\n");
    expect(err).toBe("");
    expect(code).toBe(0);
  });

  test.each([
    [[], '{"count":5,"text":"BackOff Back-off \\u003crestarting\\u003e failed \\u0026 \\"container\\""}\n'],
    [
      ["--compat", "exporter"],
      '{"count":null,"text":"BackOff Back-off \\u003crestarting\\u003e failed \\u0026 \\"container\\""}\n',
    ],
  ])("prints a layout %j", async (flags, payload) => {
    expect(await render("prod", ...flags)).toEqual({ code: 0, out: payload, err: "" });
  });

  test("as JSON has body and headers", async () => {
    const { code, out } = await render("alerts", "-o", "json");
    const { body, headers, ...more } = JSON.parse(out);
    expect(more).toEqual({});
    expect(JSON.parse(body).reason).toBe("BackOff");
    expect(headers).toMatchObject({ "Content-Type": "application/json", "X-Kind": "Pod" });
    expect(code).toBe(0);
  });

  test("keeps tokens in headers to itself", async () => {
    const folder = mkdtempSync(join(tmpdir(), "petrel-render-"));
    try {
      const config = join(folder, "c.yaml");
      const headers = '{ Authorization: Bearer hunter2, X-Api-Key: "$KEY", X-Kind: "{{ .InvolvedObject.Kind }}" }';
      writeFileSync(config, `receivers: [{ name: w, webhook: { endpoint: "http://a.example", headers: ${headers} } }]`);
      const { out } = await petrel(["render", "-c", config, "-o", "json", "w", OBSERVED], { env: { KEY: "hunter3" } });
      const shown = { Authorization: "[secret]", "X-Api-Key": "[secret]", "X-Kind": "Pod" };
      expect(JSON.parse(out).headers).toMatchObject(shown);
      expect(out).not.toContain("hunter");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("tells an event that fails on a template, and renders the others", async () => {
    const config = join(FIXTURES, "cli/bad-template.yaml");
    const words = await petrel(["render", "-c", config, "bad", OBSERVED]);
    expect(words.code).toBe(1);
    expect(words.out).toBe("");
    expect(words.err).toContain("{{ .Nope }}");
    const json = await petrel(["render", "-c", config, "-o", "json", "bad", OBSERVED]);
    expect(json.code).toBe(1);
    expect(Object.keys(JSON.parse(json.out))).toEqual(["error"]);
  });

  test.each([
    [["dmp", OBSERVED], 'the config has no receiver "dmp"; did you mean dump?'],
    [["xyzzy", OBSERVED], 'the config has no receiver "xyzzy"; there are: dump, alerts, prod, spare'],
    [["dump"], "EVENT missing"],
    [[], "RECEIVER and EVENT missing"],
  ])("%j: %s", async (args, message) => {
    const { code, out, err } = await petrel(["render", "-c", TREE, ...args]);
    expect(err).toContain(message);
    expect(out).toBe("");
    expect(code).toBe(2);
  });
});

describe("template", () => {
  const template = (text: string, ...flags: string[]) => petrel(["template", text, "--event", OBSERVED, ...flags]);

  test.each([
    ["{{ .Reason }}", "BackOff"],
    ["- {{ .InvolvedObject.Namespace }}/{{ .InvolvedObject.Name }}\n", "- default/web-1\n"],
    ["plain", "plain"],
    ["", ""],
  ])("%j prints %j, and nothing else", async (text, out) => {
    expect(await template(text)).toEqual({ code: 0, out, err: "" });
  });

  test("over several events ends each text", async () => {
    const event = readFileSync(OBSERVED, "utf8").trimEnd();
    const ran = await petrel(["template", "{{ .Type }}", "--event", "-"], { stdin: `${event}\n${event}\n` });
    expect(ran).toEqual({ code: 0, out: "Warning\nWarning\n", err: "" });
  });

  test("as JSON", async () => {
    expect((await template("{{ .Count }}", "-o", "json")).out).toBe('{"text":"7"}\n');
  });

  test("that is wrong fails on stderr", async () => {
    const { code, out, err } = await template("{{ .Nope }}");
    expect(code).toBe(1);
    expect(out).toBe("");
    expect(err).toMatch(/^petrel: .*\.Nope/);
    expect(Object.keys(JSON.parse((await template("{{ .Nope }}", "-o", "json")).out))).toEqual(["error"]);
  });

  test("may be in eta", async () => {
    expect(await template("<%= it.reason %> <%= it.nope?.x %>", "--language", "eta")).toMatchObject({
      code: 0,
      out: "BackOff undefined",
    });
    expect(await template("a\n<%= it.nope.x %>", "--language", "eta")).toMatchObject({
      code: 1,
      err: "petrel: eta: line 2: undefined is not an object (evaluating 'it.nope.x')\n",
    });
  });

  test("renders any data, as Go decodes it", async () => {
    const data = (text: string, stdin: string, ...flags: string[]) =>
      petrel(["template", text, "--data", "-", ...flags], { stdin });
    expect(await data('{{ .a.b }} {{ printf "%T" .n }}', '{"a":{"b":[1,2.5,"x"]},"n":7}')).toEqual({
      code: 0,
      out: "[1 2.5 x] float64",
      err: "",
    });
    expect((await data("{{ index .y 0 | upper }}", "y: [a]\n", "-o", "json")).out).toBe('{"text":"A"}\n');
    expect(await data('{{ fail "no" }}', "{}")).toMatchObject({ code: 1, out: "" });
    expect((await data("x", "a: [")).err).toContain("- holds neither JSON nor YAML");
    expect((await petrel(["template", "x", "--data", "gone.json"])).err).toContain("gone.json cannot be read: ENOENT");
    expect((await data("x", "{}", "--event", OBSERVED)).code).toBe(2);
  });

  test("without an event is a wrong usage", async () => {
    expect(await petrel(["template", "x"])).toMatchObject({ code: 2, out: "" });
  });
});
