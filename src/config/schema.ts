/**
 * The config file's one definition: types, defaults, validation, JSON Schema and reference docs come from here.
 * `meta.kind` says what a string stands for (`pattern`, `template`, `secret` …).
 */
import { z } from "zod";
import { FORMATS, FRIENDLY, MODES } from "../form.ts";
import { LEVELS } from "../logger.ts";
import { DEFAULT_LIMITS } from "../template/budget.ts";
import { fields } from "./fields.ts";
import { gateKeys } from "./gate-fields.ts";
import { SOURCES } from "./sources.ts";
import type { TemplateGroup } from "./types.ts";

// Before any is made: each schema is used once, and compiling them costs more than it saves.
z.config({ jitless: true });

const TEMPLATE_GROUPS = ["env", "crypto", "eta"] as const satisfies readonly TemplateGroup[];

/** The exporter's, so that a Petrel and an exporter which stands beside it exclude each other. */
const LEASE = "kubernetes-event-exporter";

const pattern = () => z.string().meta({ kind: "pattern" });

const patterns = () => z.record(z.string(), pattern());

const conditions = {
  message: pattern().optional().describe("The event's message."),
  apiVersion: pattern().optional().describe("API version of the involved object."),
  kind: pattern()
    .optional()
    .describe("Kind of the involved object.")
    .meta({ examples: ["^Pod$"] }),
  namespace: pattern()
    .optional()
    .describe("The event's own namespace.")
    .meta({ examples: ["^kube-system$"] }),
  reason: pattern()
    .optional()
    .describe("The event's reason.")
    .meta({ examples: ["BackOff|Failed"] }),
  type: pattern()
    .optional()
    .describe("The event's type.")
    .meta({ examples: ["Warning"] }),
  component: pattern().optional().describe("Component that reported the event."),
  host: pattern().optional().describe("Host that reported the event."),
  labels: patterns().optional().describe("Labels of the involved object: each must be there and match."),
  annotations: patterns().optional().describe("Annotations of the involved object: each must be there and match."),
  minCount: z.int().optional().describe("The event occurred at least this often."),
  maxCount: z.int().min(1).optional().describe("The event occurred at most this often."),
  name: pattern()
    .optional()
    .describe("Name of the involved object.")
    .meta({ examples: ["^web-"] }),
  reportingComponent: pattern()
    .optional()
    .describe("The event's reportingComponent alone; `component` looks here, too."),
  reportingInstance: pattern().optional().describe("The event's reportingInstance alone; `host` looks here, too."),
  eventType: pattern()
    .optional()
    .describe(
      "Type of the event's [friendly form](schemas/README.md), `Kubernetes.Events.Raw` when it has none; whatever the receiver is sent.",
    )
    .meta({ examples: ["^Kubernetes[.]Workloads[.]Pod[.]"] }),
};

/** What `not` may ask: anything but another `not`. */
export const conditionsSchema = z
  .strictObject(conditions)
  .meta({ id: "conditions", kind: "conditions", description: "All of them must hold." });

export const ruleSchema = z
  .strictObject({
    ...conditions,
    not: conditionsSchema
      .optional()
      .describe("The same keys, but for `receiver`: the rule matches unless all of them hold."),
    receiver: z.string().optional().describe("Name of the receiver that gets the event; not in a drop rule."),
  })
  .meta({ id: "rule", description: "All conditions must hold. Patterns are RE2 and match anywhere in the text." });

export const routeSchema = z
  .strictObject({
    drop: z.array(ruleSchema).default([]).describe("An event that one of these matches goes no further in this route."),
    match: z
      .array(ruleSchema)
      .default([])
      .describe("Each rule that matches sends to its receiver; all must match for the event to go on to `routes`."),
    get routes(): z.ZodDefault<z.ZodArray<z.ZodType>> {
      return z.array(routeSchema).default([]).describe("Routes below this one.");
    },
  })
  .meta({ id: "route", description: "A node of the route tree." });

const deadLetter = (about: string) =>
  z
    .strictObject({
      file: z
        .string()
        .min(1)
        .optional()
        .describe("A file that gets a line of JSON for each; put aside at 100 MiB, and five of those kept.")
        .meta({ examples: ["/var/log/petrel/dead-letters.json"] }),
      receiver: z
        .string()
        .min(1)
        .optional()
        .describe("Name of a receiver that they are sent to; what it takes is kept no longer.")
        .meta({ examples: ["archive"] }),
    })
    .optional()
    .describe(about);

/** What every receiver has beside its sink's own keys. */
export const receiverSchema = z.strictObject({
  name: z
    .string()
    .min(1)
    .describe("What rules call this receiver.")
    .meta({ examples: ["dump"] }),
  batch: z
    .strictObject({
      count: z.int().min(1).optional().describe("Events per delivery at most; the sink's own limit is the default."),
      bytes: fields.bytes().optional().describe("Bytes per delivery at most."),
      linger: fields.duration().optional().describe("How long a delivery waits for more events."),
    })
    .optional()
    .describe("How events are put together, for sinks that can take several at once."),
  concurrency: z.int().min(1).max(256).optional().describe("Deliveries under way at once."),
  timeout: fields.duration().prefault("30s").describe("A delivery that takes longer has failed."),
  retry: z
    .strictObject({
      min: fields.duration().prefault("500ms").describe("First wait; doubles each time, with full jitter."),
      max: fields.duration().prefault("1m").describe("Longest wait."),
    })
    .prefault({})
    .describe("Waits between attempts. Petrel goes on trying for as long as the buffer holds the event."),
  rateLimit: z
    .union([
      z.number().positive(),
      z.strictObject({
        eventsPerSecond: z.number().positive().optional().describe("Events per second at most."),
        bytesPerSecond: fields
          .bytes()
          .optional()
          .describe("Bytes per second on the wire at most, after compression and before TLS.")
          .meta({ examples: ["64KiB"] }),
      }),
    ])
    .optional()
    .describe(
      "Events per second at most, or `{ eventsPerSecond: 50, bytesPerSecond: 64KiB }`. After a pause a second's worth goes out at once. A delivery of more bytes than that goes as well, and the next one waits until it is made up for; `batch.bytes` is a second's worth by default.",
    )
    .meta({ examples: [50] }),
  maxAge: fields.duration().optional().describe("Drop events that are older than this when their turn comes."),
  updates: z
    .union([z.enum(["all", "first", "latest", "countDoubles"]), z.strictObject({ every: fields.duration() })])
    .optional()
    .describe(
      "What of an event that occurs again is delivered: `all` of it, its `first` occurrence, the `latest` of those that wait, the 1st, 2nd, 4th, 8th … (`countDoubles`), or one per time (`{ every: 10m }`). Default: all; countDoubles where people read.",
    ),
  ...gateKeys,
  deadLetter: deadLetter("Instead of the top level's: what happens to events that this receiver refuses for good."),
  format: z
    .enum(FORMATS)
    .default("event")
    .describe(
      "What an event is sent as: JSON of the `event` as kubernetes-event-exporter writes it (or what the sink's `layout` makes), `cloudevents` (CloudEvents 1.0 whose data that is), or the envelope of `eventrouter` (`verb`, `event`, and `old_event` as far as it is remembered), that in frames of syslog (`rfc5424`), behind glog's prefix (`glog`), or with its leaves side by side (`flatjson`; `flatsnake` with names like `event_involved_object_kind`). `core`: the event alone, as core/v1 of Kubernetes has it.",
    ),
  wrap: z
    .string()
    .min(1)
    .optional()
    .describe(
      "Put the JSON of each event under this one key, as eventrouter's `stdoutJSONNamespace`; not of CloudEvents.",
    )
    .meta({ examples: ["kubernetes"] }),
  mode: z
    .enum(MODES)
    .optional()
    .describe(
      "How CloudEvents go out: `structured` (one JSON text), `binary` (attributes as headers), or `batch` (many in a JSON array), where the sink can do it. Default: structured; batch for Azure Event Grid.",
    ),
  friendly: z
    .enum(FRIENDLY)
    .default("off")
    .describe(
      "What the CloudEvents say: the raw event (`off`), what happened in words of its own for the [types that Petrel knows](schemas/README.md) and the raw event otherwise (`only`), or both (`withRaw`). `bridge`: the three types of Kubernetes Event Grid Bridge and the raw event otherwise, with its sources and subjects.",
    ),
  language: z
    .enum(["go", "eta"])
    .default("go")
    .describe("What this receiver's templates are written in: Go templates, or eta (JavaScript, without limits)."),
});

/** One of `tests`, which `petrel test` runs. */
export const testSchema = z.strictObject({
  name: z
    .string()
    .min(1)
    .describe("What is tested.")
    .meta({ examples: ["a restart loop goes to alerts"] }),
  event: z
    .unknown()
    .describe("An event, the path of a file with one or more (from the config's folder), or a list of these.")
    .meta({ examples: ["events/backoff.json"] }),
  expect: z
    .strictObject({
      receivers: fields
        .strings()
        .optional()
        .describe("Who receives it, in this order. `[]`: nobody.")
        .meta({ examples: [["alerts"]] }),
      payload: z
        .record(z.string(), z.unknown())
        .optional()
        .describe("By receiver: the exact text, the exact JSON, or values by path: `{ .reason: BackOff }`.")
        .meta({ examples: [{ alerts: { ".reason": "BackOff" } }] }),
    })
    .describe("What must come of each of the events."),
});

export const topSchema = z.strictObject({
  logLevel: z.enum(LEVELS).default("info").describe("Least severity that is logged."),
  logFormat: z.enum(["pretty", "json"]).default("pretty").describe("How log lines look. They go to standard error."),
  logDeliveries: z.boolean().default(false).describe("Log a line for each event that a receiver took."),
  maxEventAgeSeconds: z
    .int()
    .default(5)
    .describe("Of the events that exist at the first start, those older than this are left out."),
  clusterName: z.string().default("").describe("Put into each event as clusterName."),
  clusterEnvironment: z
    .string()
    .default("")
    .describe("Put into each event as clusterEnvironment, as one fork of the exporter does. Empty: not at all."),
  namespace: z.string().default("").describe("The one namespace to watch. Empty: all."),
  namespaces: fields.strings().default([]).describe("Namespaces to watch. Empty: all."),
  excludeNamespaces: fields.strings().default([]).describe("Namespaces whose events are left out."),
  fieldSelector: z
    .string()
    .default("")
    .describe("Field selector of the watch.")
    .meta({ examples: ["involvedObject.kind=Pod"] }),
  labelSelector: z.string().default("").describe("Label selector of the watch; it sees the labels of events."),
  watchReasons: fields
    .strings()
    .default([])
    .describe("Watch the events of these reasons and no others, each through a watch of its own. Empty: all."),
  sidecar: z
    .strictObject({
      namespace: z.string().min(1).optional().describe("Default: the pod's own, from POD_NAMESPACE."),
      pod: z.string().min(1).optional().describe("Default: the pod's own name, from POD_NAME or HOSTNAME."),
    })
    .optional()
    .describe("Watch the events of the pod that Petrel runs in, and no others."),
  sources: z
    .array(z.enum(SOURCES))
    .default(["kubernetes"])
    .describe(
      "Where events come from: the API server (`kubernetes`), a port that they are posted to (`http`), standard input (`stdin`), a `file`. Without `kubernetes` no cluster is needed.",
    )
    .meta({ examples: [["http"]] }),
  http: z
    .strictObject({
      address: z
        .string()
        .regex(/^(?:\[[0-9a-fA-F:.]+\]|[^:[\]\s]*):\d{1,5}$/, "expected an address like :8888 or 127.0.0.1:8888")
        .default("127.0.0.1:8888")
        .describe("Where to listen; `:8888` is every address of the machine.")
        .meta({ examples: [":8888"] }),
      token: fields
        .secret()
        .optional()
        .describe("Bearer token that each request needs. Default: whoever reaches the port may post."),
      tls: z
        .strictObject({
          certFile: z
            .string()
            .min(1)
            .describe("PEM file of the certificate.")
            .meta({ examples: ["/tls/tls.crt"] }),
          keyFile: z
            .string()
            .min(1)
            .describe("PEM file of its key.")
            .meta({ examples: ["/tls/tls.key"] }),
          clientCaFile: z
            .string()
            .min(1)
            .optional()
            .describe("PEM file of the authorities whose client certificates are let in; then nobody else is.")
            .meta({ examples: ["/tls/ca.crt"] }),
        })
        .optional()
        .describe("Serve TLS. The files are read at the start."),
      maxBody: fields.bytes().prefault("4MiB").describe("Largest body of a request, also after it was unpacked."),
      dedupWindow: fields
        .duration()
        .prefault("10m")
        .describe(
          "How long the id of a posted event is remembered: a repeat is answered like the first time and not taken again. At most 100,000 ids, in the journal when there is one.",
        ),
    })
    .optional()
    .describe("The port of the source `http`: `POST /events`, and `/api/kubernetes/events/forward`."),
  file: z
    .strictObject({
      path: z
        .string()
        .min(1)
        .describe("JSON documents one after another, or one per line; read from its beginning at each start.")
        .meta({ examples: ["/var/log/events.json"] }),
    })
    .optional()
    .describe("The file of the source `file`."),
  api: z
    .enum(["v1", "events.k8s.io/v1"])
    .default("v1")
    .describe("API that events are watched through; either gives every event."),
  startFrom: z
    .union([
      z.enum(["oldest", "now"]),
      z.strictObject({ resourceVersion: z.string().regex(/^[1-9]\d{0,14}$/, "expected digits, in quotes") }),
    ])
    .default("oldest")
    .describe(
      'What the first start does with events that exist already; `{ resourceVersion: "123" }` goes on from where another program came to.',
    ),
  kubeQPS: z.number().default(50).describe("Look-ups of metadata per second at most. Negative: no limit."),
  kubeBurst: z.int().default(100).describe("Look-ups of metadata at once at most."),
  omitLookup: z.boolean().default(false).describe("Look up no metadata of involved objects."),
  cacheSize: z.int().min(1).default(1024).describe("Objects whose metadata is remembered."),
  cacheTTL: fields.duration().prefault("5m").describe("How long the metadata of an object is taken for current."),
  lookupTimeout: fields.duration().prefault("2s").describe("How long an event waits for the metadata of its object."),
  metricsNamePrefix: z
    .string()
    .regex(
      /^(?:[a-zA-Z][a-zA-Z0-9_:]*_)?$/,
      "must start with a letter and end in `_`, with letters, digits, `_` and `:` between",
    )
    .default("")
    .describe("Put before the names of the exporter's metrics, and of these only.")
    .meta({ examples: ["event_exporter_"] }),
  leaderElection: z
    .strictObject({
      enabled: z.boolean().default(false).describe("One of several replicas is active."),
      leaderElectionID: z
        .string()
        // As the exporter takes it.
        .transform((name) => name || LEASE)
        .prefault(LEASE)
        .describe("Name of the Lease. It is in Petrel's own namespace."),
    })
    .prefault({})
    .describe(
      "Of several replicas the one that holds a Lease is active, the others wait to take over where it stopped: the Lease keeps how far each receiver has come.",
    ),
  buffer: z
    .strictObject({
      events: z.int().min(1).default(10_000).describe("Events at most."),
      bytes: fields.bytes().prefault("16MiB").describe("Bytes at most."),
    })
    .prefault({})
    .describe("What may wait for slow receivers. When it is full, the oldest event goes, and is counted."),
  ...gateKeys,
  deadLetter: deadLetter(
    "What happens to events that a receiver refuses for good, beside that they are kept for `petrel dlq`.",
  ),
  state: z
    .strictObject({
      path: z
        .string()
        .min(1)
        .describe("Folder that is this Petrel's alone; made when it is not there.")
        .meta({ examples: ["/var/lib/petrel"] }),
      maxBytes: fields.bytes().prefault("1GiB").describe("Bytes of events at most."),
      maxAge: fields.duration().prefault("24h").describe("Events that wait longer go."),
      fsync: z
        .enum(["group", "always", "off"])
        .default("group")
        .describe(
          "What a commit survives, beside the end of the process: `always` also a power failure at any time; `group` that too, but for the last commits; `off` no power failure.",
        ),
    })
    .optional()
    .describe(
      "Keep on disk what waits for receivers, and how far each has come: nothing is lost or repeated over restarts and long outages. When a bound is reached, the oldest event goes, and is counted.",
    ),
  shutdownTimeout: fields.duration().prefault("25s").describe("How long a stop waits for what is under way."),
  template: z
    .strictObject({
      allow: z
        .array(z.enum(TEMPLATE_GROUPS))
        .default([...TEMPLATE_GROUPS])
        .describe(
          "What templates may use beside the rest: `env` (env, expandenv), `crypto` (keys, certificates, password hashes: slow), `eta`. `[]`: none.",
        ),
      limits: z
        .strictObject({
          output: z
            .int()
            .min(1)
            .default(DEFAULT_LIMITS.maxOutput)
            .describe("Characters that one may write; also of any text on the way."),
          steps: z
            .int()
            .min(1)
            .default(DEFAULT_LIMITS.maxSteps)
            .describe(
              "Turns of a range, function calls, elements of lists that are made; and 20 ms of CPU time for every 100,000 of them.",
            ),
          depth: z.int().min(1).max(1_000).default(DEFAULT_LIMITS.maxDepth).describe("Templates calling templates."),
        })
        .prefault({})
        .describe(
          "What rendering one template may cost. Beyond, it fails for that event, and has a 64th of the steps for a while: a second, doubled up to a minute with each time.",
        ),
    })
    .prefault({})
    .describe("What templates may do."),
  compat: z
    .enum(["none", "exporter"])
    .default("none")
    .describe("`exporter` reproduces what kubernetes-event-exporter does, quirks included."),
  admin: z
    .strictObject({
      token: fields
        .secret()
        .optional()
        .describe("Bearer token that each request needs. Default: PETREL_ADMIN_TOKEN in the environment."),
    })
    .optional()
    .describe("The port of `--admin-address`, 127.0.0.1:2113 by default. On any other address it needs a token."),
  tests: z.array(testSchema).optional().describe("What `petrel test` runs: events, and what must come of them."),
  strict: z.boolean().default(false).describe("Refuse to run with what `petrel check` calls an error."),
});

export type Top = z.output<typeof topSchema>;
export type Rule = z.output<typeof ruleSchema>;
export interface Route {
  readonly drop: readonly Rule[];
  readonly match: readonly Rule[];
  readonly routes: readonly Route[];
}
