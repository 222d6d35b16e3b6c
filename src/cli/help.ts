/** The list of commands. */
import type { Command } from "./command.ts";

export function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const list = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}\n`).join("");
  return `petrel: a router for Kubernetes events

usage: petrel COMMAND [FLAGS]

${list}
petrel help COMMAND tells more. Without a command Petrel takes kubernetes-event-exporter's flags
(-conf FILE, -kubeconfig FILE, -metrics-address ADDRESS), or else runs with ./config.yaml.
Exit codes: 0 fine, 1 failed at run time, 2 wrong usage or config.
`;
}
