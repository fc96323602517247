import { backoff, pause } from "../backoff.js";
import { isTransient } from "../errors.js";
import { SessionError } from "./errors.js";

/** Pauses before a request is made again that was refused for a reason that passes, in milliseconds. */
const AGAIN_MS = { first: 250, most: 3_000 };

/** Codes that say nothing of the request: the same may be asked again, on this socket or the next. */
const PASSING = new Set(["dropped", "unreachable", "connection_not_found"]);

/** Somebody who waits until the gateway knows what was wanted at that time. */
interface Waiter {
  readonly since: number;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Has the gateway know what is wanted of one stream: one request at a time, as what it hears last counts, always for what is wanted by
 * then, and again until it is answered.
 */
export class Wanted {
  readonly #send: () => Promise<unknown>;
  readonly #up: () => boolean;
  /** Grows with each wish. */
  #wished = 0;
  #done = 0;
  #running = false;
  #ended = false;
  #waiters: Waiter[] = [];

  /** `send` makes the request for what is wanted now, of which any number may be made; `up` says whether there is a socket. */
  constructor(send: () => Promise<unknown>, up: () => boolean) {
    this.#send = send;
    this.#up = up;
  }

  /** Something else is wanted; resolves when the gateway knows, and throws what it refuses. */
  changed(): Promise<void> {
    this.#wished += 1;
    const since = this.#wished;
    const known = new Promise<void>((resolve, reject) => this.#waiters.push({ since, resolve, reject }));
    void this.#run();
    return known;
  }

  /** There is a socket again, or an SFU that knows nothing: what is wanted is said again. */
  again(): void {
    this.#wished += 1;
    void this.#run();
  }

  /** There is a socket again: what is not known yet is said. */
  resume(): void {
    void this.#run();
  }

  /** Nothing more is asked for. */
  end(error: SessionError): void {
    this.#ended = true;
    for (const { reject } of this.#waiters.splice(0)) reject(error);
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    for (let refusals = 0; !this.#ended && this.#done < this.#wished && this.#up(); ) {
      const wished = this.#wished;
      try {
        await this.#send();
        this.#settle(wished, (waiter) => waiter.resolve());
        refusals = 0;
      } catch (error) {
        if (passes(error)) await pause(backoff(refusals++, AGAIN_MS.first, AGAIN_MS.most));
        else this.#settle(wished, (waiter) => waiter.reject(error));
      }
    }
    this.#running = false;
  }

  #settle(wished: number, tell: (waiter: Waiter) => void): void {
    this.#done = wished;
    const settled = this.#waiters.filter(({ since }) => since <= wished);
    this.#waiters = this.#waiters.filter(({ since }) => since > wished);
    settled.forEach(tell);
  }
}

function passes(error: unknown): boolean {
  return error instanceof SessionError && (isTransient(error) || PASSING.has(error.code));
}
