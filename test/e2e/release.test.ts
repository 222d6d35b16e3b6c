/** What `bun run release` makes, unpacked and run: archive, package, image, lists. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { cluster } from "../testbed/kube-cluster.ts";
import { ociProgram } from "../testbed/oci.ts";
import { command } from "../testbed/place.ts";
import { freePorts } from "../testbed/process.ts";
import { describeReal } from "../testbed/suite.ts";
import { eventually } from "./eventually.ts";
import { EXECUTABLE } from "./executable.ts";

const ROOT = resolve(import.meta.dir, "../..");
const folder = mkdtempSync(join(tmpdir(), "petrel-release-"));
const out = join(folder, "out");
const debian = Bun.which("apt-get") !== null && Bun.which("dpkg-deb") !== null;
const target = `linux-${process.arch}`;
/** What a release is made of. */
const CLONED = [
  ...["src", "sinks", "configs", "deploy", "package.json", "bun.lock", "tsconfig.json", "bunfig.toml"],
  ...["README.md", "CHANGELOG.md", "LICENSE"],
];
const at = (pattern: string) =>
  [...new Bun.Glob(pattern).scanSync({ cwd: out })].map((name) => join(out, name))[0] ?? "";

// An image needs Debian's packages over the network: for the real tier alone.
let image = debian && process.env.PETREL_REAL === "1" ? ["--image"] : [];

beforeAll(async () => {
  const release = () =>
    command([process.execPath, "src/release.ts", "--targets", target, "--out", out, ...image], { cwd: ROOT });
  await release().catch(async (error: unknown) => {
    // Debian's mirror drops versions on days of its own, which says nothing of what is tested here.
    if (!String(error).includes("of Debian:")) throw error;
    console.warn(`${error}\n\nTHE PINS OF THE IMAGE'S PACKAGES ARE TO BE RAISED; this image has the newest ones`);
    image = ["--image", "--newest-debian"];
    await release();
  });
}, 600_000);
afterAll(() => rmSync(folder, { recursive: true }));

describe("the release", () => {
  test("SHA256SUMS is right", async () => {
    const said = await command(["sha256sum", "--check", "--strict", "SHA256SUMS"], { cwd: out });
    expect(said.trim().split("\n").length).toBe(readdirSync(out).length - 1);
  });

  test("the archive has all that a host needs, and its executable is this one", async () => {
    await command(["tar", "xzf", at("*.tar.gz"), "-C", folder]);
    const unpacked = join(folder, readdirSync(folder).find((name) => name.startsWith("petrel-0")) ?? "");
    expect(readdirSync(unpacked).sort()).toEqual(
      "CHANGELOG.md LICENSE README.md THIRD_PARTY_LICENSES completions petrel petrel.service petrel.yaml".split(" "),
    );
    const exe = join(unpacked, "petrel");
    const { commit, ...version } = JSON.parse(await command([exe, "version", "-o", "json"]));
    // The clone may have changed since the other was built.
    const { commit: _, ...wanted } = JSON.parse(await command([EXECUTABLE, "version", "-o", "json"]));
    expect(version).toEqual(wanted);
    expect(commit).toMatch(/^([0-9a-f]{40}(-dirty)?|unknown)$/);
    expect(await command([exe, "check", "-c", join(unpacked, "petrel.yaml")])).toContain("no problems");
    const tried = (words: string) =>
      `COMP_WORDS=(${words}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _petrel; echo \${COMPREPLY[@]}`;
    const completed = `${tried("petrel ru")}; ${tried("petrel rbac --na")}`;
    const words = await command(["bash", "-c", `. ${join(unpacked, "completions/petrel")}; ${completed}`]);
    expect(words).toBe("run\n--name --namespace\n");
    const licences = await Bun.file(join(unpacked, "THIRD_PARTY_LICENSES")).text();
    expect(licences).toContain("yaml 2.");
    expect(licences).toContain("Permission is hereby granted");
  }, 30_000);

  test("two clones in two folders make the same archives, packages, lists and sums", async () => {
    const clones = ["one", "another/of a longer name"].map((name) => join(folder, name));
    const sums = [];
    for (const clone of clones) {
      for (const name of CLONED) cpSync(join(ROOT, name), join(clone, name), { recursive: true });
      const bun = (...args: string[]) =>
        // As of a commit, which a copy does not have.
        command([process.execPath, ...args], { cwd: clone, env: { SOURCE_DATE_EPOCH: "1764331200" } });
      await bun("install", "--frozen-lockfile", "--production", "--ignore-scripts", "--silent");
      await bun("src/release.ts", "--targets", target, ...image);
      sums.push(await Bun.file(join(clone, "dist/release/SHA256SUMS")).text());
    }
    const names = sums[0]?.match(/\.(tar\.gz|cdx\.json|deb|oci\.tar)$/gm);
    expect(names?.sort()).toEqual([".cdx.json", ".deb", ...(image.length > 0 ? [".oci.tar"] : []), ".tar.gz"]);
    expect(sums[1]).toBe(sums[0] ?? "");
  }, 300_000);

  test("it is within its budget", () => {
    expect(Bun.file(at("*.tar.gz")).size).toBeLessThan(55e6);
  });

  test("the SBOM names every package with its version, and every dependency in it is in it", async () => {
    interface Sbom {
      components: { "bom-ref": string; name: string; version: string; hashes?: { content: string }[] }[];
      dependencies: { ref: string; dependsOn: string[] }[];
      specVersion: string;
    }
    const sbom: Sbom = await Bun.file(at("*.cdx.json")).json();
    expect(sbom.specVersion).toBe("1.6");
    const direct: { dependencies: Record<string, string>; devDependencies: Record<string, string> } = await Bun.file(
      join(ROOT, "package.json"),
    ).json();
    const found = Object.fromEntries(sbom.components.map(({ name, version }) => [name, version]));
    expect(found).toMatchObject(direct.dependencies);
    expect(Object.keys(found)).not.toContain("typescript");
    const refs = new Set(sbom.components.map((one) => one["bom-ref"]));
    expect(refs.size).toBe(sbom.components.length);
    expect(sbom.dependencies.flatMap((one) => one.dependsOn).filter((ref) => !refs.has(ref))).toEqual([]);
    const hashed = sbom.components.filter(({ hashes }) => hashes !== undefined);
    expect(hashed.every(({ hashes }) => hashes?.[0]?.content.length === 128)).toBe(true);
  });

  const title = "the deb unpacks, and the unit in it is one that systemd takes";
  if (!debian) test.skip(`${title} (needs dpkg-deb)`, () => {});
  else {
    test(title, async () => {
      const root = join(folder, "deb");
      await command(["dpkg-deb", "-x", at("*.deb"), root]);
      const control = await command(["dpkg-deb", "-f", at("*.deb"), "Package", "Architecture", "Depends"]);
      expect(control).toMatch(/^Package: petrel\nArchitecture: (amd64|arm64)\nDepends: libc6 /);
      expect(await command([join(root, "usr/bin/petrel"), "version"])).toStartWith("petrel ");
      expect(existsSync(join(root, "etc/petrel/petrel.yaml"))).toBe(true);
      if (Bun.which("systemd-analyze") === null) return;
      const unit = join(root, "usr/lib/systemd/system/petrel.service");
      const text = (await Bun.file(unit).text()).replaceAll("/usr/bin/petrel", join(root, "usr/bin/petrel"));
      await Bun.write(join(folder, "petrel.service"), text);
      await command(["systemd-analyze", "verify", "--man=no", join(folder, "petrel.service")]);
    }, 30_000);
  }
});

describeReal("the image", ["kube", "oci"], () => {
  const root = join(folder, "root");

  test("is valid by the specification's schemas, and its digests are right", async () => {
    const layout = join(folder, "layout");
    mkdirSync(layout);
    await command(["tar", "xf", at("*.oci.tar"), "-C", layout]);
    expect((await command([await ociProgram(), layout])).split("\n").slice(0, -1)).toEqual([
      ...["valid: layout", "valid: index", "valid: manifest", "valid: config"],
    ]);
    const blobs = join(layout, "blobs/sha256");
    for (const name of readdirSync(blobs)) {
      expect(new Bun.CryptoHasher("sha256").update(await Bun.file(join(blobs, name)).bytes()).digest("hex")).toBe(name);
    }
    const blob = (digest: string) => join(blobs, digest.replace("sha256:", ""));
    const index = await Bun.file(join(layout, "index.json")).json();
    const manifest = await Bun.file(blob(index.manifests[0].digest)).json();
    const config = await Bun.file(blob(manifest.config.digest)).json();
    expect(config.config).toMatchObject({ User: "65532:65532", Entrypoint: ["/petrel"] });
    const layer = blob(manifest.layers[0].digest);
    const plain = Bun.gunzipSync(await Bun.file(layer).bytes());
    expect(`sha256:${new Bun.CryptoHasher("sha256").update(plain).digest("hex")}`).toBe(config.rootfs.diff_ids[0]);
    mkdirSync(root);
    await command(["tar", "xzf", layer, "-C", root]);
  }, 60_000);

  const title = "runs as uid 65532 in a root that cannot be written and has no /tmp, against a real API server";
  if (process.getuid?.() !== 0 || !Bun.spawnSync(["unshare", "-m", "true"]).success) {
    test.skip(`${title} (needs root, and the right to make mount namespaces)`, () => {});
    return;
  }
  test(title, async () => {
    const kube = await cluster();
    const namespace = `image-${Date.now().toString(36)}`;
    await kube.api("POST", "/api/v1/namespaces", { metadata: { name: namespace } });
    for (const name of ["data", "proc"]) mkdirSync(join(root, name));
    writeFileSync(
      join(root, "data/config.yaml"),
      "route: { match: [{ receiver: out }] }\nreceivers: [{ name: out, stdout: {} }]\n",
    );
    const rights = await command([EXECUTABLE, "rbac", "-c", join(root, "data/config.yaml"), "-n", namespace]);
    await kube.kubectl(["apply", "-f", "-"], rights);
    const kubeconfig = await Bun.file(await kube.serviceAccountConfig("petrel", namespace)).json();
    const authority = { "certificate-authority-data": Buffer.from(kube.ca).toString("base64") };
    kubeconfig.clusters[0].cluster = { server: kube.url, ...authority };
    writeFileSync(join(root, "data/kubeconfig"), JSON.stringify(kubeconfig));
    chmodSync(root, 0o755);
    const [port = 0] = await freePorts(1);
    const script = `mount --bind "$ROOT" "$ROOT" && { mount -t proc proc "$ROOT/proc" || mount --rbind /proc "$ROOT/proc"; } &&
      mount -o remount,bind,ro "$ROOT" &&
      exec env -i "$(command -v chroot)" --userspec=65532:65532 "$ROOT" /petrel run -c /data/config.yaml -kubeconfig /data/kubeconfig -metrics-address 127.0.0.1:${port} --admin-address off`;
    const child = Bun.spawn(["unshare", "-m", "sh", "-c", script], {
      env: { ...process.env, ROOT: root },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const stderr = new Response(child.stderr).text();
    const stdout = new Response(child.stdout).text();
    try {
      await eventually("petrel is ready", 20_000, async () => {
        if (child.exitCode !== null) return `it ended with ${child.exitCode}: ${await stderr}`;
        const { status } = await fetch(`http://127.0.0.1:${port}/-/ready`);
        return status === 200 ? undefined : `it says ${status}`;
      });
      const status = await Bun.file(`/proc/${child.pid}/status`).text();
      expect(status).toMatch(/^Uid:\t65532\t65532/m);
      const involvedObject = { kind: "Pod", apiVersion: "v1", name: "web-1", namespace };
      const times = { firstTimestamp: new Date().toISOString(), lastTimestamp: new Date().toISOString() };
      const body = {
        metadata: { name: "imaged", namespace },
        involvedObject,
        reason: "Imaged",
        type: "Normal",
        ...times,
      };
      await kube.api("POST", `/api/v1/namespaces/${namespace}/events`, body);
      await eventually("the event is delivered", 10_000, async () => {
        const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
        return /^petrel_events_delivered_total\{.*\} [1-9]/m.test(metrics) ? undefined : "it is not";
      });
    } finally {
      child.kill("SIGTERM");
      await child.exited;
    }
    expect(await stdout).toContain('"reason":"Imaged"');
    expect(readdirSync(root)).not.toContain("tmp");
  }, 60_000);
});
