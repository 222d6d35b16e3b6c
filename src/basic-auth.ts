/** Basic authorization against bcrypt hashes, as Prometheus' exporter-toolkit asks for it. */
/** Whether the value of an Authorization header is that of a user. */
export type BasicAuth = (authorization: string | null) => Promise<boolean>;

/** Answers that are remembered: bcrypt is slow on purpose, and a scraper asks the same every few seconds. */
const MOST_REMEMBERED = 100;
/** Of no password; an unknown user costs as much time as a wrong password. */
const NOBODY = "$2b$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";

/** `users`: bcrypt hash by name. Hashes one password at a time, so that a flood of guesses takes one core at most. */
export function createBasicAuth(users: Readonly<Record<string, string>>): BasicAuth {
  const right = new Set<string>();
  let queue: Promise<unknown> = Promise.resolve();
  return async (authorization) => {
    const encoded = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(authorization ?? "")?.[1];
    if (encoded === undefined) return false;
    const pair = Buffer.from(encoded, "base64").toString();
    const colon = pair.indexOf(":");
    if (colon < 0) return false;
    const seen = new Bun.CryptoHasher("sha256").update(pair).digest("base64");
    if (right.has(seen)) return true;
    const hash = Object.hasOwn(users, pair.slice(0, colon)) ? users[pair.slice(0, colon)] : undefined;
    const verified = queue.then(() => Bun.password.verify(pair.slice(colon + 1), hash ?? NOBODY, "bcrypt"));
    queue = verified.catch(() => {});
    if (!(await verified.catch(() => false)) || hash === undefined) return false;
    if (right.size >= MOST_REMEMBERED) right.clear();
    right.add(seen);
    return true;
  };
}
