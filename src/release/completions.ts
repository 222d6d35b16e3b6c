/** Completions for shells, from what the commands say of themselves. */
import { COMMANDS } from "../cli/command.ts";

interface Known {
  readonly name: string;
  readonly summary: string;
  /** With both dashes. */
  readonly flags: readonly string[];
}

async function known(): Promise<readonly Known[]> {
  const names = Object.keys(COMMANDS).filter((name) => !name.startsWith("_"));
  return Promise.all(
    names.map(async (name) => {
      const { command } = (await COMMANDS[name]?.()) ?? {};
      const flags = new Set(command?.usage.match(/--[a-z][a-z-]*/g) ?? []);
      return { name, summary: command?.summary ?? "", flags: [...flags, "--help"].sort() };
    }),
  );
}

/** By file name, as shells look for them. Files are completed where no word fits. */
export async function completions(): Promise<Readonly<Record<"petrel" | "_petrel" | "petrel.fish", string>>> {
  const commands = await known();
  const names = commands.map(({ name }) => name).join(" ");
  const cases = commands.map(({ name, flags }) => `    ${name}) words="${flags.join(" ")}" ;;\n`).join("");
  return {
    petrel: `# bash completion for petrel
_petrel() {
  local words="" current="\${COMP_WORDS[COMP_CWORD]}"
  if [ "$COMP_CWORD" -eq 1 ]; then words="${names} help"
  elif [[ "$current" == -* ]]; then case "\${COMP_WORDS[1]}" in
${cases}  esac; fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _petrel petrel
`,
    _petrel: `#compdef petrel
# zsh completion for petrel
local -a choices
if (( CURRENT == 2 )); then
  choices=(
${commands.map(({ name, summary }) => `    '${name}:${summary.replaceAll("'", "'\\''").replaceAll(":", "\\:")}'\n`).join("")}    'help:Tell more of a command.'
  )
  _describe command choices
  return
fi
case $words[2]$PREFIX in
${commands.map(({ name, flags }) => `  ${name}-*) compadd -- ${flags.join(" ")} ;;\n`).join("")}  *) _files ;;
esac
`,
    "petrel.fish": `# fish completion for petrel
${commands
  .map(({ name, summary, flags }) => {
    const first = `complete -c petrel -n __fish_use_subcommand -f -a ${name} -d '${summary.replaceAll("'", "\\'")}'\n`;
    return (
      first +
      flags.map((flag) => `complete -c petrel -n '__fish_seen_subcommand_from ${name}' -l ${flag.slice(2)}\n`).join("")
    );
  })
  .join("")}`,
  };
}
