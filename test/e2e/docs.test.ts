/** Every command that a page for users shows: run, or as much of it as this machine can, or named with the reason why not. */
import { afterAll, describe, expect, test } from "bun:test";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { EXECUTABLE } from "./executable.ts";

const ROOT = resolve(import.meta.dir, "../..");
const PAGES = [
  "README.md",
  "CONTRIBUTING.md",
  "configs/README.md",
  ...new Bun.Glob("deploy/**/*.md").scanSync({ cwd: ROOT }),
].sort();
const folder = mkdtempSync(join(tmpdir(), "petrel-docs-"));
afterAll(() => rmSync(folder, { recursive: true }));

interface Shown {
  readonly page: string;
  readonly command: string;
}

/** Indented blocks that begin with a program. */
function commandsOf(page: string): Shown[] {
  const text = readFileSync(join(ROOT, page), "utf8").replace(/^```[\s\S]*?^```/gm, "");
  return text
    .split("\n")
    .filter((line) => /^ {4}[a-z$]/.test(line) && !/^ {4}(src|configs|test)\/ /.test(line))
    .map((line) => ({ page, command: line.trim().replace(/\s+# .*$/, "") }))
    .filter(({ command }) => command.length > 0);
}

/** The one of README.md, with a test. */
const CONFIG = `${/^## A config\n\n```yaml\n([\s\S]*?)^```/m.exec(readFileSync(join(ROOT, "README.md"), "utf8"))?.[1]}
tests:
  - name: warnings are alerts
    event: event.json
    expect: { receivers: [log, alerts] }
`;
const EVENT = JSON.stringify({
  type: "Warning",
  reason: "Tested",
  involvedObject: { kind: "Pod", name: "web-1" },
  metadata: { name: "e", namespace: "default", uid: "u", resourceVersion: "1" },
});

/** What stands before a pipe is replaced by what it would say. */
const SAYS: readonly (readonly [RegExp, string])[] = [
  [/^kubectl get events .* \| /, `{"kind":"List","apiVersion":"v1","items":[${EVENT}]}`],
];

/** Why a command is not run here. What it names is looked at all the same: scripts, folders, files. */
const UNRUN: readonly (readonly [RegExp, string])[] = [
  [/^petrel run|dist\/petrel run/, "runs for ever; every end-to-end test runs it"],
  [/^petrel dlq /, "asks a running petrel; dlq.test.ts does"],
  [/^(npx|bun) /, "this is what runs the tests"],
  [/^PETREL_REAL=1 /, "this is what runs the tests"],
  [/^helm /, "installs into a cluster; helm.test.ts renders it and applies what it renders"],
  [/^kubectl (apply|port-forward)/, "needs a cluster; kustomize.test.ts and kube.test.ts apply it to one"],
  [/^docker /, "needs a container engine; image.test.ts and release.test.ts run what an image would hold"],
  [
    /^(dpkg|systemctl|cp|mkdir) /,
    "changes the machine; release.test.ts unpacks the package, systemd.test.ts judges the unit",
  ],
  [/^sha256sum /, "release.test.ts does"],
  [/^promtool /, "alerts.test.ts does"],
  [/^skaffold /, "needs a container engine and a cluster"],
  [/^curl /, "asks a running petrel"],
];

const all = PAGES.flatMap(commandsOf);

test("the pages show commands", () => {
  expect(all.length).toBeGreaterThan(30);
});

describe("what commands name is there", () => {
  const scripts: Record<string, string> = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).scripts;
  test.each(all.map(({ page, command }) => [page, command] as const))("%s: %s", (page, command) => {
    for (const [, name = ""] of command.matchAll(
      /\bbun(?:@[\d.]+)? (?:run )?(?:--\S+ )?(start|check|fix|test|build|gen|release|testbed|bench|soak)\b/g,
    )) {
      expect(Object.keys(scripts)).toContain(name);
    }
    for (const [path] of command.matchAll(/(?<![\w/.-])(deploy|configs|test|src)\/[\w./-]+/g)) {
      expect({ path, there: existsSync(join(ROOT, path)) }).toEqual({ path, there: true });
    }
    // The alerts' page is beside its files.
    for (const [path] of command.matchAll(/(?<= )petrel(?:\.test)?\.yaml$/g)) {
      if (command.startsWith("promtool")) expect(existsSync(join(ROOT, dirname(page), path))).toBe(true);
    }
  });
});

describe("commands", () => {
  const place = join(folder, "place");
  mkdirSync(place);
  cpSync(join(ROOT, "configs"), join(place, "configs"), { recursive: true });
  for (const name of ["petrel.yaml", "config.yaml"]) writeFileSync(join(place, name), CONFIG);
  writeFileSync(join(place, "event.json"), EVENT);
  writeFileSync(
    join(place, "config.json"),
    JSON.stringify({ sink: "http", httpSinkUrl: "http://collector.example.com" }),
  );
  const bridge = {
    EventGrid_Topic_Uri: "https://t.example.com/api/events",
    EventGrid_Topic_Key: "k",
    Kubernetes_Cluster_Name: "c",
  };
  const lines = Object.entries(bridge).map(([name, value]) => `EventGridBridge_${name}=${value}\n`);
  writeFileSync(join(place, "bridge.env"), lines.join(""));

  for (const { page, command } of all) {
    const why = UNRUN.find(([pattern]) => pattern.test(command))?.[1];
    const title = `${page}: ${command}`;
    if (why !== undefined) {
      test.skip(`${title} (${why})`, () => {});
      continue;
    }
    test(title, async () => {
      const [before, stdin] = SAYS.find(([pattern]) => pattern.test(command)) ?? [/^$/, ""];
      const alone = command.replace(before, "").replace(/ \| kubectl apply -f -$/, "");
      // Anything else is a command that this test knows nothing of.
      expect(alone).toMatch(/^petrel /);
      const child = Bun.spawn(["sh", "-c", `petrel() { "$EXE" "$@"; }; ${alone}`], {
        cwd: place,
        env: { ...process.env, EXE: EXECUTABLE, ALERTS_TOKEN: "t" },
        stdin: new Blob([stdin]),
        stdout: "pipe",
        stderr: "pipe",
        timeout: 20_000,
      });
      const [stderr, code] = await Promise.all([child.stderr.text(), child.exited]);
      expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    }, 30_000);
  }
});

describe("configs on pages", () => {
  const blocks = PAGES.filter((page) => page.startsWith("deploy/migrate") || page === "README.md").flatMap((page) =>
    [...readFileSync(join(ROOT, page), "utf8").matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, yaml = ""]) => ({
      page,
      yaml,
    })),
  );
  const configs = blocks.filter(({ yaml }) => /^receivers:/m.test(yaml));
  test.each(configs.map(({ page, yaml }, index) => [page, index, yaml] as const))(
    "%s, block %d, is one that petrel check takes",
    (_, index, yaml) => {
      const file = join(folder, `block-${index}.yaml`);
      writeFileSync(file, yaml);
      const env = {
        ...process.env,
        POD_NAMESPACE: "a",
        POD_NAME: "b",
        ALERTS_TOKEN: "t",
        TOPIC_URI: "https://t.example.com/api/events",
        TOPIC_KEY: "k",
      };
      const { exitCode, stdout } = Bun.spawnSync([EXECUTABLE, "check", "-c", file], { env, timeout: 20_000 });
      expect({ exitCode, said: exitCode === 0 ? "" : stdout.toString() }).toEqual({ exitCode: 0, said: "" });
    },
  );
});

describe("links", () => {
  const links = PAGES.concat("VERSIONS.md").flatMap((page) =>
    [...readFileSync(join(ROOT, page), "utf8").matchAll(/\]\(([^)#\s]+)(?:#[\w-]*)?\)/g)]
      .map(([, link = ""]) => [page, link] as const)
      .filter(([, link]) => !/^https?:/.test(link)),
  );
  test("lead somewhere", () => {
    expect(links.length).toBeGreaterThan(20);
    expect(links.filter(([page, link]) => !existsSync(join(ROOT, dirname(page), link)))).toEqual([]);
  });
});
