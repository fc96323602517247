import { newId } from "../ids.js";

/**
 * What proves that a place in a room is this tab's: the resume token. With a key it is kept in `sessionStorage`, so that a page that is
 * loaded again has its place, for which nobody else's word counts after a loss. Storage that there is not, or that throws, does no harm.
 *
 * A duplicated tab begins with a copy of it. The gateway would believe the copy, and give it the place of a tab that is in the call: that
 * one holds a lock, and who does not get it makes up a token, to hear `peer_in_use` as anybody else.
 */
export class Place {
  readonly #key: string | undefined;
  #token: string | undefined;
  #unlock: (() => void) | undefined;

  constructor(key: string | undefined) {
    this.#key = key;
  }

  /** The token: the same until it is released. */
  async claim(): Promise<string> {
    const key = this.#key;
    const own = !this.#token && key && (await this.#lock(key));
    this.#token ??= (own && kept((storage) => storage.getItem(key))) || newId();
    const token = this.#token;
    if (own) kept((storage) => storage.setItem(key, token));
    return token;
  }

  /** The page is left, with its place or without: its next self may have it. */
  release(): void {
    this.#token = undefined;
    this.#unlock?.();
  }

  /** The place is given up. */
  forget(): void {
    kept((storage) => storage.removeItem(this.#key ?? ""));
    this.release();
  }

  /** Whether no other tab of this browser has the key; as far as can be known. */
  async #lock(key: string): Promise<boolean> {
    const { locks } = globalThis.navigator ?? {};
    return new Promise((resolve) => {
      if (!locks) resolve(true);
      locks
        ?.request(key, { ifAvailable: true }, (lock) => {
          resolve(!!lock);
          return lock && new Promise<void>((unlock) => (this.#unlock = unlock));
        })
        .catch(() => resolve(true));
    });
  }
}

function kept<T>(use: (storage: Storage) => T): T | undefined {
  try {
    return use(globalThis.sessionStorage);
  } catch {
    return undefined;
  }
}
