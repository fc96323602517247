import type { WireSignal } from "../signaling/wire.js";

/** How long a signal waits for the ones before it, in milliseconds. */
export const HOLD_MS = 1_000;
/**
 * How long the first signal waits of somebody who was there before us, in milliseconds. Those before it were most likely sent before we
 * came, and will not come: posts that are out of order are less than a quarter of a second apart.
 */
export const FIRST_HOLD_MS = 250;
/** How long a number that was waited for in vain may still come, in milliseconds. After that it is the count of another socket of the sender's. */
const LATE_MS = 5_000;

/** A signal of somebody, with their count. */
export type Counted = WireSignal & { seq: number };

interface Held {
  readonly signal: Counted;
  readonly until: number;
}

/**
 * The signals of one sender, in the order in which they were sent. `seq` counts those to all: number k waits for number k - 1, a directed
 * one for the number that it names, both for {@link HOLD_MS} at most (the first for {@link FIRST_HOLD_MS} if the sender was there before us). A sender's new socket counts from 1 again.
 *
 * Everything that goes in comes out, once. A repetition does not go in: it has the `id` of one that has come, and a number that comes
 * again under another is of another count, also with the same text.
 */
export class Order {
  /** The number to all that is due. */
  #next = 1;
  #hold: number;
  #held: Held[] = [];
  /** Numbers that were given up lately. */
  readonly #missed = new Map<number, number>();

  /** `wasThere`: the sender may have sent signals before we came. */
  constructor(wasThere = false) {
    this.#hold = wasThere ? FIRST_HOLD_MS : HOLD_MS;
  }

  /** When `release` should be called; `undefined`: nothing is held. */
  get due(): number | undefined {
    return this.#held.length > 0 ? Math.min(...this.#held.map(({ until }) => until)) : undefined;
  }

  /** Takes a signal; gives back those whose turn it is. */
  take(signal: Counted, now: number): Counted[] {
    if (isDirected(signal)) {
      this.#held.push({ signal, until: now + this.#hold });
      return this.#ready();
    }
    this.#forget(now);
    const { seq } = signal;
    if (this.#missed.delete(seq)) return [signal];
    const held = this.#held.some((held) => !isDirected(held.signal) && held.signal.seq === seq);
    const before = held || seq < this.#next ? this.#restart() : [];
    this.#held.push({ signal, until: now + this.#hold });
    return [...before, ...this.#ready()];
  }

  /** Gives back what has waited long enough, and what that waited for others to hold back. */
  release(now: number): Counted[] {
    const last = sorted(this.#held.filter(({ until }) => until <= now)).at(-1);
    if (!last) return [];
    const released = this.#held.filter((held) => compare(held, last) <= 0);
    this.#held = this.#held.filter((held) => compare(held, last) > 0);
    this.#hold = HOLD_MS;
    this.#skip(last.signal.seq, now);
    const signals = sorted(released).map(({ signal }) => signal);
    for (const signal of signals) if (!isDirected(signal)) this.#missed.delete(signal.seq);
    return [...signals, ...this.#ready()];
  }

  /** Gives back everything that is held: the sender is gone. */
  flush(): Counted[] {
    const signals = sorted(this.#held).map(({ signal }) => signal);
    this.#held = [];
    return signals;
  }

  /** The sender counts from 1 again. What is still held is from before. */
  #restart(): Counted[] {
    this.#next = 1;
    this.#missed.clear();
    return this.flush();
  }

  #ready(): Counted[] {
    const ready: Counted[] = [];
    this.#held = sorted(this.#held).filter(({ signal }) => {
      const turn = isDirected(signal) ? signal.seq < this.#next : signal.seq <= this.#next;
      if (!turn) return true;
      ready.push(signal);
      this.#hold = HOLD_MS;
      if (!isDirected(signal)) this.#next = signal.seq + 1;
      return false;
    });
    return ready;
  }

  /** Everything up to `seq` is delivered or given up. */
  #skip(seq: number, now: number): void {
    // Who has been there for long has a high count when we first hear of them: only the last ones can be late.
    for (let missed = Math.max(this.#next, seq - 64); missed <= seq; missed += 1)
      this.#missed.set(missed, now);
    this.#next = Math.max(this.#next, seq + 1);
  }

  #forget(now: number): void {
    for (const [seq, at] of this.#missed) if (now - at >= LATE_MS) this.#missed.delete(seq);
  }
}

function isDirected(signal: Counted): boolean {
  return signal.to !== undefined;
}

/** A directed signal comes after the one to all whose number it names; those with the same number in the order in which they came. */
function compare(a: Held, b: Held): number {
  return a.signal.seq - b.signal.seq || Number(isDirected(a.signal)) - Number(isDirected(b.signal));
}

function sorted(held: readonly Held[]): Held[] {
  return [...held].sort(compare);
}
