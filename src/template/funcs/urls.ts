/** sprig's urlParse and urlJoin, over Go's net/url (with its own, lenient, reading of URLs). */
import { fromByteString, toByteString } from "../byte-string.ts";
import { type FuncMap, fn, P } from "../func.ts";
import { typeOf } from "../inspect.ts";
import { quote } from "../quote.ts";
import { dict } from "../types.ts";
import { type Dict, GoError, Str, type Value } from "../value.ts";

/** Where a text stands in a URL: it decides what must be escaped. */
type Place = "path" | "userinfo" | "host" | "zone" | "fragment";

/** All texts as bytes, one character each. */
interface Url {
  scheme: string;
  opaque: string;
  userinfo: { readonly name: string; readonly password: string | undefined } | undefined;
  host: string;
  path: string;
  rawPath: string;
  query: string;
  forceQuery: boolean;
  fragment: string;
  rawFragment: string;
  omitHost: boolean;
}

const EMPTY: Url = {
  scheme: "",
  opaque: "",
  userinfo: undefined,
  host: "",
  path: "",
  rawPath: "",
  query: "",
  forceQuery: false,
  fragment: "",
  rawFragment: "",
  omitHost: false,
};

const FREE: Readonly<Record<Place, RegExp>> = {
  path: /[A-Za-z0-9_.~$&+,/:;=@-]/,
  userinfo: /[A-Za-z0-9_.~$&+,;=-]/,
  host: /[A-Za-z0-9_.~!$&'()*+,;=:[\]<>"-]/,
  zone: /[A-Za-z0-9_.~!$&'()*+,;=:[\]<>"-]/,
  fragment: /[A-Za-z0-9_.~$&+,/:;=?@!()*-]/,
};

function escapeAt(text: string, place: Place): string {
  let out = "";
  for (const char of text) {
    if (FREE[place].test(char)) out += char;
    else out += `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return out;
}

function unescapeAt(text: string, place: Place): string {
  const strict = place === "host" || place === "zone";
  let out = "";
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (char !== "%") {
      if (strict && char < "\x80" && !FREE[place].test(char)) {
        throw new GoError(`invalid character ${quote(char)} in host name`);
      }
      out += char;
      continue;
    }
    const code = text.slice(at, at + 3);
    if (!/^%[0-9A-Fa-f]{2}$/.test(code)) throw new GoError(`invalid URL escape ${quote(fromByteString(code))}`);
    const byte = String.fromCharCode(Number.parseInt(code.slice(1), 16));
    // In a host only characters beyond ASCII may be escaped, in a zone also what a host could hold.
    const refused =
      (place === "host" && byte < "\x80" && code !== "%25") ||
      (place === "zone" && code !== "%25" && byte !== " " && !FREE.host.test(byte));
    if (refused) throw new GoError(`invalid URL escape ${quote(code)}`);
    out += byte;
    at += 2;
  }
  return out;
}

/** Splits at the first separator; the second part is empty without one. */
function cut(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + separator.length)];
}

function parseUrl(raw: string): Url {
  const [main, fragment] = cut(raw, "#");
  const named = <T>(shown: string, work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw new GoError(`parse ${quote(fromByteString(shown))}: ${error instanceof Error ? error.message : ""}`);
    }
  };
  const url = named(main, () => parseMain(main));
  if (fragment !== "") {
    url.fragment = named(raw, () => unescapeAt(fragment, "fragment"));
    if (escapeAt(url.fragment, "fragment") !== fragment) url.rawFragment = fragment;
  }
  return url;
}

function parseMain(raw: string): Url {
  if (/[\x00-\x1f\x7f]/.test(raw)) throw new GoError("net/url: invalid control character in URL");
  const url = { ...EMPTY };
  if (raw === "*") return { ...url, path: "*" };
  if (raw.startsWith(":")) throw new GoError("missing protocol scheme");
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(raw);
  url.scheme = (scheme?.[1] ?? "").toLowerCase();
  let rest = raw.slice(scheme?.[0].length ?? 0);
  if (rest.indexOf("?") === rest.length - 1 && rest !== "") {
    url.forceQuery = true;
    rest = rest.slice(0, -1);
  } else [rest, url.query] = cut(rest, "?");
  if (!rest.startsWith("/")) {
    if (url.scheme !== "") return { ...url, opaque: rest };
    if (cut(rest, "/")[0].includes(":")) throw new GoError("first path segment in URL cannot contain colon");
  }
  if (rest.startsWith("//") && (url.scheme !== "" || !rest.startsWith("///"))) {
    const slash = rest.indexOf("/", 2);
    const authority = slash < 0 ? rest.slice(2) : rest.slice(2, slash);
    rest = slash < 0 ? "" : rest.slice(slash);
    const at = authority.lastIndexOf("@");
    url.host = parseHost(url.scheme, authority.slice(at + 1));
    if (at >= 0) url.userinfo = parseUserinfo(authority.slice(0, at));
  } else if (url.scheme !== "" && rest.startsWith("/")) url.omitHost = true;
  url.path = unescapeAt(rest, "path");
  if (escapeAt(url.path, "path") !== rest) url.rawPath = rest;
  return url;
}

function parseUserinfo(text: string): NonNullable<Url["userinfo"]> {
  if (!/^[A-Za-z0-9._:~!$&'()*+,;=%@-]*$/.test(text)) throw new GoError("net/url: invalid userinfo");
  const [name, password] = cut(text, ":");
  return {
    name: unescapeAt(name, "userinfo"),
    password: text.includes(":") ? unescapeAt(password, "userinfo") : undefined,
  };
}

function checkPort(port: string): void {
  if (!/^(?::[0-9]*)?$/.test(port)) throw new GoError(`invalid port ${quote(fromByteString(port))} after host`);
}

function parseHost(scheme: string, host: string): string {
  const open = host.lastIndexOf("[");
  if (open > 0) throw new GoError("invalid IP-literal");
  if (open === 0) {
    const close = host.lastIndexOf("]");
    if (close < 0) throw new GoError("missing ']' in host");
    const port = host.slice(close + 1);
    checkPort(port);
    const inside = host.slice(1, close);
    const zone = inside.indexOf("%25");
    const address =
      zone < 0
        ? unescapeAt(inside, "host")
        : unescapeAt(inside.slice(0, zone), "host") + unescapeAt(inside.slice(zone), "zone");
    if (!isIpv6(address)) throw new GoError(`invalid host: ParseAddr(${quote(address)}): unable to parse IP`);
    return `[${address}]${unescapeAt(port, "host")}`;
  }
  const strict = scheme === "http" || scheme === "https";
  const colon = strict ? host.indexOf(":") : host.lastIndexOf(":");
  if (colon >= 0) checkPort(host.slice(colon));
  return unescapeAt(host, "host");
}

function isIpv6(text: string): boolean {
  const [address, zone] = cut(text, "%");
  if (text.includes("%") && zone === "") return false;
  const groups = /^(?:[0-9A-Fa-f]{1,4}|:|(?<=[:.])[0-9]{1,3}(?=\.|$)|\.(?=[0-9])|[0-9]{1,3}(?=\.))+$/;
  if (!groups.test(address) || !address.includes(":") || address.split("::").length > 2) return false;
  const quad = /:(\d{1,3}(?:\.\d{1,3}){3})$/.exec(address)?.[1];
  if (
    quad === undefined
      ? address.includes(".")
      : quad.split(".").some((part) => !/^(0|[1-9]\d*)$/.test(part) || Number(part) > 255)
  ) {
    return false;
  }
  const plain = quad === undefined ? address : `${address.slice(0, -quad.length)}0:0`;
  if (/^:[^:]|[^:]:$|:::/.test(plain)) return false;
  const count = plain.split(":").filter((part) => part !== "").length;
  return plain.includes("::") ? count <= 7 : count === 8;
}

function userinfoText({ name, password }: NonNullable<Url["userinfo"]>): string {
  return escapeAt(name, "userinfo") + (password === undefined ? "" : `:${escapeAt(password, "userinfo")}`);
}

/** The text as it was read, where it stands for the same; else escaped anew. */
function escapedAs(raw: string, text: string, place: "path" | "fragment"): string {
  if (raw !== "") {
    const allowed = [...raw].every((char) => /[!$&'()*+,;=:@[\]%]/.test(char) || FREE[place].test(char));
    if (allowed && unescapeAt(raw, place) === text) return raw;
  }
  return place === "path" && text === "*" ? "*" : escapeAt(text, place);
}

function urlText(url: Url): string {
  let out = url.scheme === "" ? "" : `${url.scheme}:`;
  if (url.opaque !== "") out += url.opaque;
  else {
    const authority = url.host !== "" || url.userinfo !== undefined;
    if ((url.scheme !== "" || authority) && !(url.omitHost && !authority)) {
      if (authority || url.path !== "") out += "//";
      if (url.userinfo !== undefined) out += `${userinfoText(url.userinfo)}@`;
      out += escapeAt(url.host, "host");
    }
    const path = escapedAs(url.rawPath, url.path, "path");
    if (path !== "" && !path.startsWith("/") && url.host !== "") out += "/";
    if (out === "" && cut(path, "/")[0].includes(":")) out += "./";
    out += path;
  }
  if (url.forceQuery || url.query !== "") out += `?${url.query}`;
  if (url.fragment !== "") out += `#${escapedAs(url.rawFragment, url.fragment, "fragment")}`;
  return out;
}

/** As URL.Hostname: without port and brackets. */
function hostname(host: string): string {
  if (host.startsWith("[")) {
    const close = host.lastIndexOf("]");
    if (close >= 0 && /^(?::[0-9]*)?$/.test(host.slice(close + 1))) return host.slice(1, close);
  }
  const colon = host.lastIndexOf(":");
  const plain = colon >= 0 && /^:[0-9]*$/.test(host.slice(colon)) ? host.slice(0, colon) : host;
  return plain.startsWith("[") && plain.endsWith("]") ? plain.slice(1, -1) : plain;
}

function parsed(what: string, text: string): Url {
  try {
    return parseUrl(toByteString(text));
  } catch (error) {
    throw new GoError(`unable to parse ${what}: ${error instanceof Error ? error.message : ""}`);
  }
}

function textAt(source: Dict, key: string): string {
  if (!source.entries.has(key)) return "";
  const value: Value = source.entries.get(key);
  if (typeof value === "string") return toByteString(value);
  if (value instanceof Str) return toByteString(value.value);
  const type = typeOf(value);
  if (type === undefined) throw new GoError("runtime error: invalid memory address or nil pointer dereference");
  throw new GoError(`unable to parse ${key} key, must be of type string, but ${type.kind} found`);
}

export const urlFuncs: FuncMap = {
  urlParse: fn([P.string], (text) => {
    const url = parsed("url", text);
    const parts: readonly (readonly [string, string])[] = [
      ["scheme", url.scheme],
      ["host", url.host],
      ["hostname", hostname(url.host)],
      ["path", url.path],
      ["query", url.query],
      ["opaque", url.opaque],
      ["fragment", url.fragment],
      ["userinfo", url.userinfo === undefined ? "" : userinfoText(url.userinfo)],
    ];
    return dict(new Map(parts.map(([key, value]) => [key, fromByteString(value)])));
  }),
  urlJoin: fn([P.dict], (source) => {
    const userinfo = textAt(source, "userinfo");
    return fromByteString(
      urlText({
        ...EMPTY,
        scheme: textAt(source, "scheme"),
        host: textAt(source, "host"),
        path: textAt(source, "path"),
        query: textAt(source, "query"),
        opaque: textAt(source, "opaque"),
        fragment: textAt(source, "fragment"),
        userinfo:
          userinfo === "" ? undefined : parsed("userinfo in dict", `proto://${fromByteString(userinfo)}@host`).userinfo,
      }),
    );
  }),
};
