/** Credentials that cannot be had: says which file or entry, what was seen there, and what to do. Never holds a secret. */
export class CredentialsError extends Error {
  override readonly name = "CredentialsError";
}

/** The words of a system error without its noise: `no such file`, `permission denied`, else its code. */
export function reasonOf(error: unknown): string {
  const code = codeOf(error);
  switch (code) {
    case "ENOENT":
      return "no such file";
    case "EACCES":
    case "EPERM":
      return "permission denied";
    case "EISDIR":
      return "it is a directory";
    case "":
      return error instanceof Error ? error.name : "unknown error";
    default:
      return code;
  }
}

/** `code` of a system or fetch error, else the empty text. */
export function codeOf(error: unknown): string {
  if (typeof error !== "object" || error === null || !("code" in error)) return "";
  return typeof error.code === "string" ? error.code : "";
}

/** What cannot stand in a header would be refused by fetch with a message that quotes it. Throws CredentialsError. */
export function checkToken(token: string, what: string): void {
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new CredentialsError(`${what} has spaces, line breaks or other characters that no bearer token has`);
  }
}
