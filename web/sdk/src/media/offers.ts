import { remember } from "../recent.js";
import type { Identity } from "./sdp.js";

/** Connections of one peer that are remembered to tell what comes late of them. */
const MOST_PAST = 64;

/** What to do with an offer: begin a connection, negotiate again on the one there is, repeat the answer, or nothing. */
export type Verdict = "new" | "again" | "repeated" | "stale";

/** The answering side of docs/MEDIA.md, "Connections": which offers of one remote peer count, in whatever order they come. */
export class IncomingOffers {
  #fingerprint: string | undefined;
  #negotiation = Number.NEGATIVE_INFINITY;
  readonly #past = new Set<string>();

  /** The number of the last offer that counted, if it had one. */
  get negotiation(): number | undefined {
    return Number.isFinite(this.#negotiation) ? this.#negotiation : undefined;
  }

  /** Takes the next offer. An original SFU's has no number and is always taken as a new one. */
  judge(negotiation: number | undefined, { fingerprint }: Identity): Verdict {
    if (this.#past.has(fingerprint)) return "stale";
    if (fingerprint !== this.#fingerprint) {
      if (this.#fingerprint !== undefined) remember(this.#past, this.#fingerprint, MOST_PAST);
      this.#fingerprint = fingerprint;
      this.#negotiation = negotiation ?? Number.NEGATIVE_INFINITY;
      return "new";
    }
    if (negotiation === undefined) return "again";
    if (negotiation === this.#negotiation) return "repeated";
    if (negotiation < this.#negotiation) return "stale";
    this.#negotiation = negotiation;
    return "again";
  }

  /** The remote peer is gone: nothing of its connection counts any more. */
  retire(): void {
    if (this.#fingerprint !== undefined) remember(this.#past, this.#fingerprint, MOST_PAST);
    this.#fingerprint = undefined;
  }
}
