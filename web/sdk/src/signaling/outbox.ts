import type { Handshake } from "./wire.js";

/** How often a message is sent at most. */
const MOST_TRIES = 5;
/** Far beyond what a call has under way; a bound for a page that is offline for hours. */
const MOST_HELD = 256;
/** How long ago a message may have been sent and still have been lost with its socket, in milliseconds. */
export const RECENT_MS = 5_000;

interface Entry {
  readonly message: Handshake;
  sentAt: number | undefined;
  tries: number;
}

/**
 * Handshakes on their way. They carry no `requestId` (a reply to each would double what a join costs), so nothing says which one
 * was lost with a socket or refused: those of the last seconds are sent again. Receivers tolerate repetitions.
 */
export class Outbox {
  #entries: Entry[] = [];

  /** Takes a message to send. A description replaces the earlier one of the same connection. */
  put(message: Handshake, now: number): void {
    this.#entries = this.#entries.filter(
      (entry) =>
        (entry.sentAt === undefined || now - entry.sentAt < RECENT_MS) &&
        !(message.description && entry.message.description && sameConnection(entry.message, message)),
    );
    this.#entries.push({ message, sentAt: undefined, tries: 0 });
    if (this.#entries.length > MOST_HELD) this.#entries.shift();
  }

  /** What is to be sent now, in order; it counts as sent. */
  take(now: number): Handshake[] {
    const due = this.#entries.filter((entry) => entry.sentAt === undefined);
    for (const entry of due) {
      entry.sentAt = now;
      entry.tries += 1;
    }
    return due.map((entry) => entry.message);
  }

  /** What was sent lately may be lost: it is due again. Says how much. */
  recall(now: number): number {
    let recalled = 0;
    for (const entry of this.#entries) {
      if (entry.sentAt === undefined || now - entry.sentAt >= RECENT_MS || entry.tries >= MOST_TRIES)
        continue;
      entry.sentAt = undefined;
      recalled += 1;
    }
    return recalled;
  }

  /** The offer or answer of this connection has arrived: nothing of it needs to be sent again. */
  settle(type: Handshake["type"], remotePeerId?: string): void {
    this.#entries = this.#entries.filter(
      ({ message }) => !message.description || message.type !== type || message.remotePeerId !== remotePeerId,
    );
  }
}

function sameConnection(a: Handshake, b: Handshake): boolean {
  return a.type === b.type && a.remotePeerId === b.remotePeerId;
}
