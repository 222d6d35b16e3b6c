/** The packages that are in the executable, by the lock file: SBOM and licences. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const LOCK = z.object({
  workspaces: z.record(z.string(), z.object({ dependencies: z.record(z.string(), z.string()).optional() })),
  packages: z.record(
    z.string(),
    z.tuple([
      z.string(),
      z.string(),
      z.object({
        dependencies: z.record(z.string(), z.string()).optional(),
        optionalDependencies: z.record(z.string(), z.string()).optional(),
      }),
      z.string(),
    ]),
  ),
});

export interface Package {
  /** Its place in the lock file: `a`, or `a/b` for the b that is a's own. */
  readonly key: string;
  readonly name: string;
  readonly version: string;
  /** `sha512-` and base64, as npm has it. */
  readonly integrity: string;
  /** SPDX, from its package.json; empty: it does not say. */
  readonly licence: string;
  readonly dependsOn: readonly string[];
}

/** What `dependencies` of package.json reach; none of what only development needs. In the order of their keys. */
export function packagesOf(root: string): readonly Package[] {
  const lock = LOCK.parse(Bun.JSONC.parse(readFileSync(join(root, "bun.lock"), "utf8")));
  const found = new Map<string, Package>();
  const visit = (name: string, from: string, needed: boolean): string | undefined => {
    const key = nearest(lock.packages, name, from);
    // An optional one that is for another platform is not in the lock file, or not installed.
    if (key === undefined && needed) throw new Error(`bun.lock has no ${name}, which ${from || "petrel"} needs`);
    if (key === undefined || found.has(key)) return key;
    const [id = "", , { dependencies = {}, optionalDependencies = {} }, integrity = ""] = lock.packages[key] ?? [
      "",
      "",
      {},
      "",
    ];
    const at = id.lastIndexOf("@");
    const own: { -readonly [K in keyof Package]: Package[K] } = {
      key,
      name: id.slice(0, at),
      version: id.slice(at + 1),
      integrity,
      licence: licenceOf(root, key),
      dependsOn: [],
    };
    found.set(key, own);
    own.dependsOn = [
      ...Object.keys(dependencies).map((one) => visit(one, key, true)),
      ...Object.keys(optionalDependencies).map((one) => visit(one, key, false)),
    ].filter((one) => one !== undefined);
    return key;
  };
  for (const name of Object.keys(lock.workspaces[""]?.dependencies ?? {})) visit(name, "", true);
  return [...found.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** As Node resolves it: the package's own, else that of whoever holds it, else the top's. */
function nearest(packages: Readonly<Record<string, unknown>>, name: string, from: string): string | undefined {
  for (let place = from; place !== ""; place = place.includes("/") ? place.slice(0, place.lastIndexOf("/")) : "") {
    if (Object.hasOwn(packages, `${place}/${name}`)) return `${place}/${name}`;
  }
  return Object.hasOwn(packages, name) ? name : undefined;
}

/** `a/b` lies in node_modules/a/node_modules/b; scopes are part of a name. */
function folderOf(root: string, key: string): string {
  const names = key.match(/@[^/]+\/[^/]+|[^/]+/g) ?? [];
  return join(root, ...names.flatMap((name) => ["node_modules", name]));
}

function licenceOf(root: string, key: string): string {
  const file = join(folderOf(root, key), "package.json");
  if (!existsSync(file)) return "";
  const { license }: { license?: unknown } = JSON.parse(readFileSync(file, "utf8"));
  return typeof license === "string" ? license : "";
}

/** Every licence that goes out with the executable, each text once. */
export function thirdPartyLicences(root: string, packages: readonly Package[]): string {
  const texts = new Map<string, string[]>();
  for (const one of packages) {
    const folder = folderOf(root, one.key);
    const names = existsSync(folder) ? readdirSync(folder).filter((name) => /^(licen[cs]e|notice)/i.test(name)) : [];
    const text = names
      .sort()
      .map((name) => readFileSync(join(folder, name), "utf8").trim())
      .join("\n\n");
    const whole = text === "" ? `Licence: ${one.licence || "see its page"}` : text;
    texts.set(whole, [...(texts.get(whole) ?? []), `${one.name} ${one.version}`]);
  }
  const rule = "-".repeat(80);
  const bun = `Bun ${Bun.version} is inside, MIT licence; what it links is listed at https://bun.sh/docs/project/licensing`;
  return [bun, ...[...texts].map(([text, names]) => `${names.join("\n")}\n\n${text}`)]
    .join(`\n\n${rule}\n\n`)
    .concat("\n");
}

/** CycloneDX 1.6. `serial`: the same for the same content. @see https://cyclonedx.org/docs/1.6/json/ */
export function sbom(version: string, packages: readonly Package[], timestamp: string): string {
  const ref = (key: string) => {
    const found = packages.find((one) => one.key === key);
    return found ? `pkg:npm/${found.name.replace("@", "%40")}@${found.version}` : key;
  };
  const self = `pkg:generic/petrel@${version}`;
  const runtime = `pkg:generic/bun@${Bun.version}`;
  const unique = [...new Map(packages.map((one) => [ref(one.key), one])).values()];
  const below = packages.flatMap((one) => one.dependsOn);
  const components = unique.map((one) => ({
    type: "library",
    "bom-ref": ref(one.key),
    name: one.name,
    version: one.version,
    purl: ref(one.key),
    hashes: [{ alg: "SHA-512", content: Buffer.from(one.integrity.replace("sha512-", ""), "base64").toString("hex") }],
    ...(one.licence !== "" && {
      licenses: [/ (OR|AND|WITH) /.test(one.licence) ? { expression: one.licence } : { license: { id: one.licence } }],
    }),
  }));
  const direct = packages.filter((one) => !below.includes(one.key)).map((one) => ref(one.key));
  const document = {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      timestamp,
      component: {
        type: "application",
        "bom-ref": self,
        name: "petrel",
        version,
        licenses: [{ license: { id: "Apache-2.0" } }],
      },
    },
    components: [
      {
        type: "platform",
        "bom-ref": runtime,
        name: "bun",
        version: Bun.version,
        licenses: [{ license: { id: "MIT" } }],
      },
      ...components,
    ],
    dependencies: [
      { ref: self, dependsOn: [runtime, ...direct] },
      ...unique.map((one) => ({ ref: ref(one.key), dependsOn: [...new Set(one.dependsOn.map(ref))] })),
    ],
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
