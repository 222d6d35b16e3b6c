// biome-ignore-all lint/suspicious/noTemplateCurlyInString: this is how Go writes the name of a group
/**
 * The examples of sprig's documentation whose result is the same each time, page by page.
 *
 * @see https://masterminds.github.io/sprig/
 */

export interface Example {
  readonly page: string;
  readonly template: string;
  /** What the page says, as text/template prints such a value. */
  readonly documented: string;
  /** What sprig v3.3.0 really gives, where that is something else, and why. */
  readonly really?: readonly [output: string, why: string];
}

type Row = readonly [template: string, documented: string, really?: readonly [output: string, why: string]];

const FLOAT = "a float64 without a fraction prints without a point";
const MY_LIST = "{{ $myList := list 1 2 3 4 5 }}";
const MY_DICT = '{{ $myDict := dict "name1" "value1" "name2" "value2" "name3" "value 3" }}';
const USER = '{{ $dict := dict "user" (dict "role" (dict "humanName" "curator")) }}';
const OVERWRITE =
  '{{ $dst := dict "default" "default" "overwrite" "me" "key" true }}{{ $src := dict "overwrite" "overwritten" "key" false }}';
const VERSION = '{{ $version := semver "1.2.3-alpha.1+123" }}';
const PROBES =
  '"0.0.0" "0.0.2" "0.0.3" "0.0.4" "0.1.0" "0.2.0" "0.2.3" "0.2.9" "0.3.0" "0.9.9" "1.0.0" "1.1.9" "1.2.0" "1.2.2" "1.2.3" "1.2.9" "1.3.0" "1.4.4" "1.4.5" "1.4.6" "1.9.9" "2.0.0" "2.2.9" "2.3.0" "2.3.3" "2.3.4" "2.3.9" "2.4.0" "2.9.9" "3.0.0" "4.4.9" "4.5.0" "4.5.1" "4.6.0" "5.0.0"';

/** Names the versions for which two constraints differ. */
const differ = (one: string, other: string): string =>
  `{{ range list ${PROBES} }}{{ if ne (semverCompare "${one}" .) (semverCompare "${other}" .) }}{{ . }} {{ end }}{{ end }}`;

const PAGES: Readonly<Record<string, readonly Row[]>> = {
  strings: [
    ['{{ trim "   hello    " }}', "hello"],
    ['{{ trimAll "$" "$5.00" }}', "5.00"],
    ['{{ trimSuffix "-" "hello-" }}', "hello"],
    ['{{ trimPrefix "-" "-hello" }}', "hello"],
    ['{{ upper "hello" }}', "HELLO"],
    ['{{ lower "HELLO" }}', "hello"],
    ['{{ title "hello world" }}', "Hello World"],
    ['{{ untitle "Hello World" }}', "hello world"],
    ['{{ repeat 3 "hello" }}', "hellohellohello"],
    ['{{ substr 0 5 "hello world" }}', "hello"],
    ['{{ nospace "hello w o r l d" }}', "helloworld"],
    ['{{ trunc 5 "hello world" }}', "hello"],
    ['{{ trunc -5 "hello world" }}', "world"],
    ['{{ abbrev 5 "hello world" }}', "he..."],
    ['{{ abbrevboth 5 10 "1234 5678 9123" }}', "...5678..."],
    ['{{ initials "First Try" }}', "FT"],
    ["{{ randNumeric 3 | len }}", "3"],
    ['{{ wrap 80 "a text" }}', "a text"],
    ['{{ wrapWith 5 "\\t" "Hello World" }}', "Hello\tWorld"],
    ['{{ contains "cat" "catch" }}', "true"],
    ['{{ hasPrefix "cat" "catch" }}', "true"],
    ['{{ quote "hello" }} {{ squote "hello" }}', "\"hello\" 'hello'"],
    ['{{ cat "hello" "beautiful" "world" }}', "hello beautiful world"],
    ['{{ indent 4 "lots\\nof" }}', "    lots\n    of"],
    ['{{ nindent 4 "lots\\nof" }}', "\n    lots\n    of"],
    ['{{ "I Am Henry VIII" | replace " " "-" }}', "I-Am-Henry-VIII"],
    ['{{ len "x" | plural "one anchovy" "many anchovies" }}', "one anchovy"],
    ['{{ len "" | plural "one anchovy" "many anchovies" }}', "many anchovies"],
    ['{{ snakecase "FirstName" }}', "first_name"],
    ['{{ camelcase "http_server" }}', "HttpServer"],
    ['{{ kebabcase "FirstName" }}', "first-name"],
    ['{{ swapcase "This Is A.Test" }}', "tHIS iS a.tEST"],
    ['{{ shuffle "hello" | len }}', "5"],
    ['{{ regexMatch "^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\\\\.[A-Za-z]{2,}$" "test@acme.com" }}', "true"],
    ['{{ regexFindAll "[2,4,6,8]" "123456789" -1 }}', "[2 4 6 8]"],
    ['{{ regexFind "[a-zA-Z][1-9]" "abcd1234" }}', "d1"],
    ['{{ regexReplaceAll "a(x*)b" "-ab-axxb-" "${1}W" }}', "-W-xxW-"],
    ['{{ regexReplaceAllLiteral "a(x*)b" "-ab-axxb-" "${1}" }}', "-${1}-${1}-"],
    ['{{ regexSplit "z+" "pizza" -1 }}', "[pi a]"],
    ['{{ regexQuoteMeta "1.2.3" }}', "1\\.2\\.3"],
    ['{{ mustRegexMatch "^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\\\\.[A-Za-z]{2,}$" "test@acme.com" }}', "true"],
    ['{{ mustRegexFindAll "[2,4,6,8]" "123456789" -1 }}', "[2 4 6 8]"],
    ['{{ mustRegexFind "[a-zA-Z][1-9]" "abcd1234" }}', "d1"],
    ['{{ mustRegexReplaceAll "a(x*)b" "-ab-axxb-" "${1}W" }}', "-W-xxW-"],
    ['{{ mustRegexReplaceAllLiteral "a(x*)b" "-ab-axxb-" "${1}" }}', "-${1}-${1}-"],
    ['{{ mustRegexSplit "z+" "pizza" -1 }}', "[pi a]"],
  ],
  string_slice: [
    ['{{ list "hello" "world" | join "_" }}', "hello_world"],
    ['{{ list 1 2 3 | join "+" }}', "1+2+3"],
    ['{{ splitList "$" "foo$bar$baz" }}', "[foo bar baz]"],
    ['{{ $a := split "$" "foo$bar$baz" }}{{ $a }}', "map[_0:foo _1:bar _2:baz]"],
    ['{{ $a := split "$" "foo$bar$baz" }}{{ $a._0 }}', "foo"],
    ['{{ $a := splitn "$" 2 "foo$bar$baz" }}{{ $a }}', "map[_0:foo _1:bar$baz]"],
    ['{{ $a := splitn "$" 2 "foo$bar$baz" }}{{ $a._0 }}', "foo"],
    ['{{ list "c" "a" "b" | sortAlpha }}', "[a b c]"],
  ],
  math: [
    ["{{ add 1 2 3 }}", "6"],
    ["{{ add1 1 }}", "2"],
    ["{{ sub 3 1 }}", "2"],
    ["{{ div 7 2 }}", "3"],
    ["{{ mod 7 2 }}", "1"],
    ["{{ mul 1 2 3 }}", "6"],
    ["{{ max 1 2 3 }}", "3"],
    ["{{ min 1 2 3 }}", "1"],
    ["{{ floor 123.9999 }}", "123.0", ["123", FLOAT]],
    ["{{ ceil 123.001 }}", "124.0", ["124", FLOAT]],
    ["{{ round 123.555555 3 }}", "123.556"],
    ["{{ randInt 12 13 }}", "12"],
  ],
  integer_slice: [
    ["{{ until 5 }}", "[0 1 2 3 4]"],
    ["{{ range $i, $e := until 5 }}{{ $i }}{{ $e }} {{ end }}", "00 11 22 33 44 "],
    ["{{ untilStep 3 6 2 }}", "[3 5]"],
    ["{{ seq 5 }}", "1 2 3 4 5"],
    ["{{ seq -3 }}", "1 0 -1 -2 -3"],
    ["{{ seq 0 2 }}", "0 1 2"],
    ["{{ seq 2 -2 }}", "2 1 0 -1 -2"],
    ["{{ seq 0 2 10 }}", "0 2 4 6 8 10"],
    ["{{ seq 0 -2 -5 }}", "0 -2 -4"],
  ],
  mathf: [
    ["{{ addf 1.5 2 2 }}", "5.5"],
    ["{{ add1f 1.5 }}", "2.5"],
    ["{{ subf 7.5 2 3 }}", "2.5"],
    ["{{ divf 10 2 4 }}", "1.25"],
    ["{{ mulf 1.5 2 2 }}", "6"],
    ["{{ maxf 1 2.5 3 }}", "3"],
    ["{{ minf 1.5 2 3 }}", "1.5"],
  ],
  date: [
    ['{{ now | date "2006-01-02" | len }}', "10"],
    ['{{ dateInZone "2006-01-02" (now) "UTC" | len }}', "10"],
    ['{{ duration "95" }}', "1m35s"],
    ['{{ durationRound "2h10m5s" }}', "2h"],
    ['{{ durationRound "2400h10m5s" }}', "3mo"],
    ["{{ now | unixEpoch | len }}", "10"],
    ['{{ toDate "2006-01-02 15:04" "2017-12-31 12:00" | date_modify "-1.5h" }}', "2017-12-31 10:30:00 +0000 UTC"],
    ['{{ toDate "2006-01-02 15:04" "2017-12-31 12:00" | dateModify "-1.5h" }}', "2017-12-31 10:30:00 +0000 UTC"],
    ['{{ toDate "2006-01-02" "2017-12-31" | dateModify "nonsense" }}', "2017-12-31 00:00:00 +0000 UTC"],
    ["{{ now | htmlDate | len }}", "10"],
    ['{{ htmlDateInZone (now) "UTC" | len }}', "10"],
    ['{{ toDate "2006-01-02" "2017-12-31" | date "02/01/2006" }}', "31/12/2017"],
    ['{{ mustToDate "2006-01-02" "2017-12-31" | date "02/01/2006" }}', "31/12/2017"],
    ['{{ toDate "2006-01-02" "no date" }}', "0001-01-01 00:00:00 +0000 UTC"],
  ],
  defaults: [
    ['{{ default "foo" "bar" }}', "bar"],
    ...["0", '""', "list", "dict", "false", "nil"].map(
      (value): Row => [`{{ default "foo" ${value === "list" || value === "dict" ? `(${value})` : value} }}`, "foo"],
    ),
    ["{{ empty 0 }} {{ empty 1 }}", "true false"],
    ["{{ coalesce 0 1 2 }}", "1"],
    ['{{ coalesce "" nil "Matt" }}', "Matt"],
    ["{{ all 0 1 2 }}", "false"],
    ["{{ any 0 1 2 }}", "true"],
    ['{{ fromJson "{\\"foo\\": 55}" }}', "map[foo:55]"],
    ['{{ (fromJson "{\\"foo\\": 55}").foo }}', "55"],
    ['{{ fromJson "nonsense" }}', "", ["<no value>", "it gives nil, not an empty string"]],
    ['{{ toJson (dict "a" "<b>") }}', '{"a":"\\u003cb\\u003e"}'],
    ['{{ toPrettyJson (dict "a" 1) }}', '{\n  "a": 1\n}'],
    ['{{ toRawJson (dict "a" "<b>") }}', '{"a":"<b>"}'],
    ['{{ ternary "foo" "bar" true }}', "foo"],
    ['{{ true | ternary "foo" "bar" }}', "foo"],
    ['{{ ternary "foo" "bar" false }}', "bar"],
    ['{{ false | ternary "foo" "bar" }}', "bar"],
  ],
  encoding: [
    ['{{ b64enc "hello" }}', "aGVsbG8="],
    ['{{ b64dec "aGVsbG8=" }}', "hello"],
    ['{{ b32enc "hello" }}', "NBSWY3DP"],
    ['{{ b32dec "NBSWY3DP" }}', "hello"],
  ],
  lists: [
    [`${MY_LIST}{{ $myList }}`, "[1 2 3 4 5]"],
    ...(["", "must"] as const).flatMap((must): readonly Row[] => {
      const name = (plain: string): string => (must === "" ? plain : `must${plain[0]?.toUpperCase()}${plain.slice(1)}`);
      return [
        [`${MY_LIST}{{ ${name("first")} $myList }}`, "1"],
        [`${MY_LIST}{{ ${name("rest")} $myList }}`, "[2 3 4 5]"],
        [`${MY_LIST}{{ ${name("last")} $myList }}`, "5"],
        [`${MY_LIST}{{ ${name("initial")} $myList }}`, "[1 2 3 4]"],
        [`${MY_LIST}{{ $new := ${name("append")} $myList 6 }}{{ $new }}{{ $myList }}`, "[1 2 3 4 5 6][1 2 3 4 5]"],
        [`${MY_LIST}{{ ${name("prepend")} $myList 0 }}{{ $myList }}`, "[0 1 2 3 4 5][1 2 3 4 5]"],
        [`${MY_LIST}{{ ${name("reverse")} $myList }}`, "[5 4 3 2 1]"],
        [`{{ list 1 1 1 2 | ${name("uniq")} }}`, "[1 2]"],
        [`${MY_LIST}{{ ${name("without")} $myList 3 }}`, "[1 2 4 5]"],
        [`${MY_LIST}{{ ${name("without")} $myList 1 3 5 }}`, "[2 4]"],
        [`${MY_LIST}{{ ${name("has")} 4 $myList }} {{ ${name("has")} "hello" $myList }}`, "true false"],
        [`{{ $list := list 1 "a" "foo" "" }}{{ $copy := ${name("compact")} $list }}{{ $copy }}`, "[1 a foo]"],
        [`${MY_LIST}{{ ${name("slice")} $myList }}`, "[1 2 3 4 5]"],
        [`${MY_LIST}{{ ${name("slice")} $myList 3 }}`, "[4 5]"],
        [`${MY_LIST}{{ ${name("slice")} $myList 1 3 }}`, "[2 3]"],
        [`${MY_LIST}{{ ${name("slice")} $myList 0 3 }}`, "[1 2 3]"],
        [`{{ ${name("chunk")} 3 (list 1 2 3 4 5 6 7 8) }}`, "[[1 2 3] [4 5 6] [7 8]]"],
      ];
    }),
    [`${MY_LIST}{{ concat $myList ( list 6 7 ) ( list 8 ) }}{{ $myList }}`, "[1 2 3 4 5 6 7 8][1 2 3 4 5]"],
  ],
  dicts: [
    [`${MY_DICT}{{ $myDict }}`, "map[name1:value1 name2:value2 name3:value 3]"],
    [`${MY_DICT}{{ get $myDict "name1" }}`, "value1"],
    [`${MY_DICT}{{ get $myDict "nope" }}`, ""],
    [`${MY_DICT}{{ $_ := set $myDict "name4" "value4" }}{{ $myDict.name4 }}`, "value4"],
    [`${MY_DICT}{{ $_ := unset $myDict "name1" }}{{ $myDict }}`, "map[name2:value2 name3:value 3]"],
    [`${MY_DICT}{{ $_ := unset $myDict "name4" }}{{ len $myDict }}`, "3"],
    [`${MY_DICT}{{ hasKey $myDict "name1" }} {{ hasKey $myDict "name4" }}`, "true false"],
    [
      `${MY_DICT}{{ $myOtherDict := dict "name1" "otherValue1" }}{{ pluck "name1" $myDict $myOtherDict }}`,
      "[value1 otherValue1]",
    ],
    [`${MY_DICT}{{ $myOtherDict := dict "x" 1 }}{{ pluck "name1" $myOtherDict $myDict | first }}`, "value1"],
    [`${USER}{{ dig "user" "role" "humanName" "guest" $dict }}`, "curator"],
    ['{{ dig "user" "role" "humanName" "guest" (dict) }}', "guest"],
    [
      '{{ merge (dict "one" (dict "two" (dict "three" 3))) (dict "b" 1) (dict "c" 2) | dig "one" "two" "three" "<missing>" }}',
      "3",
    ],
    ['{{ $newdict := merge (dict "a" 1) (dict "a" 2 "b" 3) (dict "c" 4) }}{{ $newdict }}', "map[a:1 b:3 c:4]"],
    ['{{ mustMerge (dict "a" 1) (dict "a" 2 "b" 3) }}', "map[a:1 b:3]"],
    ['{{ $source := dict "b" 2 }}{{ $dest := dict "a" 1 }}{{ deepCopy $source | merge $dest }}', "map[a:1 b:2]"],
    [
      `${OVERWRITE}{{ $newdict := mergeOverwrite $dst $src }}{{ $newdict }}`,
      "map[default:default key:false overwrite:overwritten]",
    ],
    [`${OVERWRITE}{{ mustMergeOverwrite $dst $src }}`, "map[default:default key:false overwrite:overwritten]"],
    [`${OVERWRITE}{{ deepCopy $src | mergeOverwrite $dst }}`, "map[default:default key:false overwrite:overwritten]"],
    [`${MY_DICT}{{ keys $myDict | sortAlpha }}`, "[name1 name2 name3]"],
    [
      `${MY_DICT}{{ $myOtherDict := dict "name1" 1 "x" 2 }}{{ keys $myDict $myOtherDict | uniq | sortAlpha }}`,
      "[name1 name2 name3 x]",
    ],
    [`${MY_DICT}{{ $new := pick $myDict "name1" "name2" }}{{ $new }}`, "map[name1:value1 name2:value2]"],
    [`${MY_DICT}{{ $new := omit $myDict "name1" "name3" }}{{ $new }}`, "map[name2:value2]"],
    [`${MY_DICT}{{ $vals := values $myDict }}{{ $vals | sortAlpha }}`, "[value 3 value1 value2]"],
    ['{{ dict "a" 1 "b" 2 | deepCopy }}', "map[a:1 b:2]"],
    ['{{ dict "a" 1 "b" 2 | mustDeepCopy }}', "map[a:1 b:2]"],
  ],
  conversion: [
    ['{{ atoi "12" }} {{ float64 "1.5" }} {{ int "12" }} {{ int64 "12" }} {{ toString 12 }}', "12 1.5 12 12 12"],
    ['{{ int64 1.9 }} {{ typeOf (int64 "12") }} {{ typeOf (int "12") }}', "1 int64 int"],
    ["{{ list 1 2 3 | toStrings }} {{ typeOf (list 1 2 3 | toStrings) }}", "[1 2 3] []string"],
    ['{{ "0777" | toDecimal }} {{ typeOf ("0777" | toDecimal) }}', "511 int64"],
  ],
  paths: [
    ['{{ base "foo/bar/baz" }}', "baz"],
    ['{{ dir "foo/bar/baz" }}', "foo/bar"],
    ['{{ clean "foo/bar/../baz" }}', "foo/baz"],
    ['{{ ext "foo.bar" }}', ".bar"],
    ['{{ isAbs "/foo" }} {{ isAbs "foo" }}', "true false"],
    ['{{ osBase "/foo/bar/baz" }}', "baz"],
    ['{{ osDir "/foo/bar/baz" }}', "/foo/bar"],
    ['{{ osClean "/foo/bar/../baz" }}', "foo/baz", ["/foo/baz", "the page lost the first slash"]],
    ['{{ osExt "/foo.bar" }}', ".bar"],
    ['{{ osIsAbs "/foo" }} {{ osIsAbs "foo" }}', "true false"],
  ],
  os: [
    ['{{ env "FOO" }}', "bar"],
    ['{{ expandenv "Your path is set to $FOO" }}', "Your path is set to bar"],
  ],
  semver: [
    [
      `${VERSION}{{ $version.Major }} {{ $version.Minor }} {{ $version.Patch }} {{ $version.Prerelease }} {{ $version.Metadata }} {{ $version.Original }}`,
      "1 2 3 alpha.1 123 1.2.3-alpha.1+123",
    ],
    ['{{ semver "1.4.3" | (semver "1.2.3").Compare }}', "-1"],
    ['{{ semver "1.2.3" | (semver "1.4.3").Compare }}', "1"],
    ['{{ semver "1.2.3+a" | (semver "1.2.3+b").Compare }}', "0"],
    ['{{ semverCompare "1.2.3" "1.2.3" }}', "true"],
    ['{{ semverCompare "^1.2.0" "1.2.3" }}', "true"],
    ...(["1.3.0", "4.2.3"] as const).map(
      (version): Row => [`{{ semverCompare ">= 1.2 < 3.0.0 || >= 4.2.3" "${version}" }}`, "true"],
    ),
    ...(["1.1.0", "3.0.0", "4.2.2"] as const).map(
      (version): Row => [`{{ semverCompare ">= 1.2 < 3.0.0 || >= 4.2.3" "${version}" }}`, "false"],
    ),
    ['{{ semverCompare "< 1.2.3-beta.2" "1.2.3-beta.1" }}', "true"],
    ['{{ semverCompare ">=1.2.3" "1.2.4-beta" }} {{ semverCompare ">=1.2.3-0" "1.2.4-beta" }}', "false true"],
    ['{{ semverCompare ">=1.2.3-BETA" "1.2.3-alpha" }}', "true"],
    [differ("1.2 - 1.4.5", ">= 1.2 <= 1.4.5"), ""],
    [differ("2.3.4 - 4.5", ">= 2.3.4 <= 4.5"), ""],
    [differ("1.2.x", ">= 1.2.0, < 1.3.0"), ""],
    [differ(">= 1.2.x", ">= 1.2.0"), ""],
    [differ("<= 2.x", "< 3"), ""],
    [differ("*", ">= 0.0.0"), ""],
    [differ("~1.2.3", ">= 1.2.3, < 1.3.0"), ""],
    [differ("~1", ">= 1, < 2"), ""],
    [differ("~2.3", ">= 2.3, < 2.4"), ""],
    [differ("~1.2.x", ">= 1.2.0, < 1.3.0"), ""],
    [differ("~1.x", ">= 1, < 2"), ""],
    [differ("^1.2.3", ">= 1.2.3, < 2.0.0"), ""],
    [differ("^1.2.x", ">= 1.2.0, < 2.0.0"), ""],
    [differ("^2.3", ">= 2.3, < 3"), ""],
    [differ("^2.x", ">= 2.0.0, < 3"), ""],
    [differ("^0.2.3", ">=0.2.3 <0.3.0"), ""],
    [differ("^0.2", ">=0.2.0 <0.3.0"), ""],
    [differ("^0.0.3", ">=0.0.3 <0.0.4"), ""],
    [differ("^0.0", ">=0.0.0 <0.1.0"), ""],
    [differ("^0", ">=0.0.0 <1.0.0"), ""],
  ],
  reflection: [
    ['{{ kindOf "hello" }}', "string"],
    ['{{ kindIs "int" 123 }}', "true"],
    [
      '{{ typeOf "hello" }} {{ typeIs "string" "hello" }} {{ typeIsLike "semver.Version" (semver "1.2.3") }}',
      "string true true",
    ],
    ["{{ deepEqual (list 1 2 3) (list 1 2 3) }}", "true"],
  ],
  crypto: [
    ['{{ sha1sum "Hello world!" }}', "d3486ae9136e7856bc42212385ea797094475802"],
    ['{{ sha256sum "Hello world!" }}', "c0535e4be2b79ffd93291305436bf889314e4a3faec05ecffcbb7df31ad9e51a"],
    [
      '{{ sha512sum "Hello world!" }}',
      "f6cde2a0f819314cdde55fc227d8d7dae3d28cc556222a0a8ad66d91ccad4aad6094f517a2182360c9aacf6a3dc323162cb6fd8cdffedb0fe038f55e85ffb5b6",
    ],
    ['{{ adler32sum "Hello world!" }}', "487130206"],
    ["{{ randBytes 24 | b64dec | len }}", "24"],
    ['{{ derivePassword 1 "long" "password" "user" "example.com" }}', "ZedaFaxcZaso9*"],
    ['{{ encryptAES "secretkey" "plaintext" | decryptAES "secretkey" }}', "plaintext"],
    ['{{ "30tEfhuJSVRhpG97XCuWgz2okj7L8vQ1s6V9zVUPeDQ=" | decryptAES "secretkey" }}', "plaintext"],
  ],
  url: [
    [
      '{{ $url := urlParse "http://admin:secret@server.com:8080/api?list=false#anchor" }}{{ range $key, $value := $url }}{{ $key }}: {{ $value }}\n{{ end }}',
      "fragment: anchor\nhost: server.com:8080\nopaque: \npath: /api\nquery: list=false\nscheme: http\nuserinfo: admin:secret\n",
      [
        "fragment: anchor\nhost: server.com:8080\nhostname: server.com\nopaque: \npath: /api\nquery: list=false\nscheme: http\nuserinfo: admin:secret\n",
        "the page does not list the hostname",
      ],
    ],
    [
      '{{ urlJoin (dict "fragment" "fragment" "host" "host:80" "path" "/path" "query" "query" "scheme" "http") }}',
      "proto://host:80/path?query#fragment",
      ["http://host:80/path?query#fragment", "the page gives another scheme than its example"],
    ],
  ],
  uuid: [["{{ uuidv4 | len }}", "36"]],
};

export const EXAMPLES: readonly Example[] = Object.entries(PAGES).flatMap(([page, rows]) =>
  rows.map(([template, documented, really]) => ({
    page,
    template,
    documented,
    ...(really === undefined ? {} : { really }),
  })),
);
