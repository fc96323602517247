import type { Description, Offer } from "../signaling/wire.js";

/** How long an answer is waited for before the offer is sent again, in milliseconds. After the last time it is given up. */
const PATIENCE_MS = [3_000, 4_000, 5_000];

/** Why an offerer gives up what nobody has answered. */
export const NO_ANSWER = "no answer";

/** What an offerer needs of its connection. */
export interface OffererHooks {
  /** Makes an offer and sets it as the local description. */
  make(): Promise<Offer>;
  /** `repeats`: how often it was sent before. */
  send(negotiation: number, offer: Offer, repeats: number): void;
  /** Sets the answer as the remote description. */
  apply(answer: Description): Promise<void>;
  /** Takes the offer back. */
  rollBack(): Promise<void>;
  /** Whether the SFU hears what is sent; as long as not, the lack of an answer says nothing. */
  reachable(): boolean;
  /** Nobody answers, or the answer is of no use. */
  failed(reason: string): void;
}

/**
 * The offering side of docs/MEDIA.md, "Connections": one offer at a time, each with a greater number than the one before, and only
 * the answer to the last one counts. An offer without an answer is repeated: it, or its answer, was lost.
 */
export class Offerer {
  readonly #hooks: OffererHooks;
  readonly #numbers: { next(): number };
  #outstanding: number | undefined;
  #applying = false;
  #wanted = false;
  #ended = false;
  #soon: ReturnType<typeof setTimeout> | undefined;
  #repeat: ReturnType<typeof setTimeout> | undefined;

  constructor(numbers: { next(): number }, hooks: OffererHooks) {
    this.#numbers = numbers;
    this.#hooks = hooks;
  }

  /** There is something new to offer: now, or as soon as the offer under way is answered. */
  want(): void {
    this.#wanted = true;
    // Changes that are made together travel together.
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined;
      if (this.#wanted && this.#outstanding === undefined) void this.#offer();
    }, 0);
  }

  /** Takes an answer. An original SFU's has no number and is taken for that of the last offer. */
  async answered(negotiation: number | undefined, answer: Description): Promise<boolean> {
    return this.#settle(negotiation, () => this.#hooks.apply(answer));
  }

  /** The SFU does not take the offer. */
  async refused(negotiation: number | undefined): Promise<boolean> {
    return this.#settle(negotiation, () => this.#hooks.rollBack());
  }

  /** Ends the offer under way, if it is the one that is meant. Says whether it was. */
  async #settle(negotiation: number | undefined, apply: () => Promise<void>): Promise<boolean> {
    const outstanding = this.#outstanding;
    if (outstanding === undefined || this.#applying || (negotiation ?? outstanding) !== outstanding)
      return false;
    clearTimeout(this.#repeat);
    this.#applying = true;
    try {
      await apply();
    } catch {
      if (!this.#ended) this.#hooks.failed("a useless answer");
      return false;
    }
    this.#applying = false;
    this.#outstanding = undefined;
    if (this.#wanted) void this.#offer();
    return true;
  }

  /** Nothing more is offered or repeated. */
  end(): void {
    this.#ended = true;
    clearTimeout(this.#soon);
    clearTimeout(this.#repeat);
  }

  async #offer(): Promise<void> {
    if (this.#ended) return;
    this.#wanted = false;
    const number = this.#numbers.next();
    this.#outstanding = number;
    try {
      const offer = await this.#hooks.make();
      if (!this.#ended) this.#send(number, offer, 0);
    } catch {
      if (!this.#ended) this.#hooks.failed("no offer");
    }
  }

  #send(number: number, offer: Offer, repeats: number): void {
    this.#hooks.send(number, offer, repeats);
    this.#wait(number, offer, repeats);
  }

  #wait(number: number, offer: Offer, repeats: number): void {
    this.#repeat = setTimeout(() => {
      if (!this.#hooks.reachable()) this.#wait(number, offer, repeats);
      else if (repeats + 1 < PATIENCE_MS.length) this.#send(number, offer, repeats + 1);
      else this.#hooks.failed(NO_ANSWER);
    }, PATIENCE_MS[repeats]);
  }
}
