/**
 * The functions of sprig v3 for text templates.
 *
 * @see https://masterminds.github.io/sprig/
 */

import { spend } from "../budget.ts";
import { type Func, type FuncMap, fn, P } from "../func.ts";
import { localZone } from "../gotime-zone.ts";
import { caseFuncs } from "./case.ts";
import { cryptoFuncs } from "./crypto.ts";
import { type Clock, dateFuncs } from "./dates.ts";
import { defaultFuncs } from "./defaults.ts";
import { dictFuncs } from "./dicts.ts";
import { encodingFuncs, environmentFuncs } from "./encodings.ts";
import { listFuncs } from "./lists.ts";
import { numberFuncs } from "./numbers.ts";
import { type RandomBytes, randomFuncs } from "./random.ts";
import { regexFuncs } from "./regex.ts";
import { semverFuncs } from "./semver.ts";
import { stringFuncs } from "./strings.ts";
import { urlFuncs } from "./urls.ts";

/** Functions that an operator may not want in templates: they read the environment, or hold the process for long. */
export type Group = "env" | "crypto";

export interface SprigOptions {
  /** Default: the system's clock, in the process's zone (`TZ`, UTC without it). */
  readonly clock?: Clock;
  /** Default: the system's secure source. */
  readonly random?: RandomBytes;
  /** What `env` and `expandenv` read. Default: the process's environment. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** A template that names a function of any other group is refused at load. Default: all. */
  readonly allow?: readonly Group[];
}

/**
 * Functions that hold the process for 50 ms and more: key pairs, certificates and password hashes.
 * Their group is `crypto`.
 */
export const SLOW_FUNCTIONS: readonly string[] = [
  "bcrypt",
  "htpasswd",
  "genPrivateKey",
  "genCA",
  "genCAWithKey",
  "genSelfSignedCert",
  "genSelfSignedCertWithKey",
  "genSignedCert",
  "genSignedCertWithKey",
  "derivePassword",
];

/** Functions that look at each character by itself, some 0.1 µs each: their texts cost more steps than others'. */
const CAREFUL: readonly string[] = [
  ...[
    "snakecase",
    "kebabcase",
    "camelcase",
    "swapcase",
    "title",
    "untitle",
    "initials",
    "trimAll",
    "trimall",
    "shuffle",
  ],
  ...["expandenv", "regexQuoteMeta", "wrap", "wrapWith", "must_date_modify", "date", "dateInZone", "date_in_zone"],
  ...["duration", "atoi"],
  ...["b32enc", "b32dec", "b64dec", "decryptAES", "buildCustomCert", "urlParse", "toPrettyJson", "mustToPrettyJson"],
  ...[
    "date_modify",
    "dateModify",
    "mustDateModify",
    "durationRound",
    "toDate",
    "mustToDate",
    "semver",
    "semverCompare",
  ],
];

function careful(made: Func): Func {
  return {
    ...made,
    call(...args) {
      for (const arg of args) if (typeof arg === "string") spend(arg.length >>> 1);
      return made.call(...args);
    },
  };
}

/** The process's zone; UTC unless TZ says otherwise, as in the containers where Go programs run. */
function processZone(): Clock["zone"] {
  return localZone(process.env.TZ === undefined ? "UTC" : new Intl.DateTimeFormat().resolvedOptions().timeZone);
}

export function sprigFuncs(options: SprigOptions = {}): FuncMap {
  const {
    clock = { now: () => Date.now(), zone: processZone() },
    random = (count) => crypto.getRandomValues(new Uint8Array(count)),
    environment = process.env,
    allow = ["env", "crypto"],
  } = options;
  const functions: Record<string, FuncMap[string]> = {
    ...stringFuncs,
    ...caseFuncs,
    ...numberFuncs,
    ...listFuncs,
    ...dictFuncs,
    ...dateFuncs(clock),
    ...defaultFuncs,
    ...encodingFuncs,
    ...environmentFuncs(environment),
    ...randomFuncs(random),
    ...regexFuncs,
    ...semverFuncs,
    ...urlFuncs,
    ...cryptoFuncs(clock, random),
    getHostByName: fn([P.string], () => "", {
      refused: "rendering does not wait for name servers; put the address into the configuration",
    }),
  };
  for (const name of CAREFUL) {
    const known = functions[name];
    if (known !== undefined) functions[name] = careful(known);
  }
  const refuse = (names: readonly string[], group: Group): void => {
    if (allow.includes(group)) return;
    for (const name of names) {
      const known = functions[name];
      if (known !== undefined) functions[name] = { ...known, refused: `template.allow does not list ${group}` };
    }
  };
  refuse(["env", "expandenv"], "env");
  refuse(SLOW_FUNCTIONS, "crypto");
  return functions;
}

/** All of sprig, with the process's clock, randomness and environment. */
export const sprig: FuncMap = sprigFuncs();
