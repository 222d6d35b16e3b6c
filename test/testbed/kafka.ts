import { readFileSync } from "node:fs";
import { join } from "node:path";
import { certificates } from "./certs.ts";
import type { Definition } from "./definition.ts";
import { command, once, pinnedVersion, place } from "./place.ts";
import { freePorts } from "./process.ts";

const FOLDER = join(import.meta.dir, "kafka");
/** Any will do; the data is the test's own. */
const CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qk";
const USERS = { plain: "petrel", plainPassword: "petrel-secret", scram: "scram", scramPassword: "scram-secret" };

function missing(): string | undefined {
  const lacks = ["java", "mvn"].filter((program) => Bun.which(program) === null);
  return lacks.length === 0 ? undefined : `needs ${lacks.join(" and ")} (JDK 17 or newer, Maven)`;
}

/** The jars of pom.xml, keyed by it. */
async function jars(): Promise<string> {
  const pom = join(FOLDER, "pom.xml");
  const folder = place("kafka", readFileSync(pom, "utf8"));
  await once(folder, async (draft) => {
    const goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", `-DoutputDirectory=${draft}`];
    await command(["mvn", "-B", "-ntp", "-q", "-Dstyle.color=never", "-f", pom, ...goal]);
  });
  return folder;
}

/** One Kafka in KRaft mode: plain, SASL over TLS, client certificates, SASL without TLS. Data is kept over restarts. */
export const kafka: Definition = {
  name: "kafka",
  summary: "Kafka 4: plaintext, SASL PLAIN, SCRAM and OAUTHBEARER, TLS, client certificates",
  missing,
  install: async () => {
    await jars();
  },
  async plan(dir) {
    const classes = `${await jars()}/*`;
    const tls = await certificates(join(dir, "tls"));
    const [plain = 0, controller = 0, saslSsl = 0, ssl = 0, saslPlain = 0] = await freePorts(5);
    const keystore = join(dir, "server.pem");
    await Bun.write(keystore, readFileSync(tls.serverKey, "utf8") + readFileSync(tls.serverCert, "utf8"));
    // As Event Hubs gives them out for a hub, with the port, for nobody else has another.
    const key = "SharedAccessKeyName=k;SharedAccessKey=a-key-of-the-testbed";
    const connection = `Endpoint=sb://localhost:${saslSsl}/;${key};EntityPath=a-hub-of-the-testbed`;
    const values: Record<string, string | number> = {
      ...{ PLAIN: plain, CONTROLLER: controller, SASLSSL: saslSsl, SSL: ssl, SASLPLAIN: saslPlain },
      ...{ KEYSTORE: keystore, TRUSTSTORE: tls.ca, DATA: join(dir, "data"), CONNECTION: connection },
    };
    const text = await Bun.file(join(FOLDER, "server.properties")).text();
    const properties = join(dir, "server.properties");
    await Bun.write(
      properties,
      text.replace(/@([A-Z]+)@/g, (_, key: string) => String(values[key])),
    );
    // PEM keys must be PKCS #8, which is what OpenSSL writes.
    const java = (...args: string[]) => [
      ...["nice", "-n", "10", "java", "-Xms64m", "-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"],
      ...[`-Dlog4j2.configurationFile=${join(FOLDER, "log4j2.properties")}`, "-cp", classes],
      ...["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", ...args],
    ];
    const scram = (mechanism: string) => `${mechanism}=[name=${USERS.scram},password=${USERS.scramPassword}]`;
    await command(
      java(
        ...["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", properties],
        ...["--add-scram", scram("SCRAM-SHA-256"), "--add-scram", scram("SCRAM-SHA-512")],
      ),
    );
    return {
      ports: { plain, saslSsl, ssl, saslPlain },
      env: {
        CLASSES: classes,
        USER: USERS.plain,
        PASSWORD: USERS.plainPassword,
        CONNECTION_STRING: connection,
        SCRAM_USER: USERS.scram,
        SCRAM_PASSWORD: USERS.scramPassword,
        CA: tls.ca,
        STRANGER_CA: tls.strangerCa,
        CLIENT_CERT: tls.clientCert,
        CLIENT_KEY: tls.clientKey,
      },
      processes: [{ name: "kafka", argv: java("kafka.Kafka", properties), ready: { port: saslPlain } }],
      versions: { Kafka: pinnedVersion(join(FOLDER, "pom.xml"), "kafka_2.13") },
      usage: [
        `plain 127.0.0.1:${plain}, SASL_SSL localhost:${saslSsl}, SSL with client certificate localhost:${ssl}`,
        `SASL_PLAINTEXT 127.0.0.1:${saslPlain}; PLAIN ${USERS.plain}/${USERS.plainPassword}, SCRAM ${USERS.scram}/${USERS.scramPassword}`,
        `CA ${tls.ca}, client ${tls.clientCert} and ${tls.clientKey}`,
      ],
    };
  },
};
