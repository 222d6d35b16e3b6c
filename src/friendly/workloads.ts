/** Jobs and cron jobs. */
import { type Definition, define, type Row, same, type Wording, worded } from "./definition.ts";
import { integer, object, optional, subject, text } from "./shape.ts";

const JOB = subject("job", "Job");
const CRON_JOB = subject("cronJob", "CronJob");
const job = (event: string) => `Kubernetes.Workloads.Job.V1.${event}`;
const cronJob = (event: string) => `Kubernetes.Workloads.CronJob.V1.${event}`;

const jobRow = (reason: string, ...wordings: Wording[]): Row => ({
  component: "job-controller",
  reason,
  source: "kubernetes pkg/controller/job/job_controller.go",
  wordings,
});
const cronRow = (reason: string, ...wordings: Wording[]): Row => ({
  component: "cronjob-controller",
  reason,
  source: "kubernetes pkg/controller/cronjob/cronjob_controllerv2.go",
  wordings,
});

const STARTED = { job: object("The job.", { name: text("Its name.") }) };

export const WORKLOADS: readonly Definition[] = [
  define(job("Completed"), {
    summary: "A job is done.",
    about: JOB,
    rows: [jobRow("Completed", same("Job completed", "1.22–1.36"))],
  }),
  define(job("Failed"), {
    summary: "A job failed and is not tried again.",
    about: JOB,
    data: {
      cause: text(
        "`backoffLimitExceeded`, `deadlineExceeded`, `podFailurePolicy`, `maxFailedIndexesExceeded` or `failedIndexes`.",
      ),
      pod: optional(object("The pod that failed.", { name: text("Its name."), namespace: text("Its namespace.") })),
      container: optional(object("The container that failed.", { name: text("Its name.") })),
      exitCode: optional(integer("What it ended with.")),
      condition: optional(text("Condition of the pod that failed the job.")),
    },
    rows: [
      jobRow(
        "BackoffLimitExceeded",
        same("Job has reached the specified backoff limit", "1.16–1.36", { cause: "backoffLimitExceeded" }),
        same("Job has reach the specified backoff limit", "1.10", { cause: "backoffLimitExceeded" }),
      ),
      jobRow(
        "DeadlineExceeded",
        same("Job was active longer than specified deadline", "1.10–1.36", { cause: "deadlineExceeded" }),
      ),
      jobRow(
        "PodFailurePolicy",
        worded(
          "Container <container.name> for pod <pod.namespace>/<pod.name> failed with exit code <exitCode> matching FailJob rule at index <_>",
          "1.25–1.36",
          "Container main for pod shop/import-x7k2p failed with exit code 42 matching FailJob rule at index 0",
          { cause: "podFailurePolicy" },
        ),
        worded(
          "Pod <pod.namespace>/<pod.name> has condition <condition> matching FailJob rule at index <_>",
          "1.25–1.36",
          "Pod shop/import-x7k2p has condition DisruptionTarget matching FailJob rule at index 1",
          { cause: "podFailurePolicy" },
        ),
      ),
      jobRow(
        "MaxFailedIndexesExceeded",
        same("Job has exceeded the specified maximal number of failed indexes", "1.28–1.36", {
          cause: "maxFailedIndexesExceeded",
        }),
      ),
      jobRow("FailedIndexes", same("Job has failed indexes", "1.28–1.36", { cause: "failedIndexes" })),
    ],
  }),
  define(job("Suspended"), {
    summary: "A job was suspended: its pods are gone.",
    about: JOB,
    rows: [jobRow("Suspended", same("Job suspended", "1.22–1.36"))],
  }),
  define(job("Resumed"), {
    summary: "A job that was suspended goes on.",
    about: JOB,
    rows: [jobRow("Resumed", same("Job resumed", "1.22–1.36"))],
  }),

  define(cronJob("JobStarted"), {
    summary: "A cron job started a job.",
    about: CRON_JOB,
    data: STARTED,
    rows: [cronRow("SuccessfulCreate", worded("Created job <job.name>", "1.10–1.36", "Created job backup-29384756"))],
  }),
  define(cronJob("JobStartFailed"), {
    summary: "A cron job could not start a job.",
    about: CRON_JOB,
    data: { error: text("Why not.") },
    rows: [
      cronRow(
        "FailedCreate",
        worded("Error creating job: <error...>", "1.10–1.36", "Error creating job: jobs.batch is forbidden"),
      ),
    ],
  }),
  define(cronJob("JobCompleted"), {
    summary: "A job of a cron job is done.",
    about: CRON_JOB,
    data: STARTED,
    rows: [
      cronRow(
        "SawCompletedJob",
        worded(
          "Saw completed job: <job.name>, condition: Complete",
          "1.31–1.36",
          "Saw completed job: backup-29384756, condition: Complete",
        ),
        worded(
          "Saw completed job: <job.name>, status: Complete",
          "1.16–1.30",
          "Saw completed job: backup-29384756, status: Complete",
        ),
      ),
    ],
  }),
  define(cronJob("JobFailed"), {
    summary: "A job of a cron job failed.",
    about: CRON_JOB,
    data: STARTED,
    rows: [
      cronRow(
        "SawCompletedJob",
        worded(
          "Saw completed job: <job.name>, condition: Failed",
          "1.31–1.36",
          "Saw completed job: backup-29384756, condition: Failed",
        ),
        worded(
          "Saw completed job: <job.name>, status: Failed",
          "1.16–1.30",
          "Saw completed job: backup-29384756, status: Failed",
        ),
      ),
    ],
  }),
  define(cronJob("JobDeleted"), {
    summary: "A cron job deleted an old job.",
    about: CRON_JOB,
    data: STARTED,
    rows: [cronRow("SuccessfulDelete", worded("Deleted job <job.name>", "1.10–1.36", "Deleted job backup-29384756"))],
  }),
  define(cronJob("JobSkipped"), {
    summary: "A cron job started no job, because the one before still runs.",
    about: CRON_JOB,
    rows: [
      cronRow(
        "JobAlreadyActive",
        same("Not starting job because prior execution is running and concurrency policy is Forbid", "1.22–1.36"),
      ),
    ],
  }),
  define(cronJob("MissedSchedule"), {
    summary: "A cron job did not start a job when it should have.",
    about: CRON_JOB,
    data: {
      scheduledTime: optional(text("When it should have, as the controller writes it (RFC 1123).")),
      missed: optional(integer("How often it should have.")),
    },
    rows: [
      cronRow(
        "MissSchedule",
        worded(
          "Missed scheduled time to start a job: <scheduledTime...>",
          "1.16–1.36",
          "Missed scheduled time to start a job: Fri, 20 Nov 2026 21:45:00 UTC",
        ),
      ),
      cronRow(
        "TooManyMissedTimes",
        worded(
          "too many missed start times: <missed>. Set or decrease .spec.startingDeadlineSeconds or check clock skew",
          "1.22–1.25",
          "too many missed start times: 101. Set or decrease .spec.startingDeadlineSeconds or check clock skew",
        ),
        same(
          "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew",
          "1.28–1.36",
        ),
      ),
    ],
  }),
];
