import { join } from "node:path";
import { certificates } from "./certs.ts";
import type { Definition } from "./definition.ts";
import { command, goPrograms, pinnedVersion } from "./place.ts";
import { freePorts } from "./process.ts";

const MODULE = join(import.meta.dir, "nats");
const SERVER = "github.com/nats-io/nats-server/v2";
const TOKEN = "testbed-token";
const PASSWORD = "testbed-password";
/** What all but the administrators may publish on. */
const SUBJECT = "kubernetes.events.>";
/** Bytes; small, so that a test need not send much to send too much. */
const MAX_PAYLOAD = 256 * 1024;

const programs = (): Promise<string> => goPrograms("nats", MODULE, { "nats-server": SERVER, accounts: "." }, "-s -w");

interface Accounts {
  readonly operator: string;
  readonly system: string;
  readonly systemToken: string;
  readonly account: string;
  readonly accountToken: string;
  /** Text of `.creds` files. */
  readonly credentials: string;
  readonly administrator: string;
  readonly nkeySeed: string;
  readonly nkey: string;
}

/** NATS with JetStream three times: users by password and nkey; a token over TLS with client certificates; an operator's accounts. */
export const nats: Definition = {
  name: "nats",
  summary: "NATS with JetStream: token, users, nkeys, credentials files, TLS, client certificates",
  missing: () => (Bun.which("go") === null ? "needs Go to be built" : undefined),
  install: async () => {
    await programs();
  },
  async plan(dir) {
    const folder = await programs();
    const path = (file: string) => join(dir, file);
    const tls = await certificates(path("tls"));
    const accounts = JSON.parse(await command([join(folder, "accounts"), SUBJECT])) as Accounts;
    const [users = 0, token = 0, operator = 0, usersHttp = 0, tokenHttp = 0, operatorHttp = 0] = await freePorts(6);
    await Bun.write(path("petrel.creds"), accounts.credentials);
    await Bun.write(path("administrator.creds"), accounts.administrator);
    // What was acknowledged survives a kill.
    const common = (name: string, port: number, http: number) => [
      ...[`server_name: ${name}`, `listen: "127.0.0.1:${port}"`, `http: "127.0.0.1:${http}"`],
      ...[`max_payload: ${MAX_PAYLOAD}`, `jetstream { store_dir: "${path(name)}", sync_interval: always }`],
    ];
    const may = `permissions: { publish: "${SUBJECT}", subscribe: "_INBOX.>" }`;
    const configs = {
      users: [
        ...common("users", users, usersHttp),
        "authorization { users: [",
        `  { user: administrator, password: "${PASSWORD}" }`,
        `  { user: writer, password: "${PASSWORD}", ${may} }`,
        `  { user: deaf, password: "${PASSWORD}", permissions: { publish: "${SUBJECT}", subscribe: "nothing" } }`,
        `  { nkey: ${accounts.nkey}, ${may} }`,
        "] }",
      ],
      token: [
        ...common("token", token, tokenHttp),
        `authorization { token: "${TOKEN}" }`,
        `tls { cert_file: "${tls.serverCert}", key_file: "${tls.serverKey}", ca_file: "${tls.ca}", verify: true }`,
      ],
      operator: [
        ...common("operator", operator, operatorHttp),
        ...[`operator: ${accounts.operator}`, `system_account: ${accounts.system}`, "resolver: MEMORY"],
        `resolver_preload: { ${accounts.system}: ${accounts.systemToken}, ${accounts.account}: ${accounts.accountToken} }`,
      ],
    };
    for (const [name, lines] of Object.entries(configs)) await Bun.write(path(`${name}.conf`), `${lines.join("\n")}\n`);
    const server = (name: keyof typeof configs, http: number) => ({
      name,
      argv: [join(folder, "nats-server"), "-c", path(`${name}.conf`)],
      ready: { url: `http://127.0.0.1:${http}/healthz` },
    });
    return {
      ports: { users, token, operator },
      env: {
        TOKEN,
        PASSWORD,
        NKEY_SEED: accounts.nkeySeed,
        CREDENTIALS: path("petrel.creds"),
        ADMINISTRATOR: path("administrator.creds"),
        MAX_PAYLOAD: String(MAX_PAYLOAD),
        CA: tls.ca,
        STRANGER_CA: tls.strangerCa,
        CLIENT_CERT: tls.clientCert,
        CLIENT_KEY: tls.clientKey,
      },
      processes: [server("users", usersHttp), server("token", tokenHttp), server("operator", operatorHttp)],
      versions: { NATS: pinnedVersion(join(MODULE, "go.mod"), SERVER) },
      usage: [
        `127.0.0.1:${users}: users administrator, writer, deaf, password ${PASSWORD}; nkey seed ${accounts.nkeySeed}`,
        `127.0.0.1:${token}, TLS (CA ${tls.ca}, client certificate wanted): token ${TOKEN}`,
        `127.0.0.1:${operator}: credentials ${path("petrel.creds")}`,
      ],
    };
  },
};
