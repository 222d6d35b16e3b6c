import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Definition, Plan } from "./definition.ts";
import { command, goPrograms } from "./place.ts";
import { freePorts } from "./process.ts";

const MODULE = join(import.meta.dir, "kube");
const PACKAGES: Readonly<Record<string, string>> = {
  etcd: "go.etcd.io/etcd/server/v3",
  "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
  "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
  "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
  kubectl: "k8s.io/kubernetes/cmd/kubectl",
};
// What GET /version reports; the version itself is the one in kube/go.mod.
const VERSION = "k8s.io/component-base/version";
const LDFLAGS = `-s -w -X ${VERSION}.gitVersion=v1.36.3 -X ${VERSION}.gitMajor=1 -X ${VERSION}.gitMinor=36`;

/** Programs that lie ready in the folder that KUBEBUILDER_ASSETS names. */
function ready(name: string): string | undefined {
  const assets = process.env.KUBEBUILDER_ASSETS;
  const path = assets === undefined ? undefined : join(assets, name);
  return path !== undefined && existsSync(path) ? path : undefined;
}

async function programs(): Promise<Record<string, string>> {
  const lacking = Object.entries(PACKAGES).filter(([name]) => ready(name) === undefined);
  const folder = lacking.length === 0 ? "" : await goPrograms("kube", MODULE, Object.fromEntries(lacking), LDFLAGS);
  return Object.fromEntries(Object.keys(PACKAGES).map((name) => [name, ready(name) ?? join(folder, name)]));
}

function kubeconfig(server: string, ca: string, token: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "testbed",
    clusters: [{ name: "testbed", cluster: { server, "certificate-authority": ca } }],
    users: [{ name: "user", user: { token } }],
    contexts: [{ name: "testbed", context: { cluster: "testbed", user: "user", namespace: "default" } }],
  });
}

const ADMIN_TOKEN = "admintoken";
const PETREL_TOKEN = "petreltoken";

async function plan(dir: string): Promise<Plan> {
  const paths = await programs();
  const program = (name: string) => paths[name] ?? name;
  const [etcd = 0, peer = 0, api = 0] = await freePorts(3);
  const file = (name: string) => join(dir, name);
  const url = `https://127.0.0.1:${api}`;
  const etcdUrl = `http://127.0.0.1:${etcd}`;
  const peerUrl = `http://127.0.0.1:${peer}`;
  // The API server writes it at its start; 127.0.0.1 is among its names, so clients verify it.
  const ca = file("certs/apiserver.crt");
  await command(["openssl", "genrsa", "-out", file("sa.key"), "2048"]);
  await Bun.write(
    file("tokens.csv"),
    `${ADMIN_TOKEN},admin,admin-uid,system:masters\n${PETREL_TOKEN},petrel,petrel-uid\n`,
  );
  await Bun.write(file("admin.kubeconfig"), kubeconfig(url, ca, ADMIN_TOKEN));
  await Bun.write(file("petrel.kubeconfig"), kubeconfig(url, ca, PETREL_TOKEN));
  const client = [`--kubeconfig=${file("admin.kubeconfig")}`, "--leader-elect=false", "--secure-port=0"];
  return {
    ports: { etcd, api },
    env: {
      KUBECONFIG: file("admin.kubeconfig"),
      KUBECTL: program("kubectl"),
      PETREL_KUBECONFIG: file("petrel.kubeconfig"),
      URL: url,
      ETCD_URL: etcdUrl,
      CA: ca,
      TOKEN: ADMIN_TOKEN,
    },
    processes: [
      {
        name: "etcd",
        argv: [
          ...[program("etcd"), "--data-dir", file("etcd"), "--unsafe-no-fsync", "--log-level", "error"],
          ...["--listen-client-urls", etcdUrl, "--advertise-client-urls", etcdUrl],
          ...["--listen-peer-urls", peerUrl, "--initial-advertise-peer-urls", peerUrl],
          ...["--initial-cluster", `default=${peerUrl}`],
        ],
        ready: { url: `${etcdUrl}/health` },
      },
      {
        name: "kube-apiserver",
        argv: [
          ...[program("kube-apiserver"), `--etcd-servers=${etcdUrl}`, "--bind-address=127.0.0.1"],
          ...[`--secure-port=${api}`, `--cert-dir=${file("certs")}`, `--token-auth-file=${file("tokens.csv")}`],
          ...["--authorization-mode=RBAC", "--service-account-issuer=https://kubernetes.default.svc"],
          ...[`--service-account-key-file=${file("sa.key")}`, `--service-account-signing-key-file=${file("sa.key")}`],
          "--service-cluster-ip-range=10.0.0.0/24",
          // Pods may be made before the controllers have made the default service account.
          "--disable-admission-plugins=ServiceAccount",
          "--event-ttl=1h",
        ],
        ready: { url: `${url}/readyz` },
      },
      {
        name: "kube-controller-manager",
        argv: [program("kube-controller-manager"), ...client, `--service-account-private-key-file=${file("sa.key")}`],
      },
      { name: "kube-scheduler", argv: [program("kube-scheduler"), ...client] },
    ],
    versions: {
      Kubernetes: (await command([program("kube-apiserver"), "--version"])).trim().replace(/^Kubernetes v/, ""),
    },
    usage: [
      `export KUBECONFIG=${file("admin.kubeconfig")}`,
      `${program("kubectl")} create deployment web --image=nginx --replicas=3`,
      `${program("kubectl")} get events -A --watch`,
      `bun src/main.ts run -c CONFIG -kubeconfig ${file("admin.kubeconfig")}`,
    ],
  };
}

/** etcd, kube-apiserver, kube-controller-manager, kube-scheduler: no node, no containers, real events. */
export const kube: Definition = {
  name: "kube",
  summary: "Kubernetes control plane (etcd, API server, controllers, scheduler) and kubectl",
  missing() {
    if (Object.keys(PACKAGES).every(ready)) return undefined;
    return Bun.which("go") === null
      ? "needs Go to build the control plane, or KUBEBUILDER_ASSETS with all five programs"
      : undefined;
  },
  install: async () => {
    await programs();
  },
  plan,
};
