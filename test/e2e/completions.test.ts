/** What the release ships for zsh and fish, completed by these shells. The archive's test asks bash. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { completions } from "../../src/release/completions.ts";
import { component } from "../testbed/component.ts";
import { command, libraries } from "../testbed/place.ts";
import { describeReal } from "../testbed/suite.ts";

describeReal("completions", ["shells"], () => {
  const folder = mkdtempSync(join(tmpdir(), "petrel-completions-"));
  let root = "";
  beforeAll(async () => {
    root = (await component("shells")).env.ROOT ?? "";
    for (const [name, text] of Object.entries(await completions())) writeFileSync(join(folder, name), text);
    writeFileSync(join(folder, "only-here.yaml"), "");
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const run = (argv: readonly string[]) =>
    command(argv, {
      cwd: folder,
      env: { HOME: folder, LD_LIBRARY_PATH: libraries(root), TERM: "dumb", LC_ALL: "C.UTF-8" },
      deadlineMs: 20_000,
    });

  /** Words that fish offers, without what it says of them. */
  async function fish(line: string): Promise<string[]> {
    const functions = `set fish_function_path ${join(root, "usr/share/fish/functions")}`;
    const script = `${functions}; source ${join(folder, "petrel.fish")}; complete -C '${line}'`;
    const said = await run([join(root, "usr/bin/fish"), "--no-config", "-c", script]);
    return said.split("\n").flatMap((one) => one.split("\t")[0] || []);
  }

  test.each([
    ["petrel ru", ["run"]],
    ["petrel rbac --na", ["--name", "--namespace"]],
    ["petrel check --conn", ["--connect"]],
    // Of another command.
    ["petrel run --conn", []],
    ["petrel check only-h", ["only-here.yaml"]],
  ])("fish: %s", async (line, words) => {
    expect(await fish(line)).toEqual(words);
  });

  test("fish: every command with its summary", async () => {
    const script = `set fish_function_path ${join(root, "usr/share/fish/functions")}; source petrel.fish; complete -C 'petrel '`;
    const said = await run([join(root, "usr/bin/fish"), "--no-config", "-c", script]);
    expect(said).toContain("run\tWatch the cluster's events and deliver them.\n");
    expect(said).toContain("dlq\t");
  });

  /** A zsh at a terminal of its own: what stands on its line after a tab. */
  async function zsh(line: string): Promise<string> {
    // As if installed: its modules and functions are below another root.
    const setUp = [
      "module_path=($module_path)",
      "zmodload zsh/zle; setopt zle; PS1=",
      `fpath=(${folder} ${root}/usr/share/zsh/functions/**/*(/N))`,
      "autoload -Uz compinit; compinit -u -D",
      'show() { print -r -- \\"[[\\$BUFFER]]\\"; BUFFER= }; zle -N show',
      "bindkey '^X' show; bindkey '^I' complete-word; print REA''DY",
    ];
    const script = `
module_path=(${root}/usr/lib/*/zsh/*(/N))
zmodload zsh/zpty
zpty shell ${root}/bin/zsh -f -i
zpty -w shell "${setUp.join("; ")}"
zpty -r -m shell got '*READY*' || exit 3
zpty -w -n shell $'${line}\\t\\x18'
zpty -r -m shell got '*\\[\\[*\\]\\]*' || exit 4
print -r -- "$got"
zpty -d shell
`;
    const said = await run([join(root, "bin/zsh"), "-f", "-c", script]);
    return /\[\[(.*)\]\]/.exec(said)?.[1] ?? said;
  }

  test.each([
    ["petrel ru", "petrel run "],
    // Two begin with it: as far as they agree.
    ["petrel rbac --na", "petrel rbac --name"],
    ["petrel check --conn", "petrel check --connect "],
    ["petrel run --conn", "petrel run --conn"],
    ["petrel check only-h", "petrel check only-here.yaml "],
    ["petrel nothing-like-", "petrel nothing-like-"],
  ])("zsh: %s", async (line, completed) => {
    expect(await zsh(line)).toBe(completed);
  });
});
