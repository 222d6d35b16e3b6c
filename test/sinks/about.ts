/** What fixtures say of themselves in the same words. */

/** Retries that every receiver by HTTP understands. */
export const HTTP_RETRIES = "HTTP statuses, `Retry-After`";
/** Retries that every receiver at AWS understands. */
export const AWS_RETRIES = "AWS's error codes, HTTP statuses, `Retry-After`";

export const AWS_AUTH =
  "What AWS's tools find (environment, profile, web identity, Pod Identity, instance metadata), or `credentials` with `accessKeyId`, `secretAccessKey` and `sessionToken`; `assumeRole` takes a role on with them.";

/** Clauses about answers, for destinations that give none. */
export function answersNothing(reason: string) {
  return { reset: reason, "lost answer": reason, "slow answer": reason, garbage: reason } as const;
}

/** Clauses about destinations, for what stays in the process. */
export const IN_MEMORY = (() => {
  const there = "memory is always there";
  return {
    ...answersNothing(there),
    ...{ gone: there, hang: there, "aborted before": there, "aborted during": there, restarted: there },
    ...{
      statuses: "no HTTP",
      "check sends nothing": "no check",
      "an event too large": "memory takes what it is given",
      "bytes counted": "nothing leaves the process",
    },
  } as const;
})();

/** A policy for IAM; `check` are the actions that `petrel check --connect` alone needs. */
export function iam(
  actions: readonly string[],
  check: readonly string[],
  resource: string | readonly string[],
): string {
  const statement = { Effect: "Allow", Action: [...actions, ...check], Resource: resource };
  const policy = JSON.stringify({ Version: "2012-10-17", Statement: [statement] }, null, 2);
  const only = check.map((action) => `\`${action}\``).join(", ");
  return `An IAM policy; ${only} is for \`petrel check --connect\` alone, which says so when it is missing.\n\n\`\`\`json\n${policy}\n\`\`\``;
}

export const GOOGLE_AUTH =
  "What Google's tools find (GOOGLE_APPLICATION_CREDENTIALS, gcloud's, on GKE the pod's service account), or `credentials`: a service account's key, or one of workload identity federation.";
/** Retries that every receiver at Google understands. */
export const GOOGLE_RETRIES = "Google's error codes and reasons, HTTP statuses, `Retry-After`";
