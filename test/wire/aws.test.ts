/** @see https://docs.aws.amazon.com/general/latest/gr/signature-v4-test-suite.html for the requests and signatures */
import { expect, test } from "bun:test";
import { signature } from "../../src/wire/aws.ts";

const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
const scope = {
  ...{ region: "us-east-1", service: "service", contentHash: false },
  now: new Date("2015-08-30T12:36:00Z"),
};
const HOST = "https://example.amazonaws.com";
const FORM = ["Content-Type", "application/x-www-form-urlencoded"] as const;

const VECTORS: readonly [string, string, string, readonly (readonly [string, string])[], string, string][] = [
  ["get-vanilla", "GET", "/", [], "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"],
  [
    ...(["get-vanilla-query-order-key-case", "GET", "/?Param2=value2&Param1=value1", [], ""] as const),
    "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
  ],
  ["post-vanilla", "POST", "/", [], "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"],
  [
    ...(["post-x-www-form-urlencoded", "POST", "/", [FORM], "Param1=value1"] as const),
    "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
  ],
  [
    ...([
      "get-header-value-trim",
      "GET",
      "/",
      [
        ["My-Header1", " value1"],
        ["My-Header2", ' "a   b   c"'],
      ],
      "",
    ] as const),
    "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
  ],
];

for (const [name, method, path, headers, body, expected] of VECTORS) {
  test(`signs ${name} as AWS does`, () => {
    const added = new Map(signature({ method, url: `${HOST}${path}`, headers, body }, credentials, scope));
    expect(added.get("Authorization")).toEndWith(`Signature=${expected}`);
    expect([...added.keys()]).toEqual(["X-Amz-Date", "Authorization"]);
  });
}

test("adds the body's hash and a session's token, and signs both", () => {
  const request = { method: "POST", url: `${HOST}/_bulk?a=b`, headers: [], body: "{}" };
  const signed = signature(request, { ...credentials, sessionToken: "tok" }, { ...scope, contentHash: true });
  const added = Object.fromEntries(signed);
  expect(added["X-Amz-Content-Sha256"]).toBe("44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
  expect(added["X-Amz-Security-Token"]).toBe("tok");
  expect(added.Authorization).toContain("SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,");
});
