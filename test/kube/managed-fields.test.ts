import { expect, test } from "bun:test";
import { withoutManagedFields } from "../../src/kube/managed-fields.ts";

const FIELDS = '"managedFields":[{"manager":"kube[l]et","fieldsV1":{"f:a":{},"k:{\\"uid\\":\\"x]\\"}":[[],[]]}},{}]';

test.each([
  ["last in metadata", `{"metadata":{"name":"a",${FIELDS}},"reason":"r"}`, '{"metadata":{"name":"a"},"reason":"r"}'],
  ["first", `{"metadata":{${FIELDS},"name":"a"}}`, '{"metadata":{"name":"a"}}'],
  ["between others", `{"metadata":{"a":1,${FIELDS},"b":2}}`, '{"metadata":{"a":1,"b":2}}'],
  ["alone", `{"metadata":{${FIELDS}}}`, '{"metadata":{}}'],
  [
    "in a watch line",
    `{"type":"ADDED","object":{"metadata":{${FIELDS}}}}`,
    '{"type":"ADDED","object":{"metadata":{}}}',
  ],
  ["not there", '{"metadata":{"name":"a"}}', '{"metadata":{"name":"a"}}'],
  ["in a message", '{"message":"\\"managedFields\\":[1]"}', '{"message":"\\"managedFields\\":[1]"}'],
  ["cut off", '{"metadata":{"managedFields":[{"a":"', '{"metadata":{"managedFields":[{"a":"'],
  ["empty", '{"metadata":{"managedFields":[]},"x":"ü💥"}', '{"metadata":{},"x":"ü💥"}'],
])("%s", (_, before, after) => {
  expect(Buffer.from(withoutManagedFields(Buffer.from(before))).toString()).toBe(after);
});

test("a long text around it stays whole", () => {
  const long = "x".repeat(200_000);
  const json = `{"metadata":{"name":"${long}",${FIELDS}},"message":"${long}"}`;
  expect(Buffer.from(withoutManagedFields(Buffer.from(json))).toString()).toBe(
    `{"metadata":{"name":"${long}"},"message":"${long}"}`,
  );
});
