/**
 * Work that must not hold up the watches: it is done in slices, one in each turn of the event loop, however many ask for
 * it at once, so that between two slices the sockets of watches and receivers are served.
 */

/**
 * Milliseconds of work in one turn: more, and more comes into the log in a turn than receivers pass by in one, so that
 * what a watch tells waits behind it. A turn itself costs a fifth of it.
 */
const SLICE_MS = 0.25;
/** Between two slices, where a watch is to be read meanwhile: 9,000 posts a second, or twice as many events in lists. */
const REST_MS = 1;

export interface Pace {
  /**
   * Does all steps of `work`, a few of them in each turn; with what others wait for in turns. At once when nobody waits
   * and the slice of this turn is not used up. Rejects with what a step throws.
   */
  run<T>(work: Generator<void, T>): Promise<T>;
  /** Does all that is waiting, now: there is no time to wait any more. */
  finish(): void;
}

interface Job {
  /** One step. True: it was the last. */
  step(): boolean;
}

/** Rests between two slices; or goes on as soon as the sockets that are ready were served. */
export const resting = (then: () => void): void => void setTimeout(then, REST_MS);
export const restless = (then: () => void): void => void setImmediate(then);

/** `later`: when the next slice is. `now`: milliseconds. */
export function createPace(later: (then: () => void) => void, now: () => number = () => performance.now()): Pace {
  /** Served round and round: one that has a thousand steps keeps nobody waiting who has one. */
  const jobs: Job[] = [];
  let spent = 0;
  let turning = false;

  function serve(slice: number): void {
    while (spent < slice) {
      const job = jobs.shift();
      if (!job) break;
      const begun = now();
      if (!job.step()) jobs.push(job);
      spent += now() - begun;
    }
    if (turning) return;
    turning = true;
    later(() => {
      turning = false;
      spent = 0;
      if (jobs.length > 0) serve(SLICE_MS);
    });
  }

  return {
    run<T>(work: Generator<void, T>): Promise<T> {
      const { promise, resolve, reject } = Promise.withResolvers<T>();
      jobs.push({
        step() {
          try {
            const { done, value } = work.next();
            if (done) resolve(value);
            return done === true;
          } catch (error) {
            reject(error);
            return true;
          }
        },
      });
      if (jobs.length === 1 || spent < SLICE_MS) serve(SLICE_MS);
      return promise;
    },
    finish: () => serve(Number.POSITIVE_INFINITY),
  };
}
