import { newId } from "../ids.js";
import type { Handshake } from "./wire.js";

/** Far beyond what a call has under way; a bound for a page that is offline for hours. */
const MOST_HELD = 256;
/** How long ago a message may have been sent and still have been lost with its socket, or refused, in milliseconds. */
export const RECENT_MS = 5_000;
/** Who was to receive an older message that is not acknowledged has asked again by then, in milliseconds. */
export const OLD_MS = 30_000;

/** Which connection a handshake is about. */
export type ConnectionKey = Pick<Handshake, "type" | "remotePeerId" | "receiver">;

interface Entry {
  readonly message: Handshake;
  readonly since: number;
  sentAt: number | undefined;
  /** Asks for an `ack`: it is sent again until there is one. */
  requestId?: string;
}

/**
 * Handshakes on their way. The first time they carry no `requestId` (a reply to each would double what a join costs), so nothing says
 * which one was lost with a socket or refused: those of the last seconds are sent again, with one. Receivers drop repetitions.
 */
export class Outbox {
  #entries: Entry[] = [];

  /** Takes a message to send. A description replaces the earlier one of the same connection. */
  put(message: Handshake, now: number): void {
    this.#entries = this.#entries.filter(
      (entry) =>
        this.#counts(entry, now) &&
        !(message.description && entry.message.description && sameConnection(entry.message, message)),
    );
    this.#entries.push({ message, since: now, sentAt: undefined });
    if (this.#entries.length > MOST_HELD) this.#entries.shift();
  }

  /** What is to be sent now, in order; it counts as sent. */
  take(now: number): readonly { message: Handshake; requestId?: string }[] {
    const due = this.#entries.filter((entry) => entry.sentAt === undefined);
    for (const entry of due) entry.sentAt = now;
    return due;
  }

  /** What was sent lately, or waits for its `ack`, may be lost: it is due again. Says how much. */
  recall(now: number): number {
    this.#entries = this.#entries.filter((entry) => this.#counts(entry, now));
    const sent = this.#entries.filter((entry) => entry.sentAt !== undefined);
    for (const entry of sent) {
      entry.sentAt = undefined;
      entry.requestId ??= newId();
    }
    return sent.length;
  }

  /** Whether something waits for its `ack`. */
  get waits(): boolean {
    return this.#entries.some(({ requestId }) => requestId !== undefined);
  }

  /** The gateway has answered this request for good. */
  answered(requestId: string): void {
    this.#entries = this.#entries.filter((entry) => entry.requestId !== requestId);
  }

  /** The offer or answer of this connection has arrived: nothing of it needs to be sent again. */
  settle(about: ConnectionKey): void {
    this.#entries = this.#entries.filter(
      ({ message }) => !message.description || !sameConnection(message, about),
    );
  }

  /** Whether a message may have to be sent (again). */
  #counts({ sentAt, since, requestId }: Entry, now: number): boolean {
    return sentAt === undefined || now - (requestId ? since + OLD_MS : sentAt + RECENT_MS) < 0;
  }
}

function sameConnection(a: ConnectionKey, b: ConnectionKey): boolean {
  return a.type === b.type && a.remotePeerId === b.remotePeerId && a.receiver === b.receiver;
}
