/** What eventrouter's `config.json`, and the environment of its rewrite, stand for. */
import { UsageError } from "../../errors.ts";
import { eventrouterObject } from "../eventrouter-config.ts";
import { isKnown, remarkOn } from "../eventrouter-keys.ts";
import type { Converted } from "./charts.ts";

const STARTS =
  "What existed at a start is told once and not after each restart; at the first start up to an hour of it.";
const SECRETS = /^(?:kafkaSaslPwd|s3SinkSecretAccessKey|influxdbPassword|eventHubConnectionString)$/i;

/** @throws UsageError */
export function fromJson(json: string): Converted {
  const keys = keysOf(json);
  if (!keys.some(isKnown)) throw new UsageError("this is no predecessor's config");
  return {
    from: "eventrouter's config.json",
    remarks: [STARTS, ...remarksOn(keys)],
    config: eventrouterObject({ json, env: {} }),
  };
}

/** `json`: of the file that EVENTROUTER_CONFIG names. @throws UsageError */
export function fromVariables(env: Readonly<Record<string, string>>, json: string | undefined): Converted {
  const config = eventrouterObject({ json, env });
  return {
    from: "eventrouter's environment",
    remarks: [
      STARTS,
      ...(json === undefined ? [] : remarksOn(keysOf(json))),
      ...Object.keys(env)
        .filter((name) => !REWRITE_CARRIED.test(name))
        .map(
          (name) =>
            `${name}: ${Object.hasOwn(REWRITE_REMARKS, name) ? REWRITE_REMARKS[name] : "nothing here needs it."}`,
        ),
    ],
    config,
  };
}

function keysOf(json: string): readonly string[] {
  const value: unknown = JSON.parse(json);
  return typeof value === "object" && value !== null ? Object.keys(value) : [];
}

function remarksOn(keys: readonly string[]): readonly string[] {
  return [
    "The counters have no involved_object_name, of which there is no end, unless enable-object-names is true.",
    ...(keys.some((key) => SECRETS.test(key))
      ? ["There is a secret below in plain text: write { env: NAME } or { file: PATH } for it."]
      : []),
    ...keys.flatMap((key) => {
      const remark = remarkOn(key);
      return remark === undefined ? [] : [`${key}: not carried over: ${remark}.`];
    }),
  ];
}

/** What a variable of the rewrite's says that a config cannot. */
const REWRITE_REMARKS: Readonly<Record<string, string>> = {
  EVENTROUTER_METRICS_ADDR: "give it as `--metrics-address ADDRESS`; Petrel's own default is :2112.",
  EVENTROUTER_KUBECONFIG: "give it as `--kubeconfig FILE`.",
  KUBECONFIG: "Petrel reads it, too.",
  EVENTROUTER_BOOKMARK_PATH:
    "Petrel keeps how far it came by itself: in a ConfigMap, or on disk with `state: { path: … }`.",
  EVENTROUTER_RESYNC_INTERVAL: "Petrel tells each state once.",
  EVENTROUTER_CONFIG: "the file is in here.",
};
const REWRITE_CARRIED =
  /^(?:EVENTROUTER_(?:SINK|STDOUT_NAMESPACE|ENABLE_METRICS|ENABLE_OBJECT_NAMES|LOG_LEVEL|LOG_FORMAT)|WATCH_NAMESPACE)$/;
