// biome-ignore-all lint/suspicious/noTemplateCurlyInString: this is how Go writes the name of a group
/** What random templates are made of: fields of the event, literals, and functions by the kinds of their parameters. */

/**
 * Kinds of values: string, int, any number, float64, bool, list, dict, time, anything; and strings that mean something:
 * regex, date layout, zone, version, constraint, path, url, json, encoded, key, replacement, duration.
 */
export type TypeName =
  | ("s" | "i" | "n" | "f" | "b" | "l" | "d" | "t" | "a")
  | ("r" | "y" | "z" | "v" | "c" | "p" | "u" | "j" | "e" | "k" | "g" | "w" | "h");

export interface Signature {
  readonly name: string;
  readonly params: readonly TypeName[];
  readonly rest?: TypeName;
  readonly result: TypeName;
  /** Around the call: what makes its result the same each time. */
  readonly wrap?: (call: string) => string;
}

/** `names parameters -> result`; a last parameter with * repeats. */
const TABLE = `
upper,lower,title,untitle,trim,nospace,swapcase,initials,camelcase,snakecase,kebabcase s -> s
trunc i s -> s
substr i i s -> s
abbrev i s -> s
abbrevboth i i s -> s
repeat i s -> s
trimAll,trimall,trimSuffix,trimPrefix s s -> s
wrap i s -> s
wrapWith i s s -> s
contains,hasPrefix,hasSuffix s s -> b
quote,squote,cat a a* -> s
indent,nindent i s -> s
replace s s s -> s
plural s s i -> s
toString a -> s
toStrings,sortAlpha l -> l
join s l -> s
splitList s s -> l
split s s -> d
splitn s i s -> d
hello -> s
atoi s -> i
int a -> i
int64,float64 a -> n
toDecimal a -> n
add,max,min,biggest n n* -> n
sub,div,mod n n -> n
mul n n* -> n
add1,floor,ceil n -> n
round n i -> n
add1f n -> n
addf,subf,mulf,divf,maxf,minf n n* -> n
until i -> l
untilStep i i i -> l
seq i i* -> s
list,tuple a a* -> l
first,last a -> a
mustFirst,mustLast l -> a
rest,initial,reverse,compact,uniq,mustRest,mustInitial,mustReverse,mustCompact,mustUniq l -> l
append,push,prepend,mustAppend,mustPush,mustPrepend l a -> l
without,mustWithout l a a* -> l
has,mustHas a l -> b
slice,mustSlice l i* -> l
concat l l* -> l
chunk,mustChunk i l -> l
dict k a -> d
get d k -> a
set d k a -> d
unset d k -> d
hasKey d k -> b
pluck k d d* -> l
pick,omit d k k* -> d
merge,mergeOverwrite,mustMerge,mustMergeOverwrite d d d* -> d
deepCopy,mustDeepCopy a -> a
dig k a d -> a
dig k k a d -> a
default a a -> a
empty a -> b
coalesce a a* -> a
all,any a a* -> b
ternary a a b -> a
fromJson,mustFromJson j -> a
toJson,mustToJson,toPrettyJson,mustToPrettyJson,toRawJson,mustToRawJson a -> s
typeOf,kindOf a -> s
typeIs,typeIsLike,kindIs h a -> b
deepEqual a a -> b
b64enc,b32enc s -> s
b64dec,b32dec e -> s
sha1sum,sha256sum,sha512sum,adler32sum s -> s
base,dir,clean,ext,osBase,osDir,osClean,osExt p -> s
isAbs,osIsAbs p -> b
env,expandenv s -> s
regexMatch,mustRegexMatch r s -> b
regexFind,mustRegexFind r s -> s
regexFindAll,mustRegexFindAll,regexSplit,mustRegexSplit r s i -> l
regexReplaceAll,mustRegexReplaceAll,regexReplaceAllLiteral,mustRegexReplaceAllLiteral r s g -> s
regexQuoteMeta s -> s
semver v -> a
semverCompare c v -> b
urlParse u -> d
urlJoin d -> s
date y t -> s
dateInZone,date_in_zone y t z -> s
date_modify,dateModify,mustDateModify w t -> t
htmlDate t -> s
htmlDateInZone t z -> s
toDate,mustToDate y s -> t
unixEpoch t -> s
duration n -> s
durationRound w -> s
eq,ne a a -> b
eq s s* -> b
lt,le,gt,ge n n -> b
lt,le,gt,ge s s -> b
and,or a a a* -> a
not a -> b
len a -> i
index l i -> a
index d k -> a
index a a* -> a
print,println a a* -> s
html,js,urlquery a a* -> s
printf s -> s
call a a* -> a
fail s -> s
buildCustomCert e e -> a
decryptAES s e -> s
getHostByName s -> s
noSuchFunction a -> s
`;

function parse(table: string): Signature[] {
  return table
    .trim()
    .split("\n")
    .flatMap((line) => {
      const [left = "", result = "a"] = line.split(" -> ");
      const [names = "", ...words] = left.trim().split(" ");
      const rest = words.find((word) => word.endsWith("*"))?.slice(0, -1) as TypeName | undefined;
      const params = words.filter((word) => !word.endsWith("*")) as TypeName[];
      return names.split(",").map((name) => ({ name, params, ...(rest ? { rest } : {}), result: result as TypeName }));
    });
}

const sorted = (call: string): string => `${call} | sortAlpha`;
const length = (call: string): string => `${call} | len`;

export const SIGNATURES: readonly Signature[] = [
  ...parse(TABLE),
  // Weight for what people use.
  ...parse(`
printf s -> s
printf s -> s
printf s -> s
default a a -> a
toJson a -> s
quote a -> s
replace s s s -> s
trunc i s -> s
date y t -> s
eq a a -> b
add n n -> n`),
  // Their order is random.
  { name: "keys", params: ["d"], rest: "d", result: "l", wrap: sorted },
  { name: "values", params: ["d"], result: "l", wrap: sorted },
  // Their values are random.
  ...["randAlpha", "randAlphaNum", "randNumeric", "randAscii", "randBytes"].map(
    (name): Signature => ({ name, params: ["i"], result: "i", wrap: length }),
  ),
  { name: "uuidv4", params: [], result: "i", wrap: length },
  { name: "shuffle", params: ["s"], result: "i", wrap: length },
];

export const PATHS: Readonly<Record<"s" | "n" | "l" | "d" | "t" | "a", readonly string[]>> = {
  s: [
    ...[".Message", ".Message", ".Reason", ".Type", ".Name", ".Namespace", ".Action", ".ClusterName"],
    ...[".InvolvedObject.Name", ".InvolvedObject.Kind", ".InvolvedObject.Namespace", ".InvolvedObject.APIVersion"],
    ...[".InvolvedObject.FieldPath", ".Source.Component", ".Source.Host", ".ReportingController"],
    ...[".ReportingInstance", ".ResourceVersion", ".ObjectMeta.Name", ".GetName", ".GetTimestampISO8601"],
    ...[".UID", ".InvolvedObject.UID", ".InvolvedObject.Labels.app", ".InvolvedObject.Labels.nope", ".Labels.team"],
    ...['(index .InvolvedObject.Labels "app.kubernetes.io/name")', ".InvolvedObject.Annotations.owner", ".GetUID"],
    ...[".InvolvedObject.Annotations.json", ".InvolvedObject.Annotations.runbook", ".FirstTimestamp.String"],
    ...[".Series.Count", ".Related.Name", ".reason", ".InvolvedObject.ApiVersion", ".LastTimestamp.Weekday.String"],
  ],
  n: [
    ".Count",
    ".Count",
    ".GetTimestampMs",
    ".FirstTimestamp.Unix",
    ".EventTime.UnixNano",
    ".LastTimestamp.Year",
    ".Series.Count",
  ],
  l: [".InvolvedObject.OwnerReferences", ".OwnerReferences", ".Finalizers", ".GetOwnerReferences", ".ToJSON"],
  d: [
    ".Labels",
    ".Annotations",
    ".InvolvedObject.Labels",
    ".InvolvedObject.Annotations",
    ".GetLabels",
    ".DeDot.Labels",
  ],
  t: [
    ...[
      ".FirstTimestamp.Time",
      ".LastTimestamp.Time",
      ".EventTime.Time",
      ".CreationTimestamp.Time",
      ".FirstTimestamp.UTC",
    ],
    ...['(toDate "2006-01-02" "2024-02-29")', '(toDate "2006-01-02 15:04:05.000 MST" "1999-12-31 23:59:59.123 UTC")'],
    ...[
      "(.LastTimestamp.Add 1500000000)",
      "(.LastTimestamp.AddDate 0 1 3)",
      "(.FirstTimestamp.Truncate 3600000000000)",
    ],
  ],
  a: [
    ...[
      "",
      ".",
      ".InvolvedObject",
      ".Source",
      ".Series",
      ".Related",
      ".FirstTimestamp",
      ".EventTime",
      ".Labels",
      ".Count",
    ],
    ...[".ObjectMeta", ".Event", ".DeDot", ".ToJSON", ".UID", ".InvolvedObject.OwnerReferences", ".Message", ".Reason"],
    ...[".InvolvedObject.ObjectReference", ".CreationTimestamp", ".InvolvedObject.Deleted", ".LastTimestamp.Time"],
    ...[
      ".DeletionTimestamp",
      ".LastTimestamp.Weekday",
      ".LastTimestamp.Month",
      ".Kind",
      ".TypeMeta",
      ".GroupVersionKind",
    ],
    ...[
      ".Generation",
      ".GenerateName",
      ".DeletionGracePeriodSeconds",
      ".LastTimestamp.Nanosecond",
      ".InvolvedObject.String",
    ],
    ...[
      "(.LastTimestamp.Sub .FirstTimestamp.Time)",
      ".LastTimestamp.IsZero",
      ".EventTime.Rfc3339Copy",
      ".GetObjectKind",
    ],
  ].map((path) => (path === "" ? "." : path)),
};

export const NUMBERS: readonly string[] = [
  ...[
    "0",
    "1",
    "-1",
    "2",
    "3",
    "7",
    "10",
    "42",
    "100",
    "-5",
    "1000",
    "255",
    "65536",
    "1.5",
    ".5",
    "2.0",
    "-0.0",
    "0.1",
  ],
  ...["1e3", "1e6", "1e20", "1e21", "1e-5", "1e-7", "0x1F", "0b101", "0o17", "017", "1_000", "'a'", "'é'", "'\\n'"],
  ...[
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "2147483648",
    "1e100",
    "0x1p4",
    "2.5",
    "-2.5",
  ],
  ...[
    "3.999",
    "1i",
    "2+3i",
    "123456789.125",
    "86400",
    "3661",
    "1700000000",
    "0.3",
    "99.995",
    "5e-324",
    "1.7976931348623157e308",
  ],
];

export const TEXTS: readonly string[] = [
  ...[
    '""',
    '"a"',
    '"foo bar"',
    '"Hello World"',
    '"camelCaseText"',
    '"snake_case_text"',
    '"kebab-case"',
    '"HTTPServerURL2"',
  ],
  ...[
    '"  padded  "',
    '"a,b,,c"',
    '"a/b/c.txt"',
    '"line1\\nline2"',
    '"\\t\\ttab"',
    '"größer ✓"',
    '"ß İ ſ K"',
    '"日本語"',
    '"e\\u0301"',
  ],
  ...[
    '"💡x"',
    '"\\xff\\xfe"',
    '"\\u2028"',
    '"<a href=\\"x\\">&amp;</a>"',
    '"it\'s"',
    '"`"',
    '"%d %s"',
    '"\\\\"',
    '"\\x00"',
  ],
  ...[
    '"10"',
    '"010"',
    '"0x1F"',
    '"1_000"',
    '"-5"',
    '"1.5"',
    '"1e3"',
    '"NaN"',
    '"Inf"',
    '"true"',
    '"99999999999999999999"',
    '" 7"',
  ],
  ...[
    "`raw`",
    "`a\\nb`",
    '`{"a":1}`',
    '"1h30m"',
    '"2024-02-29"',
    '"$1-${2}"',
    '"FOO"',
    '"$FOO/${EMPTY}x$NOPE"',
    '"the quick brown fox jumps"',
  ],
];

export const FORMATS: readonly string[] = [
  ...[
    "%v",
    "%+v",
    "%#v",
    "%T",
    "%s",
    "%q",
    "%d",
    "%5d",
    "%-8s|",
    "%05d",
    "%x",
    "%X",
    "% x",
    "%#x",
    "%+q",
    "%#q",
    "%U",
    "%#U",
  ],
  ...[
    "%8.3f",
    "%.2f",
    "%e",
    "%g",
    "%G",
    "%t",
    "%c",
    "%o",
    "%#o",
    "%b",
    "%6.2f%%",
    "%[1]v %[1]T",
    "%[2]v",
    "%[9]v",
    "%[x]v",
  ],
  ...[
    "%!",
    "%",
    "%z",
    "%*d",
    "%.3s",
    "%-10q|",
    "%08.3f",
    "%+d",
    "% d",
    "%x",
    "%+.3e",
    "%#g",
    "%.3g",
    "%10v",
    "%-10v|",
    "%010v",
  ],
];

/** Strings that mean something. */
export const EXACT: Partial<Record<TypeName, readonly string[]>> = {
  r: [
    ...[
      '"a+"',
      '"[a-z]+"',
      '"^b"',
      '"(a)(b)?"',
      "`\\d+`",
      "`(\\w+)-(\\w+)`",
      '"(?i)back"',
      '"x*"',
      '""',
      '"("',
      "`\\bfoo\\b`",
    ],
    ...[
      "`(?P<n>\\w)`",
      "`\\pL+`",
      "`[^\\s]+`",
      '"a|b|"',
      '"$"',
      '"(?m)^l"',
      "`(a+)+$`",
      "`.`",
      "`(?s).*`",
      "`[[:alpha:]]+`",
      "`\\x{e9}`",
    ],
  ],
  g: ['"x"', '""', '"$1"', '"${1}y"', '"$0$0"', '"[$n]"', '"$$"', '"$"', '"$1W"', '"${2}-${1}"', '"\\\\1"', '"é"'],
  y: [
    ...[
      '"2006-01-02"',
      '"2006-01-02T15:04:05Z07:00"',
      '"Mon, 02 Jan 2006 15:04:05 MST"',
      '"15:04:05.000"',
      '"3:04PM"',
      '"Jan _2 06"',
    ],
    ...[
      '"Monday January 2 2006 -0700"',
      '"2006-01-02T15:04:05.999999999Z0700"',
      '"02 002 __2"',
      '""',
      '"yyyy"',
      '".00,000"',
      '"2006-01-02 15:04:05.000 MST"',
    ],
  ],
  z: [
    '"UTC"',
    '"Europe/Berlin"',
    '"America/New_York"',
    '"Asia/Kathmandu"',
    '"Nope/Zone"',
    '""',
    '"Local"',
    '"Asia/Tokyo"',
  ],
  w: [
    '"1h"',
    '"-90m"',
    '"24h"',
    '"1h30m5s"',
    '"720h"',
    '"x"',
    '"95"',
    '"2400h"',
    '"1.5s"',
    '"300ms"',
    '"0s"',
    '"-36h"',
    '"9000h"',
    '""',
    "95",
    "3600",
  ],
  v: [
    '"1.2.3"',
    '"v1.2"',
    '"1.2.3-beta.1+build"',
    '"2"',
    '"1.2.3.4"',
    '"nope"',
    '"0.0.0"',
    '"1.0.0-alpha"',
    '"01.2.3"',
    '""',
  ],
  c: [
    ...[
      '"^1.2"',
      '"~1.2.3"',
      '">=1.0 <2"',
      '"1.x"',
      '"*"',
      '"1.2 - 2"',
      '"!=1.2.3"',
      '">1 || <0.5"',
      '"^0.0.3"',
      '"=1.2"',
      '"nope"',
      '">=1.2.3-0"',
    ],
    ...['""', '"~1"', '"<1.2.3-z"'],
  ],
  p: ['"/a/b/../c.txt"', '"a//b/"', '""', '"."', '"/"', '"../x.tar.gz"', '"a/b"', '".hidden"', '"a\\\\b"', '"./a/./b"'],
  u: [
    ...[
      '"http://user:pa%20ss@host:80/p/a%2Fth?q=1&b=#frag"',
      '"/just/path"',
      '"mailto:a@b"',
      '"::"',
      '"http://[::1]:80/"',
      '""',
    ],
    ...['"https://h/?a b"', '"http://a b"', '"//host/p"', '"http://h/%zz"', '"HTTP://H?"', '"h:1x"'],
  ],
  j: [
    ...[
      '`{"a":1,"b":[1,2.5,null,true,"x"]}`',
      "`[1,2,3]`",
      '"nope"',
      '"1e400"',
      '"\\"x\\""',
      '`{"a":{"b":{"c":"<&>"}}}`',
      '"null"',
      '""',
    ],
    ...[
      '`{"z":1,"a":2,"z":3}`',
      '"12345678901234567890"',
      '`"\\ud800"`',
      "`{} x`",
      "`[1e21, 1e-7, 100000, -0]`",
      '" true "',
    ],
  ],
  e: [
    '"Zm9v"',
    '"Zm9vYg=="',
    '"nope!"',
    '""',
    '"MZXW6==="',
    '"mzxw6"',
    '"Zm9v\\nYmFy"',
    '"/+8="',
    '"_-8="',
    '"30tEfhuJSVRhpG97XCuWgz2okj7L8vQ1s6V9zVUPeDQ="',
  ],
  k: ['"a"', '"a"', '"b"', '"x"', '"app"', '""', '"_0"', '"nope"', '"a.b"', '"scheme"', '"host"'],
  h: [
    '"string"',
    '"int"',
    '"int64"',
    '"float64"',
    '"map"',
    '"slice"',
    '"struct"',
    '"*kube.EnhancedEvent"',
    '"map[string]interface {}"',
    '"ptr"',
    '"bool"',
    '"invalid"',
  ],
};
