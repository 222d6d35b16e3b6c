/** KEDA's scaled objects and scaled jobs. Read in KEDA 2.2.0–2.20.2. */
import { type Definition, define, type Row, same, type Wording, worded } from "./definition.ts";
import { integer, object, optional, type Shape, subject, text } from "./shape.ts";

const OBJECT = subject("scaledObject", "ScaledObject");
const JOB = subject("scaledJob", "ScaledJob");
const SOURCE = "keda pkg/eventreason, pkg/scaling, pkg/common/message";
const COMPONENTS = ["keda-operator", "scale-handler", "keda-admission"] as const;
const keda = (event: string) => `Kubernetes.Autoscaling.Keda.V1.${event}`;

const row = (reason: string | readonly string[], ...wordings: Wording[]): Row => ({
  component: COMPONENTS,
  reason,
  source: SOURCE,
  wordings,
});

const TARGET = "<target.kind> <target.namespace>/<target.name>";
const SCALED: Shape = {
  target: object("What is scaled.", {
    kind: text("Its API version and kind, such as `apps/v1.Deployment`."),
    namespace: text("Its namespace."),
    name: text("Its name."),
  }),
  replicas: object("Of the target.", {
    new: integer("Pods that it is to have."),
    old: integer("Pods that it had."),
  }),
};
const SIZES = "from <replicas.old> to <replicas.new>";
const WEB = "apps/v1.Deployment shop/web";

/** What KEDA says of either kind in the same way. */
const common = (about: typeof OBJECT): readonly Definition[] => [
  define(keda(`${about.kind}.ScalersStarted`), {
    summary: `The metrics of a ${about.kind} are watched.`,
    about,
    data: { scaler: optional(text("Type of the scaler, when one alone is meant.")) },
    rows: [
      row(
        "KEDAScalersStarted",
        same("Started scalers watch", "2.2–2.20"),
        worded("Scaler <scaler> is built", "2.12–2.20", "Scaler kafka is built"),
      ),
    ],
  }),
  define(keda(`${about.kind}.ScalersStopped`), {
    summary: `The metrics of a ${about.kind} are no longer watched.`,
    about,
    rows: [row("KEDAScalersStopped", same("Stopped scalers watch", "2.2–2.20"))],
  }),
  define(keda(`${about.kind}.ScalerFailed`), {
    summary: `A metric that a ${about.kind} scales by cannot be read.`,
    about,
    data: { error: text("Why not.") },
    rows: [
      row(
        ["KEDAScalerFailed", "KEDAMetricSourceFailed"],
        worded("<error...>", "2.2–2.20", "error parsing kafka metadata:\nno bootstrapServers given"),
      ),
    ],
  }),
  define(keda(`${about.kind}.CheckFailed`), {
    summary: `A ${about.kind} is not usable as it is written.`,
    about,
    data: { error: text("Why not.") },
    rows: [row(`${about.kind}CheckFailed`, worded("<error...>", "2.2–2.20", "Target resource doesn't exist"))],
  }),
  define(keda(`${about.kind}.Ready`), {
    summary: `A ${about.kind} is ready to scale.`,
    about,
    rows: [row(`${about.kind}Ready`, same(`${about.kind} is ready for scaling`, "2.2–2.20"))],
  }),
  define(keda(`${about.kind}.Deleted`), {
    summary: `A ${about.kind} was deleted.`,
    about,
    rows: [row(`${about.kind}Deleted`, same(`${about.kind} was deleted`, "2.2–2.20"))],
  }),
  define(keda(`${about.kind}.Paused`), {
    summary: `A ${about.kind} does not scale any more until somebody says so.`,
    about,
    rows: [row(`${about.kind}Paused`, same(`${about.kind} is paused`, "2.19–2.20"))],
  }),
  define(keda(`${about.kind}.Unpaused`), {
    summary: `A ${about.kind} scales again.`,
    about,
    rows: [
      row(
        `${about.kind}Unpaused`,
        about === OBJECT
          ? same("pause annotation removed for ScaledObject", "2.19–2.20")
          : same("ScaledJob is unpaused", "2.19–2.20"),
      ),
    ],
  }),
];

export const KEDA: readonly Definition[] = [
  define(keda("ScaledObject.Activated"), {
    summary: "A target without pods was given some.",
    about: OBJECT,
    data: { ...SCALED, triggers: optional(text("What triggered it.")) },
    rows: [
      row(
        "KEDAScaleTargetActivated",
        worded(
          `Scaled ${TARGET} ${SIZES}, triggered by <triggers...>`,
          "2.15–2.20",
          `Scaled ${WEB} from 0 to 1, triggered by kafkaScaler;cronScaler`,
        ),
        worded(
          `Scaled ${TARGET} ${SIZES}, caused by forced activation annotation`,
          "2.20",
          `Scaled ${WEB} from 0 to 1, caused by forced activation annotation`,
        ),
        worded(`Scaled ${TARGET} ${SIZES}`, "2.2–2.12", `Scaled ${WEB} from 0 to 1`),
      ),
    ],
  }),
  define(keda("ScaledObject.Deactivated"), {
    summary: "A target has no work, and no pods any more.",
    about: OBJECT,
    data: SCALED,
    rows: [
      row(
        "KEDAScaleTargetDeactivated",
        worded(`Deactivated ${TARGET} ${SIZES}`, "2.2–2.20", `Deactivated ${WEB} from 1 to 0`),
      ),
    ],
  }),
  define(keda("ScaledObject.ActivationFailed"), {
    summary: "A target without pods could not be given any.",
    about: OBJECT,
    data: SCALED,
    rows: [
      row(
        "KEDAScaleTargetActivationFailed",
        worded(`Failed to scale ${TARGET} ${SIZES}`, "2.20", `Failed to scale ${WEB} from 0 to 1`),
        worded(`Failed to scaled ${TARGET} ${SIZES}`, "2.2–2.19", `Failed to scaled ${WEB} from 0 to 1`),
      ),
    ],
  }),
  define(keda("ScaledObject.DeactivationFailed"), {
    summary: "A target that has no work could not be scaled to no pods.",
    about: OBJECT,
    data: SCALED,
    rows: [
      row(
        "KEDAScaleTargetDeactivationFailed",
        worded(`Failed to deactivate ${TARGET} ${SIZES}`, "2.17–2.20", `Failed to deactivate ${WEB} from 1 to 0`),
        worded(
          `Failed to deactivated ${TARGET}%!(EXTRA int32=<replicas.old>, int32=<replicas.new>)`,
          "2.2–2.16",
          `Failed to deactivated ${WEB}%!(EXTRA int32=1, int32=0)`,
        ),
      ),
    ],
  }),
  ...common(OBJECT),
  define(keda("ScaledObject.FallbackActivated"), {
    summary: "A metric is not to be had, and the fallback's number of pods holds.",
    about: OBJECT,
    rows: [row("ScaledObjectFallbackActivated", same("ScaledObject fallback is active", "2.20"))],
  }),
  define(keda("ScaledObject.FallbackDeactivated"), {
    summary: "The metrics are to be had again.",
    about: OBJECT,
    rows: [row("ScaledObjectFallbackDeactivated", same("ScaledObject fallback is no longer active", "2.20"))],
  }),
  ...common(JOB),
  define(keda("ScaledJob.JobsCreated"), {
    summary: "A ScaledJob started jobs.",
    about: JOB,
    data: { jobs: integer("How many.") },
    rows: [row("KEDAJobsCreated", worded("Created <jobs> jobs", "2.2–2.20", "Created 3 jobs"))],
  }),
  define(keda("ScaledJob.JobCreationFailed"), {
    summary: "A ScaledJob could not start a job.",
    about: JOB,
    data: { job: object("The job.", { name: text("Its name.") }), error: text("Why not.") },
    rows: [
      row(
        "KEDAJobCreateFailed",
        worded("Failed to create job <job.name>: <error...>", "2.12–2.20", "Failed to create job worker-x7k2p: quota"),
      ),
    ],
  }),
];
