/** No secret of a config in what is said about it. */
import { describe, expect, test } from "bun:test";
import { parseConfig } from "../../src/config/load.ts";
import { describeFindings, findingsJson } from "../../src/config/report.ts";

const MARK = "s3cr3t_MARK_0123456789";

/** All that a person or a program gets to see. */
function said(yaml: string, env: Record<string, string> = {}, compat = false): string {
  const loaded = parseConfig(yaml, { file: "c.yaml", env, compat });
  expect(loaded.findings.length).toBeGreaterThan(0);
  return describeFindings(loaded) + findingsJson(loaded.findings);
}

const hook = (lines: string) => `route: { match: [{ receiver: a }] }
receivers:
  - name: a
${lines.replace(/^/gm, "    ")}
`;

const CASES: Readonly<Record<string, string>> = {
  "in a URL that is none": hook(`webhook: { endpoint: "htp://x/${MARK}" }`),
  "in a URL beside a mistake": hook(`webhook: { endpoint: "http://x/${MARK}", fooo: 1 }`),
  "as a user's password in a URL": hook(`webhook: { endpoint: "http://u:${MARK}@x/", fooo: 1 }`),
  "as a variable that nobody has": hook(`webhook: { endpoint: "http://x", proxy: "a$${MARK}" }`),
  "as a proxy of the wrong type": hook(`webhook:\n  endpoint: http://x\n  proxy: [${MARK}]`),
  "beside an unknown key": hook(`webhook: { endpoint: "http://x", proxy: ${MARK}, fooo: 1 }`),
  "in an unknown key": hook(`webhook: { endpoint: "http://x", apiToken: ${MARK} }`),
  "in a header with a bad field": hook(
    `webhook:\n  endpoint: http://x\n  headers:\n    Authorization: "Bearer ${MARK} {{ .nope }}"`,
  ),
  "of a sink that is not there": hook(`alertmanager: { token: ${MARK}, channel: x }`),
  "in a duplicate": hook(`webhook:\n  endpoint: http://x/${MARK}\n  endpoint: http://y/${MARK}`),
  "in an object's place": hook(`webhook: ${MARK}`).replace("webhook:", "apiKey:"),
  "in text that does not parse": hook(`webhook:\n  endpoint: http://x\n  password: "${MARK}\n  proxy: b`),
  "in a line with a second colon": hook(`slack:\n  token: ${MARK}: x`),
  "after a full-width colon": hook(`slack:\n  token：${MARK}`),
  "after a tab": hook(`slack:\n\t  token: ${MARK}`),
  "in an unquoted template": hook(`webhook:\n  endpoint: http://x\n  headers:\n    X-Api-Key: {{ .x }} ${MARK}`),
  "as an alias": hook(`slack:\n  token: *${MARK}`),
  "in a block": hook(`webhook:\n  endpoint: http://x\n  proxy: |\n    ${MARK}\n  fooo: 1`),
};

describe("a literal secret", () => {
  for (const [name, yaml] of Object.entries(CASES)) {
    test(name, () => {
      expect(said(yaml)).not.toContain(MARK);
      expect(said(yaml, {}, true)).not.toContain(MARK);
    });
  }
});

describe("a secret from the environment", () => {
  const yaml = hook(
    "webhook:\n  endpoint: \u0024{S}\n  fooo: \u0024{S}\n  gzip: \u0024{S}\n  layout: { a: '{{ .nope }} \u0024{S}' }\ntimeout: \u0024{S}",
  );
  const patterns =
    "route: { drop: [{ kind: '*\u0024{S}' }], match: [{ receiver: a, type: \u0024{S} }] }\nlogLevel: \u0024{S}\nkubeQPS: \u0024{S}\n";
  for (const compat of [false, true]) {
    test(compat ? "put in before parsing" : "put in after parsing", () => {
      expect(said(yaml, { S: MARK }, compat)).not.toContain(MARK);
      expect(said(patterns, { S: MARK }, compat)).not.toContain(MARK);
    });
  }
});

test("references are shown: they are what people need to see", () => {
  const yaml = hook("webhook:\n  endpoint: http://x\n  headers: { Authorization: Bearer \u0024{NOPE} }");
  expect(said(yaml)).toContain("Bearer \u0024{NOPE}");
  expect(said(hook("webhook: { endpoint: http://x, proxy: { file: /nope } }"))).toContain("/nope");
});
