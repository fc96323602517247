import type { Identity } from "./sdp.js";

/** What to do with an offer: begin a connection, negotiate again on the one there is, repeat the answer, or nothing. */
export type Verdict = "new" | "again" | "repeated" | "stale";

/** The answering side of docs/MEDIA.md, "Connections": which offers of one remote peer count, in whatever order they come. */
export class IncomingOffers {
  #fingerprint: string | undefined;
  #negotiation = Number.NEGATIVE_INFINITY;
  readonly #past = new Set<string>();

  /** Takes the next offer. An original SFU's has no number and is always taken as a new one. */
  judge(negotiation: number | undefined, { fingerprint }: Identity): Verdict {
    if (this.#past.has(fingerprint)) return "stale";
    if (fingerprint !== this.#fingerprint) {
      if (this.#fingerprint !== undefined) this.#past.add(this.#fingerprint);
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
    if (this.#fingerprint !== undefined) this.#past.add(this.#fingerprint);
    this.#fingerprint = undefined;
  }
}
