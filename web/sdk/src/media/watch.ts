/** A connection that has failed, or looks as if, is given so long before something is done, in milliseconds. */
export const DISCONNECTED_MS = 3_000;
/** How long an ICE restart may take to help, in milliseconds. */
export const RESTART_MS = 6_000;
/** How long a connection may take to come about, in milliseconds. DTLS under load repeats its handshake after seconds. */
export const CONNECT_MS = 15_000;

/** What may be done about a connection. */
export interface WatchHooks {
  /** Ask for an ICE restart. */
  restart(): void;
  /** Begin a new connection in its place. */
  replace(): void;
}

/**
 * Watches over one producer connection: a short interruption is waited for, a longer one gets an ICE restart, and where that does
 * not help, or nothing ever came about, a new connection. Nothing is asked while the SFU is out of reach of signaling.
 */
export class Watch {
  readonly #hooks: WatchHooks;
  #state: RTCPeerConnectionState = "new";
  #ice: RTCIceConnectionState = "new";
  #wasConnected = false;
  #restarted = false;
  #reachable: boolean;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ended = false;

  constructor(reachable: boolean, hooks: WatchHooks) {
    this.#reachable = reachable;
    this.#hooks = hooks;
    this.#arm();
  }

  /** The connection's states, whenever one changes. */
  changed(state: RTCPeerConnectionState, ice: RTCIceConnectionState): void {
    if (state === this.#state && ice === this.#ice) return;
    this.#state = state;
    this.#ice = ice;
    if (state === "connected") {
      this.#wasConnected = true;
      this.#restarted = false;
    }
    this.#arm();
  }

  /** The SFU hears what is sent, or does not. */
  reachable(reachable: boolean): void {
    if (reachable === this.#reachable) return;
    this.#reachable = reachable;
    this.#arm();
  }

  /** Watches no longer. */
  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  #arm(): void {
    clearTimeout(this.#timer);
    if (this.#ended || !this.#reachable || this.#state === "connected") return;
    const [what, ms] = this.#plan();
    this.#timer = setTimeout(() => {
      if (what === "replace") {
        this.#hooks.replace();
        return;
      }
      this.#restarted = true;
      this.#hooks.restart();
      this.#arm();
    }, ms);
  }

  /** What to do about the state, and how long it is given before. */
  #plan(): ["restart" | "replace", number] {
    const failed = this.#state === "failed";
    // DTLS that failed over a path that works: no restart of ICE mends that.
    if (failed && (!this.#wasConnected || this.#ice !== "failed")) return ["replace", 0];
    if (!this.#wasConnected) return ["replace", CONNECT_MS];
    if (this.#restarted) return ["replace", RESTART_MS];
    return ["restart", failed ? 0 : DISCONNECTED_MS];
  }
}
