/**
 * What one rendering may use. Rendering is synchronous and never nests across templates of different owners, so the
 * account of the rendering that runs now is one module-level object: no parameter through every function.
 */
import { GoError } from "./value.ts";

export interface Limits {
  /** UTF-16 units of output, and of any one string on the way. Default 1 Mi. */
  readonly maxOutput: number;
  /** Range iterations, function calls, list elements made. Default 100,000. */
  readonly maxSteps: number;
  /** Templates calling templates. Default 200. */
  readonly maxDepth: number;
}

export const DEFAULT_LIMITS: Limits = { maxOutput: 1 << 20, maxSteps: 100_000, maxDepth: 200 };

/** The account of the running rendering. */
export const budget = {
  steps: DEFAULT_LIMITS.maxSteps,
  maxOutput: DEFAULT_LIMITS.maxOutput,
  maxSteps: DEFAULT_LIMITS.maxSteps,
  /** Below so many steps left, the clock is looked at. */
  checkAt: 0,
  /** CPU milliseconds of the thread when the clock was first looked at; negative: not yet. */
  startedAt: -1,
  /** Kinder than Go where Go is hostile: map[string]string for map[string]any, metav1.Time for time.Time. */
  lenient: false,
};

/** A limit was hit: not an error of a function, so it names no function. */
export class LimitError extends GoError {}

/** Pays for `steps` units of work (elements made, bytes / 64 worked on …) before doing it. */
export function spend(steps: number): void {
  budget.steps -= steps;
  if (!(budget.steps >= budget.checkAt)) check();
}

/**
 * Steps are not equally long, and nothing may hold the event loop: whoever takes very many pays by time, too. CPU time,
 * because a process that is throttled has done nothing wrong.
 */
const CHECK_EVERY = 512;
const MS_PER_STEP = 25 / DEFAULT_LIMITS.maxSteps;

/** A new account; the clock is not looked at before it must be. */
export function openBudget(limits: Limits, lenient: boolean): void {
  budget.steps = budget.maxSteps = limits.maxSteps;
  budget.checkAt = Math.max(0, limits.maxSteps - CHECK_EVERY);
  budget.startedAt = -1;
  budget.maxOutput = limits.maxOutput;
  budget.lenient = lenient;
}

function check(): void {
  const { maxSteps } = budget;
  if (!(budget.steps >= 0)) {
    throw new LimitError(`more than ${maxSteps} steps: shorten the loop, or raise template.limits.steps`);
  }
  const { user, system } = process.threadCpuUsage();
  const now = (user + system) / 1_000;
  const allowed = maxSteps * MS_PER_STEP;
  if (budget.startedAt < 0) budget.startedAt = now;
  else if (now - budget.startedAt > allowed) {
    throw new LimitError(`more than ${allowed} ms of work: shorten the loop, or raise template.limits.steps`);
  }
  budget.checkAt = Math.max(0, budget.steps - CHECK_EVERY);
}

/** Call before making a string that may be long. */
export function checkLength(length: number): void {
  if (!(length <= budget.maxOutput)) {
    throw new LimitError(
      `more than ${budget.maxOutput} characters of output: shorten the text, or raise template.limits.output`,
    );
  }
  spend(length >>> 6);
}
