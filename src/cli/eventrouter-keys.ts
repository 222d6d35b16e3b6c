/** Which keys eventrouter and its forks know, and what becomes of each. */

const BUFFER = "`buffer` holds what waits, 10,000 events by default; when it is full the oldest goes, and is counted";
const SEE_RETRY = "Petrel waits for the answer, and tries until the event is taken or refused for good";
const AVRO = "it belongs to the sink kafkaavro; the receiver `kafka` has `avro`";
export const ROCKSET = "the service was shut down in 2024";
const UNUSED = "eventrouter read it and never used it";

/** A key of eventrouter's, or of one of its forks. */
export function isKnown(key: string): boolean {
  return CARRIED.has(key.toLowerCase()) || Object.hasOwn(REMARKS, key.toLowerCase());
}

/** What stands for these when Petrel runs by the file itself: there they are used. */
const SERVED: ReadonlySet<string> = new Set(["kubeconfig", "lastresourceversionpositionpath"]);

/** Of the keys of a file that Petrel runs by: those that say nothing to it, and why. */
export function unusedKeys(keys: readonly string[]): readonly string[] {
  return keys.flatMap((key) => {
    const remark = SERVED.has(key.toLowerCase()) ? undefined : remarkOn(key);
    return remark === undefined ? [] : [`${key} is not used: ${remark}`];
  });
}

/** What is not carried over, and why; undefined: it is. */
export function remarkOn(key: string): string | undefined {
  const known = key.toLowerCase();
  if (Object.hasOwn(REMARKS, known)) return REMARKS[known];
  return CARRIED.has(known) ? undefined : "eventrouter does not know this key";
}

const REMARKS: Readonly<Record<string, string>> = {
  "resync-interval": "a resync told every event again that had not changed; Petrel tells each state once",
  kubeconfig: "give it as `--kubeconfig FILE`",
  "enable-http-pprof": "Petrel has no such pages; `petrel_*` and `process_*` are on the metrics page",
  schemapath: AVRO,
  schema: AVRO,
  schemaregistryurl: AVRO,
  rocksetapikey: ROCKSET,
  rocksetcollectionname: ROCKSET,
  rocksetworkspacename: ROCKSET,
  httpsinkbuffersize: BUFFER,
  httpsinkdiscardmessages: BUFFER,
  s3sinkbuffersize: BUFFER,
  s3sinkdiscardmessages: BUFFER,
  eventhubsinkbuffersize: BUFFER,
  eventhubsinkdiscardmessages: BUFFER,
  kafkaasync: SEE_RETRY,
  kakfkaasync: SEE_RETRY,
  kafkaretrymax: SEE_RETRY,
  influxdbretentionpolicy: UNUSED,
  influxdbdisablecountermetrics: UNUSED,
  influxdbconcurrency: UNUSED,
  lastresourceversionpositionpath:
    "Petrel keeps how far it came by itself: in a ConfigMap, or on disk with `state: { path: … }`",
  pubsubdeadlettertopic: "dead letters are kept for `petrel dlq`; `deadLetter: { receiver: NAME }` sends them on",
};

const CARRIED: ReadonlySet<string> = new Set([
  "sink",
  "enable-prometheus",
  // Petrel's own: there was no way not to have them.
  "enable-object-names",
  "stdoutjsonnamespace",
  "httpsinkurl",
  "kafkabrokers",
  "kafkatopic",
  "kafkasasluser",
  "kafkasaslpwd",
  "s3sinkaccesskeyid",
  "s3sinksecretaccesskey",
  "s3sinkregion",
  "s3sinkbucket",
  "s3sinkbucketdir",
  "s3sinkoutputformat",
  "s3sinkuploadinterval",
  "influxdbhost",
  "influxdbusername",
  "influxdbpassword",
  "influxdbname",
  "influxdbsecure",
  "influxdbwithfields",
  "influxdbinsecuressl",
  "influxdbclustername",
  "eventhubconnectionstring",
  "pubsubprojectid",
  "pubsubtopic",
]);

/** In lower case, as they are looked for. */
export const KNOWN_KEYS: readonly string[] = [...CARRIED, ...Object.keys(REMARKS)];
