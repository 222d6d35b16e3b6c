/**
 * What one rendering may use. Rendering is synchronous and never nests across templates of different owners, so the
 * account of the rendering that runs now is one module-level object: no parameter through every function.
 */
import { worked } from "./turn.ts";
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
  /** A limit was hit. */
  spent: false,
  /** More words for whoever runs out of steps, when they are fewer than the limits allow. */
  why: "",
  /** Kinder than Go where Go is hostile: map[string]string for map[string]any, metav1.Time for time.Time. */
  lenient: false,
};

/** A limit was hit: not an error of a function, so it names no function. */
export class LimitError extends GoError {
  constructor(message: string) {
    super(message);
    budget.spent = true;
  }
}

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
const MS_PER_STEP = 20 / DEFAULT_LIMITS.maxSteps;
/** The clock of a thread moves in steps of a millisecond or more: what is shorter is left to the count of steps. */
const LEAST_MS = 5;

/** A new account; the clock is not looked at before it must be. */
export function openBudget(limits: Limits, lenient: boolean): void {
  open(limits.maxSteps, limits.maxOutput, lenient);
  budget.why = "";
}

function open(maxSteps: number, maxOutput: number, lenient: boolean): void {
  budget.steps = budget.maxSteps = maxSteps;
  budget.checkAt = Math.max(0, maxSteps - CHECK_EVERY);
  budget.startedAt = -1;
  budget.spent = false;
  budget.maxOutput = maxOutput;
  budget.lenient = lenient;
}

function check(): void {
  const { maxSteps, why } = budget;
  if (!(budget.steps >= 0)) {
    throw new LimitError(`more than ${maxSteps} steps${why}: shorten the loop, or raise template.limits.steps`);
  }
  lookAtClock();
  budget.checkAt = Math.max(0, budget.steps - CHECK_EVERY);
}

/** CPU milliseconds of this thread. */
function busyMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

/** Ends a rendering that has worked for too long since it first came here. Costs some 2 µs: for before and after long work. */
export function lookAtClock(): void {
  const { maxSteps, why, startedAt } = budget;
  const now = busyMs();
  const allowed = Math.max(LEAST_MS, maxSteps * MS_PER_STEP);
  if (startedAt < 0) budget.startedAt = now;
  else if (now - startedAt > allowed) {
    throw new LimitError(
      `more than ${Number(allowed.toPrecision(2))} ms of work${why}: shorten the loop, or raise template.limits.steps`,
    );
  }
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

/** Opens the account of each rendering of one template, and hears how it ended. */
export interface Allowance {
  open(lenient: boolean): void;
  /** `failed`: the rendering threw, whatever it threw. */
  close(failed: boolean): void;
}

/** What is left of the steps to a template that ran out of them: some 1,500, where an everyday template takes ten. */
const SHORT_SHARE = 64;
/** Between two renderings that may use the whole limit again; doubles with each that runs out. */
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;

/**
 * A template that ran out of its limits is held short: the next event that it is a bomb for must not hold the event
 * loop as long, again and again. What it renders every day passes all the same, in a hundredth of the limits; now and
 * then one rendering may use the whole, and one that needs it and ends well sets the template free.
 *
 * @param now milliseconds; steady
 */
export function createAllowance(limits: Limits, now: () => number): Allowance {
  const short = Math.max(1, Math.floor(limits.maxSteps / SHORT_SHARE));
  let overruns = 0;
  let wholeAgainAt = 0;
  let isShort = false;
  return {
    open(lenient) {
      if (overruns === 0) {
        openBudget(limits, lenient);
        return;
      }
      const at = now();
      isShort = at < wholeAgainAt;
      if (!isShort) {
        openBudget(limits, lenient);
        return;
      }
      open(short, limits.maxOutput, lenient);
      const seconds = Math.max(1, Math.round((wholeAgainAt - at) / 1_000));
      const times = overruns === 1 ? "once" : `${overruns} times`;
      budget.why = `, a ${SHORT_SHARE}th of the limit, which this template ran out of ${times} (in ${seconds} s it may use all of it)`;
    },
    close(failed) {
      if (budget.startedAt >= 0) worked(busyMs() - budget.startedAt);
      if (failed && budget.spent) {
        if (isShort) return;
        overruns++;
        wholeAgainAt = now() + Math.min(FIRST_WAIT_MS * 2 ** (overruns - 1), LONGEST_WAIT_MS);
      } else if (overruns > 0 && !isShort && limits.maxSteps - budget.steps > short) {
        overruns = 0;
      }
    },
  };
}
