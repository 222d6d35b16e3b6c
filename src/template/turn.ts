/**
 * How long templates have worked in this turn of the event loop. Each keeps within its own limits; where many events meet
 * long ones at once, whoever renders next lets the loop go round first.
 */

/** CPU milliseconds that long renderings may take of one turn before others wait for the next. */
export const TURN_MS = 10;

export const turn = {
  /** CPU milliseconds of long renderings in this turn. */
  ms: 0,
};

let ends = false;

/** Adds to this turn. */
export function worked(ms: number): void {
  turn.ms += ms;
  if (ends) return;
  ends = true;
  setImmediate(() => {
    ends = false;
    turn.ms = 0;
  });
}

/** This turn has had its share. */
export function isTurnOver(): boolean {
  return turn.ms > TURN_MS;
}
