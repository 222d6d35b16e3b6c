/** The command line of `petrel run`, which is also that of kubernetes-event-exporter. */
import { LEVELS } from "../logger.ts";
import { CONFIG_FLAG } from "./args.ts";

/**
 * What glog adds to the command line of eventrouter; it says how glog wrote, and Petrel writes its own way.
 * @see https://pkg.go.dev/github.com/golang/glog
 */
export const GLOG_FLAGS = {
  alsologtostderr: {},
  logtostderr: {},
  log_backtrace_at: { value: "FILE:LINE" },
  log_dir: { value: "FOLDER" },
  log_link: { value: "FOLDER" },
  logbuflevel: { value: "LEVEL" },
  stderrthreshold: { value: "LEVEL" },
  v: { value: "LEVEL" },
  vmodule: { value: "PATTERN" },
} as const;

export const RUN_FLAGS = {
  config: { short: CONFIG_FLAG.short, aliases: CONFIG_FLAG.aliases, value: CONFIG_FLAG.value },
  kubeconfig: { value: "FILE" },
  context: { value: "NAME" },
  /** Default :2112; eventrouter's is :8080. */
  "metrics-address": { value: "ADDRESS", aliases: ["listen-address"] },
  "admin-address": { value: "ADDRESS" },
  /** A web config of Prometheus' exporter-toolkit. */
  "metrics-tls-config": { value: "FILE", default: "" },
  "ignore-checkpoint": {},
  compat: { value: "PREDECESSOR", choices: ["exporter", "bridge", "eventrouter", "none"] },
  /** Where the bridge's stand-in listens. */
  http: { value: "ADDRESS" },
  "log-level": { value: "LEVEL", choices: LEVELS },
  "log-format": { value: "FORMAT", choices: ["json", "pretty"] },
  ...GLOG_FLAGS,
} as const;

export const RUN_USAGE = `usage: petrel run [-c FILE] [FLAGS]

Watches the cluster's events and delivers each to the receivers that the config's route chooses.
Ends on SIGTERM or SIGINT after delivering what waits (at most shutdownTimeout); a second signal
ends it at once. A config that changes is taken over while it runs, also on SIGHUP; one with errors
is not.

  -c, --config FILE          the config (config.yaml); -conf is accepted, too
  --kubeconfig FILE          credentials; else in-cluster, else $KUBECONFIG, else ~/.kube/config,
                             else that of k3s or microk8s on this node
  --context NAME             context of the kubeconfig; else its current one
  --metrics-address ADDRESS  /metrics, /-/healthy and /-/ready listen here (:2112)
  --metrics-tls-config FILE  certificates and users for that, as Prometheus' web config has them
  --admin-address ADDRESS    status, dead letters and schemas (127.0.0.1:2113); off: nowhere
  --ignore-checkpoint        begin afresh this once, whatever a checkpoint or a journal says
  --compat exporter          reproduce kubernetes-event-exporter's quirks; none: do not
  --compat bridge            stand in for Kubernetes Event Grid Bridge, by its environment alone
  --compat eventrouter       stand in for eventrouter, by its config.json (-c, or where it looks);
                             glog's flags are taken, and change nothing
  --http ADDRESS             where that listens; else $ASPNETCORE_URLS, else :80, else :8888
  --log-level LEVEL          debug, info, warn, error … instead of the config's logLevel
  --log-format FORMAT        json or pretty instead of the config's logFormat
`;
