/** Files that change in the ways that editors, kubelets and people change them. */
import { afterEach, test } from "bun:test";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FileWatch, watchFiles } from "../../src/config/watch-files.ts";
import { eventually } from "../harness.ts";

const EVERY_MS = 20;
const open: FileWatch[] = [];
const folders: string[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.stop();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function watched(name: string, content: string) {
  const folder = mkdtempSync(join(tmpdir(), "petrel-watch-"));
  folders.push(folder);
  const file = join(folder, name);
  writeFileSync(file, content);
  const state = { changes: 0 };
  const watch = watchFiles(
    [file],
    Date.now() + 1_000,
    () => {
      state.changes++;
    },
    EVERY_MS,
  );
  open.push(watch);
  return { folder, file, state, watch };
}

test("written in place, and put in the old one's place, again and again", async () => {
  const { folder, file, state } = watched("petrel.yaml", "a");
  writeFileSync(file, "b");
  await eventually("a change", () => state.changes === 1);
  for (const [count, text] of ["c", "d"].entries()) {
    writeFileSync(join(folder, ".new"), text);
    renameSync(join(folder, ".new"), file);
    await eventually("a change", () => state.changes === count + 2);
  }
});

test("a ConfigMap's volume: the link ..data is swapped, twice", async () => {
  const folder = mkdtempSync(join(tmpdir(), "petrel-watch-"));
  folders.push(folder);
  const version = (name: string, text: string): void => {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, "config.yaml"), text);
    symlinkSync(name, join(folder, "..data_tmp"));
    renameSync(join(folder, "..data_tmp"), join(folder, "..data"));
  };
  version("..2026_1", "one");
  symlinkSync(join("..data", "config.yaml"), join(folder, "config.yaml"));
  let changes = 0;
  open.push(
    watchFiles(
      [join(folder, "config.yaml")],
      Date.now() + 1_000,
      () => {
        changes++;
      },
      EVERY_MS,
    ),
  );
  version("..2026_2", "two");
  await eventually("the first swap", () => changes === 1);
  version("..2026_3", "three");
  await eventually("the second swap", () => changes === 2);
});

test("one that goes and comes, in a list that changes; the same content is no change", async () => {
  const { folder, file, state, watch } = watched("petrel.yaml", "a");
  unlinkSync(file);
  await eventually("that it is gone", () => state.changes === 1);
  writeFileSync(file, "a");
  await eventually("that it is back", () => state.changes === 2);
  const other = join(folder, "token");
  watch.files([file, other], Date.now() + 1_000);
  writeFileSync(file, "a");
  writeFileSync(other, "secret");
  await eventually("the other file", () => state.changes === 3);
});

test("what has changed between reading and watching is a change", async () => {
  const { file, state, watch } = watched("petrel.yaml", "a");
  const readAt = Date.now() - 1;
  writeFileSync(file, "b");
  watch.files([file], readAt);
  await eventually("the change", () => state.changes === 1);
});
