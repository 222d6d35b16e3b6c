/** What random templates found Petrel and Go to do differently, once: each as real Go does it. */
import { describe, expect, test } from "bun:test";
import { compileEventTemplate } from "../../src/event-template/go.ts";
import { sprigFuncs } from "../../src/template/funcs/sprig.ts";
import { busyMs } from "./busy.ts";
import { readEvents, run } from "./vectors.ts";

const functions = sprigFuncs({ environment: { FOO: "bar", EMPTY: "" } });
const events = await readEvents();

const OWNER = "apps/v1 StatefulSet db 77777777-8888-4999-8aaa-bbbbbbbbbbbb <nil> <nil>";
const OWNER_TEXT =
  "&OwnerReference{Kind:StatefulSet,Name:db,UID:77777777-8888-4999-8aaa-bbbbbbbbbbbb,APIVersion:apps/v1,Controller:nil,BlockOwnerDeletion:nil,}";
const ONE_OWNER = "slice .InvolvedObject.OwnerReferences 0 1";

type Row = readonly [template: string, event: string, expected: string | { readonly error: RegExp }];

const FINDINGS: Readonly<Record<string, readonly Row[]>> = {
  "sprig asks a nil time for its text, and panics where fmt does not": [
    ["{{ quote .DeletionTimestamp }}", "rich", { error: /error calling quote: .* nil pointer dereference/ }],
    ["{{ toString .DeletionTimestamp }}", "rich", { error: /error calling toString: / }],
    ["{{ toStrings (list .DeletionTimestamp) }}", "rich", { error: /error calling toStrings: / }],
    ["{{ dict .DeletionTimestamp 1 }}", "rich", { error: /error calling dict: / }],
    [
      "{{ squote .DeletionTimestamp }}{{ cat .DeletionTimestamp }}{{ .DeletionTimestamp }}",
      "rich",
      "'<nil>'<nil><nil>",
    ],
    // A series answers for itself.
    ["{{ quote .Series }}", "rich", '"nil"'],
  ],
  "a nil time prints as <nil> whatever the verb, the flags and the width": [
    [
      '{{ printf "%12v|%#q|%+5s|%x" .DeletionTimestamp .DeletionTimestamp .DeletionTimestamp .DeletionTimestamp }}',
      "rich",
      "<nil>|<nil>|<nil>|<nil>",
    ],
    [
      '{{ printf "%#v|%#5v|%#v" .DeletionTimestamp .DeletionTimestamp .Related }}',
      "rich",
      "<nil>|<nil>|(*v1.ObjectReference)(nil)",
    ],
  ],
  "what wraps an error is no %v to a list of bytes": [
    ['{{ printf "%#w %#v" (slice .ToJSON 0 1) (slice .ToJSON 0 1) }}', "rich", "[]uint8{%!w(uint8=0x7b)} []byte{0x7b}"],
  ],
  "of two halves of the day, both count": [
    ['{{ (toDate "pmpm," "pmam,").Format "15" }}{{ (toDate "pmpm3" "ampm12").Format "15" }}', "rich", "1200"],
  ],
  "an element that a function gives has lost its address, and its String method with it": [
    ["{{ first .InvolvedObject.OwnerReferences }}", "series", `{${OWNER}}`],
    ["{{ index .InvolvedObject.OwnerReferences 0 }}", "series", OWNER_TEXT],
    [`{{ join "," (${ONE_OWNER}) }}`, "series", `{${OWNER}}`],
    [`{{ range ${ONE_OWNER} }}{{ . }}{{ end }}`, "series", OWNER_TEXT],
    [`{{ range append (${ONE_OWNER}) 1 }}{{ . }} {{ end }}`, "series", `{${OWNER}} 1 `],
    [`{{ range prepend (${ONE_OWNER}) 1 }}{{ . }} {{ end }}`, "series", `1 {${OWNER}} `],
    [`{{ range reverse (${ONE_OWNER}) }}{{ . }}{{ end }}`, "series", `{${OWNER}}`],
  ],
  "shuffle makes three bytes of each that is no UTF-8": [
    ['{{ shuffle "\\xff\\xfe" | len }}', "rich", "6"],
    ['{{ shuffle "é" | len }}', "rich", "2"],
  ],
  "a nil pointer inside something is copied as a plain nil": [
    ["{{ deepCopy (list .Related .DeletionTimestamp nil) }}", "rich", "[<nil> <nil> <nil>]"],
    ['{{ deepCopy (dict "a" .Related) }}', "rich", "map[a:<nil>]"],
    ["{{ deepCopy .Related }}", "rich", "nil"],
  ],
  "slice reaches as far as Go has set memory aside": [
    ["{{ slice (until 5) 1 7 }}{{ slice (append (list 1 2 3) 4) 0 6 }}", "rich", "[1 2 3 4 0 0][1 2 3 4 <nil> <nil>]"],
    ["{{ slice (list 1 2 3) 0 4 }}", "rich", { error: /out of bounds/ }],
    ["{{ slice (slice (until 5) 1 2) 0 6 }}", "rich", "[1 2 3 4 0 0]"],
    ["{{ slice (until 5) 0 9 }}", "rich", { error: /out of bounds/ }],
    ['{{ slice (fromJson "[1,2,3]") 0 4 | toJson }}', "rich", "[1,2,3,null]"],
    ['{{ slice (regexFindAll "a" "aa" -1) 0 10 | len }}{{ slice (compact (until 300)) 0 303 | len }}', "rich", "10303"],
  ],
  "sortAlpha sorts a []string in place": [
    ['{{ $l := splitList "," "b,a" }}{{ $_ := sortAlpha $l }}{{ $l }}', "rich", "[a b]"],
    ['{{ $l := list "b" "a" }}{{ $_ := sortAlpha $l }}{{ $l }}', "rich", "[b a]"],
  ],
  "bytes that are no UTF-8 belong to the word that goes on after them": [
    ['{{ kebabcase "A\\ufffdB" }}|{{ snakecase "a.\\ufffd.b" }}', "rich", "a\ufffdb|a.\ufffd.b"],
    ['{{ kebabcase "a\\xff" | len }} {{ kebabcase "\\xffAb" | len }} {{ kebabcase "\\xff" | len }}', "rich", "2 5 1"],
    ['{{ snakecase "AB\\xffc" | len }} {{ snakecase "-\\xff-a" | len }}', "rich", "7 6"],
  ],
  "the local zone of a process in UTC is UTC itself": [
    [
      '{{ (toDate "2006-01-02" "2024-02-29").GoString }}',
      "rich",
      "time.Date(2024, time.February, 29, 0, 0, 0, 0, time.UTC)",
    ],
  ],
};

for (const [name, rows] of Object.entries(FINDINGS)) {
  describe(name, () => {
    test.each(rows)("%s", (template, event, expected) => {
      const outcome = run({ id: "", template, event }, events, functions);
      if (typeof expected !== "string") {
        expect(outcome).toMatchObject({ is: "execError", message: expect.stringMatching(expected.error) });
      } else {
        expect(outcome.is === "out" ? new TextDecoder().decode(outcome.bytes) : outcome).toBe(expected);
      }
    });
  });
}

describe("what was made faster writes what it wrote before", () => {
  test.each([
    [
      '{{ toJson (dict "10" 1 "2" 2 "a" "\\xff<\\b\\f\\\\ud800") }}',
      '{"10":1,"2":2,"a":"\\ufffd\\u003c\\b\\f\\\\ud800"}',
    ],
    ['{{ toRawJson (list "<&>" "\\u2028" "\\x7f\\x00") }}', '["<&>","\\u2028","\x7f\\u0000"]'],
    [
      '{{ printf "%#q %q %+q" "\\x00é\\u200b\\xff\\u2028`\\"" "\\x00é\\u200b\\xff\\u2028`\\"💡" "\\x00é\\u200b\\xff💡" }}',
      '"\\x00é\\u200b\\xff\\u2028`\\"" "\\x00é\\u200b\\xff\\u2028`\\"💡" "\\x00\\u00e9\\u200b\\xff\\U0001f4a1"',
    ],
    ['{{ lower "ΑΣ İ ẞ Σ" }}|{{ lower "größer ÄÖ Ω" }}', "ασ i ß σ|größer äö ω"],
  ])("%s", (template, expected) => {
    const outcome = run({ id: "", template, event: "rich" }, events, functions);
    expect(outcome.is === "out" ? new TextDecoder().decode(outcome.bytes) : outcome).toBe(expected);
  });

  test("labels whose names are numbers keep Go's order in JSON", () => {
    const rich = events.get("rich");
    if (rich === undefined) throw new Error("no event");
    const labels = { "2": "b", "10": "a", app: "\ud800<" };
    const event = { ...rich, metadata: { ...rich.metadata, labels } };
    const { render } = compileEventTemplate("{{ toJson . }}", { functions });
    expect(render(event)).toContain('"labels":{"10":"a","2":"b","app":"\\ufffd\\u003c"}');
  });
});

describe("steps are not equally long", () => {
  const message = "Hello <World> foo_Bar-x!\n".repeat(4_000);
  test.each([
    "kebabcase $.Message",
    "toJson $",
    "$.ToJSON",
    "trimAll $.Message $.Message",
    "b32enc $.Message",
    'regexReplaceAll "(\\\\w+)[aeiou]?(l|W)" $.Message "$1x"',
    'toDate "Monday January 2 2006 15:04:05.000 -0700 MST" "Monday"',
    'semverCompare ">=1.2.3-0 <2 || ^3.x" "1.2.3-beta.1"',
    'printf "%v %q %x" $ $.Message $.Message',
  ])("%s, over and over, ends in time", (call) => {
    const rich = events.get("rich");
    if (rich === undefined) throw new Error("no event");
    const { render } = compileEventTemplate(`{{ range 90000 }}{{ $x := ${call} }}{{ end }}`, { functions });
    const spent: number[] = [];
    for (let round = 0; round < 5; round++) {
      const work = () => expect(() => render({ ...rich, message })).toThrow(/more than \d+ (?:steps|ms)/);
      spent.push(busyMs(work));
    }
    expect(Math.min(...spent)).toBeLessThan(50);
  });
});
