/** Patterns that mean something else than their author thought. */
import { compilePattern } from "../template/re2.ts";
import type { Decoder, Meant } from "./decoder.ts";
import { nearest } from "./nearest.ts";

/** Kinds and reasons that contain another, so that an unanchored pattern for the short one matches both. */
const LONGER: Readonly<Record<string, readonly string[]>> = {
  kind: [
    "CronJob",
    "DaemonSet",
    "ReplicaSet",
    "StatefulSet",
    "ServiceAccount",
    "ClusterRole",
    "RoleBinding",
    "NodeClaim",
  ],
  reason: ["Killing", "BackOff", "CreateContainerConfigError", "FailedScheduling", "Unhealthy", "ScalingReplicaSet"],
};
const SHORT: Readonly<Record<string, readonly string[]>> = {
  kind: ["Job", "Set", "Service", "Role", "Node", "Account"],
  reason: ["Kill", "Back", "Create", "Fail", "Schedul", "Health", "Scaling"],
};

export function lintPattern({ node, path }: Meant, { findings, compat }: Decoder): void {
  const pattern = node.text;
  if (node.value === null || pattern === "") return;
  const field = String(path.at(-1));
  const written = Number.isFinite(node.authored) ? node.source : pattern;
  const matches = compile(pattern);
  if (!matches) {
    findings.add({
      severity: compat ? "warning" : "error",
      code: "bad-pattern",
      at: node.start,
      message: `\`${written}\` is not a regular expression (RE2), so it never matches`,
      hint: proposal(pattern),
    });
    return;
  }
  const glob = pattern.split("|").find((part) => /^\^?[\w./-]*[\w-]\*$/.test(part) && !part.endsWith(".*"));
  if (glob) {
    findings.add({
      severity: "warning",
      code: "glob-pattern",
      at: node.start,
      message: `\`*\` after \`${glob.at(-2)}\` repeats that character and stands for nothing else`,
      hint: `patterns are regular expressions that match anywhere; write \`^${glob.replace(/^\^/, "").slice(0, -1)}\``,
    });
  }
  const literal = /^[A-Za-z]+$/.test(pattern);
  if (path.at(-2) === "labels" || path.at(-2) === "annotations") return;
  if (field === "type" && literal && !matches("Normal") && !matches("Warning")) {
    const near = nearest(pattern, ["Normal", "Warning"]);
    findings.add({
      severity: "warning",
      code: "unknown-type",
      at: node.start,
      message: `the types that Kubernetes gives events are Normal and Warning; \`${written}\` matches neither`,
      hint: near ? `did you mean \`${near}\`?` : "what went wrong is told by `reason`",
    });
  }
  const longer =
    literal && SHORT[field]?.includes(pattern)
      ? LONGER[field]?.find((name) => name !== pattern && matches(name))
      : undefined;
  if (longer) {
    findings.add({
      severity: "info",
      code: "unanchored-pattern",
      at: node.start,
      message: `\`${pattern}\` matches anywhere in the ${field}: ${longer} as well`,
      hint: `write \`^${pattern}$\` for this one alone`,
    });
  }
}

function compile(pattern: string): ((text: string) => boolean) | undefined {
  try {
    const compiled = compilePattern(pattern);
    return (text) => compiled.test(text);
  } catch {
    return undefined;
  }
}

/** A pattern that was probably meant. */
function proposal(pattern: string): string {
  if (/\(\?<?[=!]/.test(pattern)) return "RE2 has no look-around; match the opposite in `drop`";
  if (/\\[1-9]/.test(pattern)) return "RE2 has no back-references";
  const parts = pattern.split("|");
  const expanded = parts.map((part) =>
    compile(part) && !/^[\w-]+\*$/.test(part) ? part : part.replace(/(^|[^.\])}])\*/g, "$1.*"),
  );
  const candidate = expanded.join("|");
  if (compile(candidate)) return `patterns are regular expressions, not globs; did you mean \`${candidate}\`?`;
  return "see https://github.com/google/re2/wiki/Syntax; put a backslash before a character that stands for itself";
}
