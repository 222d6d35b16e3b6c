/**
 * Order per object: while an event travels (is on its way, or waits for a retry), later events of its object wait for
 * it, parked as sequence numbers; events of other objects go on.
 */

/** One object with an event that travels, or with events that wait for their turn. */
interface Hold {
  readonly key: string;
  /** Events on their way or waiting for a retry, each copy counted. */
  travelling: number;
  /** The group that they were collected into. */
  group: object | undefined;
  /** Entries that wait, oldest first. */
  readonly parked: number[];
}

export interface Order {
  /** Objects that something travels or waits for. */
  readonly objects: number;
  /** Entries that travel or wait. */
  readonly entries: number;
  /** Events that travel, each copy counted. */
  readonly travelling: number;
  /** True when a parked entry may go now. */
  readonly ready: boolean;
  /** The oldest entry that travels or waits; `otherwise` when there is none. */
  oldest(otherwise: number): number;
  /** An entry is read for the first time: true, and it travels in this group; or false, and it is parked. */
  enter(seq: number, key: string, group: object, copies: number): boolean;
  /** The parked entry whose turn it is; undefined when none may go. */
  peek(): number | undefined;
  /** The entry that {@link peek} told goes with this group; `copies` of 0: it goes nowhere. */
  leave(group: object, copies: number): void;
  /** This group takes no more: objects that travel in it have to wait for its end. */
  close(group: object): void;
  /** A copy of an entry has its answer. */
  answered(seq: number, key: string): void;
  /** The log drops this entry; true when it was parked, and so is lost. */
  evicted(seq: number): boolean;
  /** All that is parked. */
  parked(): Iterable<number>;
  /** All that travels or waits, oldest first. */
  seqs(): Iterable<number>;
}

/** `alone`: a group holds one event of an object at most. */
export function createOrder(options: { readonly alone: boolean }): Order {
  const { alone } = options;
  const holds = new Map<string, Hold>();
  /** Entries by sequence number, ascending, because they enter in that order. */
  const entries = new Map<number, Hold>();
  /** Copies beyond the first that have no answer; empty but for a predecessor's config that sends twice. */
  const further = new Map<number, number>();
  /** Objects whose parked entries may go. */
  const freed: Hold[] = [];
  let travelling = 0;

  function depart(hold: Hold, seq: number, group: object, copies: number): void {
    hold.group = group;
    hold.travelling += copies;
    travelling += copies;
    if (copies > 1) further.set(seq, copies - 1);
  }

  /** Nothing travels any more: the next in the queue, or nobody holds the object. */
  function release(hold: Hold): void {
    hold.group = undefined;
    if (hold.parked.length > 0) freed.push(hold);
    else holds.delete(hold.key);
  }

  return {
    get objects() {
      return holds.size;
    },
    get entries() {
      return entries.size;
    },
    get travelling() {
      return travelling;
    },
    get ready() {
      return freed.length > 0;
    },
    oldest(otherwise) {
      for (const seq of entries.keys()) return seq;
      return otherwise;
    },
    enter(seq, key, group, copies) {
      let hold = holds.get(key);
      if (hold === undefined) {
        hold = { key, travelling: 0, group, parked: [] };
        holds.set(key, hold);
      } else if (alone || hold.group !== group || hold.parked.length > 0) {
        hold.parked.push(seq);
        entries.set(seq, hold);
        return false;
      }
      entries.set(seq, hold);
      depart(hold, seq, group, copies);
      return true;
    },
    peek: () => freed[0]?.parked[0],
    leave(group, copies) {
      const hold = freed[0];
      const seq = hold?.parked.shift();
      if (hold === undefined || seq === undefined) return;
      if (copies > 0) depart(hold, seq, group, copies);
      else entries.delete(seq);
      if (hold.parked.length > 0 && !(alone && copies > 0)) return;
      freed.shift();
      if (hold.travelling === 0) holds.delete(hold.key);
    },
    close(group) {
      if (freed[0]?.group === group) freed.shift();
    },
    answered(seq, key) {
      const hold = holds.get(key);
      if (hold === undefined) return;
      travelling--;
      hold.travelling--;
      const copies = further.size > 0 ? (further.get(seq) ?? 0) : 0;
      if (copies > 1) further.set(seq, copies - 1);
      else if (copies === 1) further.delete(seq);
      else entries.delete(seq);
      if (hold.travelling === 0) release(hold);
    },
    evicted(seq) {
      const hold = entries.get(seq);
      const at = hold?.parked.indexOf(seq) ?? -1;
      if (hold === undefined || at < 0) return false;
      hold.parked.splice(at, 1);
      entries.delete(seq);
      if (hold.parked.length > 0 || hold.travelling > 0) return true;
      freed.splice(freed.indexOf(hold), 1);
      holds.delete(hold.key);
      return true;
    },
    seqs: () => entries.keys(),
    *parked() {
      for (const hold of holds.values()) yield* hold.parked;
    },
  };
}
