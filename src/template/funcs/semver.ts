/** sprig's semantic versions, as Masterminds/semver v3 reads and compares them. */

import { toBytes } from "../bytes.ts";
import { type FuncMap, fn, P, paramOf } from "../func.ts";
import { num, ptrTo, STRING, structType, UINT64 } from "../types.ts";
import { Bytes, GoError, type Method, type Param, Ptr, Struct, type Type, type Value } from "../value.ts";

interface Version {
  readonly major: bigint;
  readonly minor: bigint;
  readonly patch: bigint;
  readonly pre: string;
  readonly metadata: string;
  readonly original: string;
}

const TAIL = "(?:-([0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*))?(?:\\+([0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*))?";
const VERSION = new RegExp(`^v?([0-9]+)(\\.[0-9]+)?(\\.[0-9]+)?${TAIL}$`);
const MAX_UINT64 = (1n << 64n) - 1n;

function segment(text: string | undefined): bigint {
  const digits = (text ?? "").replace(".", "");
  const value = BigInt(digits === "" ? 0 : digits);
  if (value > MAX_UINT64) {
    throw new GoError(`Error parsing version segment: strconv.ParseUint: parsing "${digits}": value out of range`);
  }
  return value;
}

function checkPrerelease(pre: string): void {
  for (const part of pre.split(".")) {
    if (/^0[0-9]+$/.test(part)) throw new GoError("Version segment starts with 0");
    if (!/^[0-9A-Za-z-]*$/.test(part)) throw new GoError("Invalid Prerelease string");
  }
}

function parseVersion(text: string): Version {
  const match = VERSION.exec(text);
  if (match === null) throw new GoError("Invalid Semantic Version");
  const [, major, minor, patch, pre = "", metadata = ""] = match;
  const version = {
    major: segment(major),
    minor: segment(minor),
    patch: segment(patch),
    pre,
    metadata,
    original: text,
  };
  if (pre !== "") checkPrerelease(pre);
  return version;
}

function versionText({ major, minor, patch, pre, metadata }: Version): string {
  return `${major}.${minor}.${patch}${pre === "" ? "" : `-${pre}`}${metadata === "" ? "" : `+${metadata}`}`;
}

function sign(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function compare(a: Version, b: Version): number {
  const numbers = sign(a.major, b.major) || sign(a.minor, b.minor) || sign(a.patch, b.patch);
  if (numbers !== 0 || a.pre === b.pre) return numbers;
  if (a.pre === "") return 1;
  return b.pre === "" ? -1 : comparePrerelease(a.pre, b.pre);
}

function comparePrerelease(a: string, b: string): number {
  const [left, right] = [a.split("."), b.split(".")];
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const order = comparePart(left[index] ?? "", right[index] ?? "");
    if (order !== 0) return order;
  }
  return 0;
}

/** Numbers come before words and compare as numbers. */
function comparePart(a: string, b: string): number {
  if (a === b) return 0;
  if (a === "" || b === "") return a === "" ? -1 : 1;
  const [x, y] = [partNumber(a), partNumber(b)];
  if (x === undefined && y === undefined) return a > b ? 1 : -1;
  if (y === undefined) return -1;
  if (x === undefined) return 1;
  return x > y ? 1 : -1;
}

function partNumber(text: string): bigint | undefined {
  if (!/^[0-9]+$/.test(text)) return undefined;
  const value = BigInt(text);
  return value > MAX_UINT64 ? undefined : value;
}

// --- constraints ---------------------------------------------------------------------------------------------------

interface Constraint {
  readonly operator: string;
  readonly version: Version;
  /** Some segment is a wildcard or missing: the minor one (then the patch too), or the patch alone. */
  readonly dirty: boolean;
  readonly minorDirty: boolean;
  readonly patchDirty: boolean;
}

// As in the original, whose alternatives begin with an empty one that a longer match replaces by backtracking.
const OPERATORS = "(|=|!=|>|<|>=|=>|<=|=<|~|~>|\\^)";
const LOOSE =
  "v?([0-9|xX*]+)(\\.[0-9|xX*]+)?(\\.[0-9|xX*]+)?(-([0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*))?(\\+([0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*))?";
const SPACE = "[\\t\\n\\f\\r ]";
const ONE = new RegExp(`^${SPACE}*${OPERATORS}${SPACE}*(${LOOSE})${SPACE}*$`);
const EACH = new RegExp(`(?:=|!=|>|<|>=|=>|<=|=<|~|~>|\\^|)${SPACE}*${LOOSE}`, "g");
const ANY_ONE = `${SPACE}*(?:=||!=|>|<|>=|=>|<=|=<|~|~>|\\^)${SPACE}*${LOOSE}${SPACE}*`;
const VALID = new RegExp(`^(?:${ANY_ONE})(?:(?:${SPACE}+|,${SPACE}*)${ANY_ONE.slice(`${SPACE}*`.length)})*$`);
const RANGE = new RegExp(`${SPACE}*(${LOOSE})${SPACE}+-${SPACE}+(${LOOSE})${SPACE}*`, "g");
const MAX_CONSTRAINT = 1000;

/** The same constraints with one way only to read their spaces: the expression would try them all otherwise. */
function tidy(text: string): string {
  return text.replace(/[\t\n\f\r ]+/g, " ").replaceAll(", ", ",");
}

function parseConstraints(text: string): Constraint[][] {
  // The search for ranges may take time of the length squared.
  if (text.length > MAX_CONSTRAINT) throw new GoError(`improper constraint: ${text.length} characters are too many`);
  const rewritten = text.replace(RANGE, (...groups) => `>= ${groups[1]}, <= ${groups[9]} `);
  return rewritten.split("||").map((part) => {
    if (!VALID.test(tidy(part))) throw new GoError(`improper constraint: ${part}`);
    return (part.match(EACH) ?? []).map(parseConstraint);
  });
}

function parseConstraint(text: string): Constraint {
  const match = ONE.exec(text);
  if (match === null) throw new GoError(`improper constraint: ${text}`);
  const [, operator = "", whole = "", major = "", minor = "", patch = "", tail = ""] = match;
  const isOpen = (part: string): boolean => part === "" || /^\.?[xX*]$/.test(part);
  const majorDirty = isOpen(major);
  const minorDirty = !majorDirty && isOpen(minor);
  const patchDirty = !majorDirty && !minorDirty && isOpen(patch);
  let version = whole;
  if (majorDirty) version = `0.0.0${tail}`;
  else if (minorDirty) version = `${major}.0.0${tail}`;
  else if (patchDirty) version = `${major}${minor}.0${tail}`;
  try {
    const dirty = majorDirty || minorDirty || patchDirty;
    return { operator, version: parseVersion(version), dirty, minorDirty, patchDirty };
  } catch {
    throw new GoError("constraint Parser Error");
  }
}

function satisfies(version: Version, constraint: Constraint): boolean {
  const { operator, version: wanted, dirty, minorDirty, patchDirty } = constraint;
  const order = compare(version, wanted);
  // Pre-releases count only for constraints that name one.
  const hidden = version.pre !== "" && wanted.pre === "";
  if (operator === "!=") return notEqual(version, constraint, hidden, order);
  if (hidden) return false;
  switch (operator) {
    case ">":
      if (!dirty || version.major !== wanted.major) return dirty ? version.major > wanted.major : order > 0;
      if (minorDirty) return false;
      return patchDirty ? version.minor > wanted.minor : order > 0;
    case "<":
      return order < 0;
    case ">=":
    case "=>":
      return order >= 0;
    case "<=":
    case "=<":
      if (!dirty) return order <= 0;
      if (version.major !== wanted.major) return version.major < wanted.major;
      return minorDirty || version.minor <= wanted.minor;
    case "^":
      return order >= 0 && caret(version, constraint);
    case "~":
    case "~>":
      return tilde(version, constraint, order);
    default:
      return dirty ? tilde(version, constraint, order) : order === 0;
  }
}

function notEqual(version: Version, constraint: Constraint, hidden: boolean, order: number): boolean {
  const { version: wanted, dirty, minorDirty, patchDirty } = constraint;
  if (!dirty) return order !== 0;
  if (hidden) return false;
  if (version.major !== wanted.major) return true;
  if (minorDirty) return false;
  if (version.minor !== wanted.minor) return true;
  if (!patchDirty) return version.patch !== wanted.patch || order !== 0;
  return (version.pre !== "" || wanted.pre !== "") && comparePrerelease(version.pre, wanted.pre) !== 0;
}

function tilde(version: Version, { version: wanted, minorDirty, patchDirty }: Constraint, order: number): boolean {
  if (order < 0) return false;
  // ~0.0.0 and * take everything.
  if (wanted.major === 0n && wanted.minor === 0n && wanted.patch === 0n && !minorDirty && !patchDirty) return true;
  return version.major === wanted.major && (minorDirty || version.minor === wanted.minor);
}

/** Nothing left of the first segment that is not zero may change. */
function caret(version: Version, { version: wanted, minorDirty, patchDirty }: Constraint): boolean {
  if (version.major !== wanted.major) return false;
  if (wanted.major > 0n || minorDirty) return true;
  if (wanted.minor > 0n || patchDirty) return version.minor === wanted.minor;
  return version.minor === 0n && version.patch === wanted.patch;
}

// --- the type ------------------------------------------------------------------------------------------------------

/** Filled below: its methods take and give versions. */
const VERSION_TYPE: Type = structType(
  "semver.Version",
  [
    { name: "major", type: UINT64, unexported: true, get: (self) => versionOf(self).major },
    { name: "minor", type: UINT64, unexported: true, get: (self) => versionOf(self).minor },
    { name: "patch", type: UINT64, unexported: true, get: (self) => versionOf(self).patch },
    { name: "pre", type: STRING, unexported: true, get: (self) => versionOf(self).pre },
    { name: "metadata", type: STRING, unexported: true, get: (self) => versionOf(self).metadata },
    { name: "original", type: STRING, unexported: true, get: (self) => versionOf(self).original },
  ],
  {},
  { json: (native) => versionText(versionOf(native)) },
);
const VERSION_PTR = ptrTo(VERSION_TYPE);
const VERSION_PARAM: Param<Value> = paramOf(VERSION_PTR);

/** The one border where the engine hands back what this file put into a Struct or Ptr. */
function versionOf(native: unknown): Version {
  return native as Version;
}

function otherVersion(value: unknown): Version {
  if (value instanceof Ptr && value.native !== null) return versionOf(value.native);
  throw new GoError("runtime error: invalid memory address or nil pointer dereference");
}

/** A method without parameters. */
function getter(get: (self: Version) => Value): Method {
  return { params: [], call: (self) => get(versionOf(self)) };
}

/** A method of the pointer that compares with another version. */
function comparison(give: (order: number) => Value): Method {
  return {
    params: [VERSION_PARAM],
    pointer: true,
    call: (self, [other]) => give(compare(versionOf(self), otherVersion(other))),
  };
}

/** A changed copy: its original text keeps a leading v. */
function changed(self: Version, change: Partial<Version>): Value {
  const next = { ...self, ...change };
  const prefix = self.original.startsWith("v") ? "v" : "";
  return new Struct(VERSION_TYPE, { ...next, original: prefix + versionText(next) });
}

const plain = { pre: "", metadata: "" };
const bytesOf = (text: string): Value => new Bytes(toBytes(text));

const METHODS: Readonly<Record<string, Method>> = {
  String: getter(versionText),
  Original: { ...getter((self) => self.original), pointer: true },
  Major: getter((self) => num(UINT64, self.major)),
  Minor: getter((self) => num(UINT64, self.minor)),
  Patch: getter((self) => num(UINT64, self.patch)),
  Prerelease: getter((self) => self.pre),
  Metadata: getter((self) => self.metadata),
  IncPatch: getter((self) => changed(self, { ...plain, patch: self.pre === "" ? self.patch + 1n : self.patch })),
  IncMinor: getter((self) => changed(self, { ...plain, patch: 0n, minor: self.minor + 1n })),
  IncMajor: getter((self) => changed(self, { ...plain, patch: 0n, minor: 0n, major: self.major + 1n })),
  SetPrerelease: {
    params: [P.string],
    call(self, [pre]) {
      if (String(pre) !== "") checkPrerelease(String(pre));
      return changed(versionOf(self), { pre: String(pre) });
    },
  },
  SetMetadata: {
    params: [P.string],
    call(self, [metadata]) {
      if (!/^[0-9A-Za-z.-]*$/.test(String(metadata))) throw new GoError("Invalid Metadata string");
      return changed(versionOf(self), { metadata: String(metadata) });
    },
  },
  Compare: comparison((order) => order),
  Equal: {
    params: [VERSION_PARAM],
    pointer: true,
    call: (self, [other]) =>
      other instanceof Ptr && other.native !== null && compare(versionOf(self), versionOf(other.native)) === 0,
  },
  LessThan: comparison((order) => order < 0),
  LessThanEqual: comparison((order) => order <= 0),
  GreaterThan: comparison((order) => order > 0),
  GreaterThanEqual: comparison((order) => order >= 0),
  MarshalJSON: getter((self) => bytesOf(`"${versionText(self)}"`)),
  MarshalText: getter((self) => bytesOf(versionText(self))),
  Value: getter(versionText),
};
for (const [name, method] of Object.entries(METHODS)) VERSION_TYPE.methods.set(name, method);

export const semverFuncs: FuncMap = {
  semver: fn([P.string], (text) => new Ptr(VERSION_PTR, parseVersion(text)), { result: VERSION_PTR }),
  semverCompare: fn([P.string, P.string], (constraint, text) => {
    const alternatives = parseConstraints(constraint);
    const version = parseVersion(text);
    return alternatives.some((all) => all.every((one) => satisfies(version, one)));
  }),
};
