// biome-ignore-all lint/suspicious/noTemplateCurlyInString: this is how the shell writes a variable
/** What the vectors of sprig.json leave open: options, limits, keys and certificates, and findings from comparing with Go. */
import { describe, expect, test } from "bun:test";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { SLOW_FUNCTIONS, type SprigOptions, sprig, sprigFuncs } from "../../src/template/funcs/sprig.ts";
import { localZone } from "../../src/template/gotime-zone.ts";
import { compile } from "../../src/template/template.ts";

const options: SprigOptions = {
  clock: { now: () => Date.UTC(2026, 10, 20, 21, 44, 18), zone: localZone("Europe/Berlin") },
  random: (count) => Uint8Array.from({ length: count }, (_, index) => index),
  environment: { FOO: "bar" },
};
const functions = sprigFuncs(options);

function render(template: string, data: unknown = {}): string {
  return compile(template, { functions }).render(data);
}

// Output of Go 1.26 with sprig 3.3.0.
const CASES: readonly [template: string, out: string][] = [
  ['{{ camelcase "\\n" }}', "\n\n"],
  ['{{ snakecase "HTTPServer2Xfoo Bld4Floor3rd" }}', "http_server2_xfoo_bld4_floor_3rd"],
  ['{{ kebabcase "日本Foo" }}', "日本-foo"],
  ['{{ upper "ᾳ ß ǆ" }}{{ title "ა ǆx" }}', "ᾼ ß Ǆა ǅx"],
  ["{{ round -2.4 0 }} {{ round 2.5 -1 }}", "-3 0"],
  ["{{ chunk -2 (list 1) }}", "[[1]]"],
  ['{{ maxf (float64 "Inf") (float64 "NaN") }}', "+Inf"],
  [
    '{{ b64dec "YQ=Q" }}|{{ b64dec "Y" }}|{{ b32dec "NB=====" }}',
    "illegal base64 data at input byte 2|illegal base64 data at input byte 0|illegal base32 data at input byte 7",
  ],
  ['{{ expandenv "${}$FOO${-}$é" }}', "bar$é"],
  ['{{ semverCompare "!=1.5,>=1 " "1.5.0" }} {{ semverCompare "~> 1.x" "1.9.9" }}', "false true"],
  ['{{ merge (dict "a" (dict)) (dict "a" (dict "x" 1)) }}', "map[a:map[x:1]]"],
  ['{{ toJson (dict "f" 1e-7 "g" -0.0 "h" (list 1e21 1e20)) }}', '{"f":1e-7,"g":-0,"h":[1e+21,100000000000000000000]}'],
  ['{{ urlJoin (urlParse "http://u%20:p%40@[fe80::1%25eth0]:80/a%2Fb") }}', "http://u%20:p%40@[fe80::1%25eth0]:80/a/b"],
];

describe("Go's answers", () => {
  test.each(CASES)("%s", (template, out) => {
    expect(render(template)).toBe(out);
  });
});

test("the clock, the zone, randomness and the environment are the caller's", () => {
  expect(render('{{ now | date "2006-01-02 15:04 MST" }}')).toBe("2026-11-20 22:44 CET");
  expect(render('{{ toDate "2006-01-02" "2026-07-01" }}')).toBe("2026-07-01 00:00:00 +0200 CEST");
  expect(render('{{ ago (int64 1795211000) }} {{ durationRound (toDate "2006" "2020") }}')).toBe("58s 6y");
  expect(render("{{ uuidv4 }}")).toBe("00010203-0405-4607-8809-0a0b0c0d0e0f");
  expect(render("{{ randBytes 3 }}")).toBe("AAEC");
  expect(render('{{ env "FOO" }}{{ env "HOME" }}')).toBe("bar");
});

test("groups can be switched off, and names are never looked up", () => {
  const closed = sprigFuncs({ ...options, allow: [] });
  const load = (template: string) => (): unknown => compile(template, { functions: closed });
  expect(load('{{ env "FOO" }}')).toThrow("template.allow does not list env");
  for (const name of SLOW_FUNCTIONS) expect(load(`{{ ${name} "x" }}`)).toThrow("template.allow does not list crypto");
  expect(load('{{ sha256sum "x" }}{{ encryptAES "k" "x" }}')).not.toThrow();
  expect(() => compile('{{ getHostByName "x" }}', { functions: sprig })).toThrow("does not wait for name servers");
});

const BOMBS: readonly string[] = [
  "{{ until 1000000000 }}",
  '{{ repeat 1000000000 "x" }}',
  '{{ range until 100000 }}{{ repeat 1000 "x" }}{{ end }}',
  '{{ indent 1000000000 "x" }}',
  "{{ uniq (until 100000) }}",
  "{{ randAlpha 1000000000 }}",
  '{{ $d := dict "a" 1 }}{{ $_ := set $d "b" $d }}{{ deepCopy $d }}',
  '{{ $s := "x" }}{{ range until 100 }}{{ $s = cat $s $s }}{{ end }}',
  '{{ regexReplaceAll "" (repeat 1000 "x") (repeat 10000 "y") }}',
  "{{ seq 1 1000000000 }}",
  '{{ replace "" (repeat 10000 "y") (repeat 1000 "x") }}',
];

test.each(BOMBS)("%s ends soon, with an error", (template) => {
  const started = performance.now();
  expect(() => render(template)).toThrow();
  expect(performance.now() - started).toBeLessThan(500);
});

test("certificates are signed by their authority, for the names asked for", () => {
  const made: Record<string, string> = JSON.parse(
    render(
      `{{ $ca := genCAWithKey "ca é" 365 (genPrivateKey "ecdsa") -}}
       {{ $leaf := genSignedCertWithKey "foo" (list "10.0.0.1" "fe80::1") (list "bar.com") 30 $ca (genPrivateKey "ed25519") -}}
       {{ dict "ca" $ca.Cert "leaf" $leaf.Cert "key" $leaf.Key | toJson }}`,
    ),
  );
  const [ca, leaf] = [new X509Certificate(made.ca ?? ""), new X509Certificate(made.leaf ?? "")];
  expect(ca.ca).toBe(true);
  expect(ca.subject).toBe("CN=ca é");
  expect(leaf.checkIssued(ca)).toBe(true);
  expect(leaf.verify(ca.publicKey)).toBe(true);
  expect(leaf.checkPrivateKey(createPrivateKey(made.key ?? ""))).toBe(true);
  expect(leaf.checkHost("bar.com")).toBe("bar.com");
  expect(leaf.checkIP("10.0.0.1")).toBe("10.0.0.1");
  expect(leaf.checkIP("fe80::1")).toBe("fe80::1");
  expect(leaf.validTo).toBe("Dec 20 21:44:18 2026 GMT");
});

test("passwords", () => {
  const hash = render('{{ htpasswd "me" "pä" }}').slice(3);
  expect(hash).toStartWith("$2a$10$");
  expect(Bun.password.verifySync("pä", hash)).toBe(true);
  // From Go with sprig 3.3.0.
  expect(render('{{ derivePassword 3 "maximum" "pw" "usr" "site" }}')).toBe("x7@BIU^QHeN(P&ERZRPJ");
  expect(render('{{ encryptAES "key" "plain é" | decryptAES "key" }}')).toBe("plain é");
});
