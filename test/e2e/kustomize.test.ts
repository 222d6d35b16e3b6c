/** The folders of deploy/kustomize, applied to a real API server; their configs by `petrel check`, their rights by `petrel rbac`. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Cluster, cluster } from "../testbed/kube-cluster.ts";
import { command } from "../testbed/place.ts";
import { describeReal } from "../testbed/suite.ts";
import { EXECUTABLE } from "./executable.ts";

const FOLDER = resolve(import.meta.dir, "../../deploy/kustomize");

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}
interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly rules?: readonly Rule[];
  readonly spec?: { readonly template?: { readonly spec: Record<string, unknown> } };
}

describeReal("kustomize", ["kube"], () => {
  let kube: Cluster;
  const folder = mkdtempSync(join(tmpdir(), "petrel-kustomize-"));
  beforeAll(async () => {
    kube = await cluster();
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  /** `place verb group resource name`, one for each right. */
  const rightsOf = (manifests: readonly Manifest[]) =>
    manifests.flatMap(({ kind, metadata, rules = [] }) =>
      rules.flatMap(({ apiGroups, resources, resourceNames = [""], verbs }) =>
        apiGroups.flatMap((group) =>
          resources.flatMap((resource) =>
            resourceNames.flatMap((name) =>
              verbs.map(
                (verb) => `${kind === "ClusterRole" ? "*" : metadata.namespace} ${verb} ${group}/${resource} ${name}`,
              ),
            ),
          ),
        ),
      ),
    );

  test.each([
    ["base", "petrel", "Deployment"],
    ["overlays/daemonset", "petrel", "DaemonSet"],
    ["overlays/journal", "petrel", "Deployment"],
    ["overlays/sidecar", "app", "Deployment"],
  ])(
    "%s is applied to the letter, and grants what its config needs",
    async (name, namespace, workload) => {
      const text = await kube.kubectl(["kustomize", join(FOLDER, name)]);
      const manifests = Bun.YAML.parse(text) as Manifest[];
      expect(manifests.some(({ kind }) => kind === workload)).toBe(true);

      const file = join(folder, `${name.replace("/", "-")}.yaml`);
      await Bun.write(file, manifests.find(({ kind }) => kind === "ConfigMap")?.data?.["config.yaml"] ?? "");
      const env = { POD_NAMESPACE: namespace, POD_NAME: "one" };
      expect(await command([EXECUTABLE, "check", "--strict", "-c", file], { env })).toEndWith("no problems\n");
      const wanted = JSON.parse(await command([EXECUTABLE, "rbac", "-c", file, "-n", namespace, "-o", "json"]));
      const granted = rightsOf(manifests);
      // By a ClusterRole is more than by a Role.
      const lacking = rightsOf(wanted.items).filter(
        (right) => ![right, right.replace(/^\S+/, "*")].some((one) => granted.includes(one)),
      );
      expect(lacking).toEqual([]);

      await kube.kubectl(["apply", "--validate=strict", "-k", join(FOLDER, name)]);
      try {
        const spec = manifests.find(({ kind }) => kind === workload)?.spec?.template?.spec;
        const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "probe", namespace }, spec };
        // The namespace enforces Pod Security restricted.
        const said = await kube.kubectl(
          ["create", "--dry-run=server", "--validate=strict", "-f", "-"],
          JSON.stringify(pod),
        );
        expect(said).toContain("pod/probe created");
      } finally {
        const kinds = manifests.filter(({ kind }) => kind !== "Namespace");
        const items = JSON.stringify({ apiVersion: "v1", kind: "List", items: kinds });
        await kube.kubectl(["delete", "--wait=false", "--ignore-not-found", "-f", "-"], items);
      }
    },
    60_000,
  );
});
