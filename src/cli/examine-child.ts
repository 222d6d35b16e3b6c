/** The other end of `examineInChild`: looks for damage in a journal. Hidden from help. */
import { EXAMINE_COMMAND, examine } from "../journal/examine.ts";
import type { Command } from "./command.ts";

export const command: Command = {
  name: EXAMINE_COMMAND,
  summary: "Look for damage in a journal for another petrel.",
  usage: "For petrel itself: examines a journal's file and prints what is damaged.\n",
  async run([file = ""], io) {
    const found = examine(file);
    if (found === undefined) return 0;
    io.stdout(`${found}\n`);
    return 1;
  },
};
