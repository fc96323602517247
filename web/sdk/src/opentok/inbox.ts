import { clock } from "../backoff.js";
import { remember } from "../recent.js";
import type { WireSignal } from "../signaling/wire.js";
import { type Counted, Order } from "./order.js";

/** Senders whose count is kept. Where connection events are suppressed nothing says who has gone. */
const MOST_SENDERS = 15_000;

/** Signals whose ids are kept: more than a mailbox has, and what comes while that is on its way. */
const MOST_HEARD = 1_000;

/**
 * Signals as they come, given on once and in each sender's order. A server's have none, and are given on at once. One comes again when
 * what was kept is delivered again, or a post is repeated.
 */
export class Inbox {
  readonly #deliver: (signal: WireSignal) => void;
  readonly #wasThere: (sender: string) => boolean;
  /** By `connectionId`, the one that was heard of last at the end. */
  readonly #senders = new Map<string, Order>();
  /** Those of whom something is held. */
  readonly #waiting = new Set<string>();
  readonly #heard = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `wasThere` says whether a sender was in the session before us. */
  constructor(deliver: (signal: WireSignal) => void, wasThere: (sender: string) => boolean) {
    this.#deliver = deliver;
    this.#wasThere = wasThere;
  }

  /** A signal has come. */
  take(signal: WireSignal): void {
    if (signal.id !== undefined) {
      if (this.#heard.has(signal.id)) return;
      remember(this.#heard, signal.id, MOST_HEARD);
    }
    if (signal.from === null || !isCounted(signal)) {
      this.#deliver(signal);
      return;
    }
    const sender = signal.from;
    const order = this.#senders.get(sender) ?? new Order(this.#wasThere(sender));
    this.#senders.delete(sender);
    this.#senders.set(sender, order);
    const ready = order.take(signal, clock());
    this.#settle(sender, order);
    this.#give(ready);
    const [oldest] = this.#senders.keys();
    if (this.#senders.size > MOST_SENDERS && oldest !== undefined) this.gone(oldest);
  }

  /** A sender has gone, or begins anew: what is held of theirs is given on, and their count forgotten. */
  gone(sender: string): void {
    const held = this.#senders.get(sender)?.flush() ?? [];
    this.#senders.delete(sender);
    this.#waiting.delete(sender);
    this.#give(held);
  }

  /** Gives on whatever is held, and forgets everybody. */
  close(): void {
    clearTimeout(this.#timer);
    for (const sender of [...this.#senders.keys()]) this.gone(sender);
  }

  #give(signals: readonly Counted[]): void {
    for (const signal of signals) this.#deliver(signal);
  }

  #settle(sender: string, order: Order): void {
    if (order.due === undefined) this.#waiting.delete(sender);
    else this.#waiting.add(sender);
    this.#wind();
  }

  /** Sets the timer to the first time at which something has waited long enough. */
  #wind(): void {
    clearTimeout(this.#timer);
    const due = [...this.#waiting].map(
      (sender) => this.#senders.get(sender)?.due ?? Number.POSITIVE_INFINITY,
    );
    if (due.length === 0) return;
    // A timer may be early by a fraction of a millisecond.
    this.#timer = setTimeout(() => this.#release(), Math.max(1, Math.min(...due) - clock() + 1));
  }

  #release(): void {
    const now = clock();
    for (const sender of [...this.#waiting]) {
      const order = this.#senders.get(sender);
      if (!order) continue;
      const ready = order.release(now);
      if (order.due === undefined) this.#waiting.delete(sender);
      this.#give(ready);
    }
    this.#wind();
  }
}

function isCounted(signal: WireSignal): signal is Counted {
  return signal.seq !== null;
}
