/** Rights as manifests: a ServiceAccount, Roles and their bindings. */
import type { Grant, PolicyRule, Rights } from "./rights.ts";

export interface RbacOptions {
  /** Of the ServiceAccount, the Roles and the bindings. */
  readonly name: string;
  /** Of the ServiceAccount. */
  readonly namespace: string;
}

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly PolicyRule[];
  readonly roleRef?: { readonly apiGroup: string; readonly kind: string; readonly name: string };
  readonly subjects?: readonly { readonly kind: string; readonly name: string; readonly namespace: string }[];
}

const API = "rbac.authorization.k8s.io";

/** In the order in which they can be applied. */
export function rbacManifests({ grants }: Rights, { name, namespace }: RbacOptions): readonly Manifest[] {
  const account: Manifest = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace } };
  const roles = byPlace(grants).flatMap(([place, own]): Manifest[] => {
    const kind = place === undefined ? "ClusterRole" : "Role";
    // Outside its namespace another Petrel may have the same name, and the same right.
    const metadata = {
      name: place === namespace ? name : `${name}-${namespace}`,
      ...(place !== undefined && { namespace: place }),
    };
    return [
      { apiVersion: `${API}/v1`, kind, metadata, rules: own.map(({ rule }) => rule) },
      {
        apiVersion: `${API}/v1`,
        kind: `${kind}Binding`,
        metadata,
        roleRef: { apiGroup: API, kind, name: metadata.name },
        subjects: [{ kind: "ServiceAccount", name, namespace }],
      },
    ];
  });
  return [account, ...roles];
}

/** The same as YAML, with the reason of each rule. */
export function rbacYaml(rights: Rights, options: RbacOptions): string {
  const documents = rbacManifests(rights, options).map((manifest) => {
    const { apiVersion, kind, metadata, rules, roleRef, subjects } = manifest;
    const reasons = byPlace(rights.grants).find(([place]) => place === metadata.namespace)?.[1] ?? [];
    return [
      `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata:\n${members(metadata, "  ")}`,
      rules ? `rules:\n${rules.map((rule, index) => ruleText(rule, reasons[index], reasons[index - 1])).join("")}` : "",
      roleRef ? `roleRef:\n${members(roleRef, "  ")}` : "",
      subjects ? `subjects:\n${subjects.map((one) => `  - ${members(one, "    ").trimStart()}`).join("")}` : "",
    ].join("");
  });
  return `${rights.notes.map((note) => `# ${note}\n`).join("")}${documents.join("---\n")}`;
}

function ruleText(rule: PolicyRule, grant: Grant | undefined, before: Grant | undefined): string {
  const comment = grant && grant.why !== before?.why ? `  # ${grant.why}\n` : "";
  return `${comment}  - ${members({ ...rule }, "    ").trimStart()}`;
}

/** JSON in one line is YAML; what needs no quotes has none. */
function members(object: Readonly<Record<string, unknown>>, indent: string): string {
  return Object.entries(object)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${indent}${key}: ${scalar(value)}\n`)
    .join("");
}

function scalar(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(scalar).join(", ")}]`;
  return typeof value === "string" &&
    /^[a-zA-Z][\w./-]*$/.test(value) &&
    !/^(y|n|yes|no|on|off|true|false|null)$/i.test(value)
    ? value
    : JSON.stringify(value);
}

function byPlace(grants: readonly Grant[]): readonly (readonly [string | undefined, readonly Grant[]])[] {
  const places = new Map<string | undefined, Grant[]>();
  for (const grant of grants) places.set(grant.namespace, [...(places.get(grant.namespace) ?? []), grant]);
  return [...places];
}
