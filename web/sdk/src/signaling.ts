import { backoff, pause } from "./backoff.js";
import { isTransient, RoomError, toRoomError } from "./errors.js";
import { Link, type Traffic } from "./link.js";
import { Outbox } from "./outbox.js";
import type { Handshake, Identified, Incoming, Notice } from "./wire.js";

/** How often a first connection is tried before it counts as unreachable. */
const FIRST_ATTEMPTS = 5;
/** How often `peer_in_use` is waited for: a page that is loaded again may overtake the leave of its former self. */
const IN_USE_ATTEMPTS = 6;
/** API Gateway's limit of 2 hours, less what the gateway keeps in hand, in milliseconds: no `reconnectBefore` is later. */
const LONGEST_MS = 110 * 60_000;
/** Without a usable `reconnectBefore`, because this machine's clock is off: when to reconnect, in milliseconds. */
const BLIND_MS = 100 * 60_000;
/** How long an old socket may take to be closed by the gateway after a planned reconnect, in milliseconds. */
const OLD_MS = 5_000;
/** Transient refusals further apart than this, in milliseconds, are not the same trouble. */
const CALM_MS = 10_000;

/** Codes of a refused identify that another try, on a newer socket, may get past. */
const PASSING = new Set(["unreachable", "superseded", "connection_not_found", "already_identified"]);

/** Who connects to what. */
export interface SignalingOptions {
  url: string;
  roomId: string;
  peerId: string;
  /** Proves a newer socket to be the same person's. */
  resumeToken: string;
  token: () => Promise<string | undefined>;
  traffic: Traffic & { reconnects: number };
}

/** What signaling tells. */
export interface SignalingHooks {
  /** A socket is identified: the first, or one in its place. */
  identified(identified: Identified): void;
  /** The socket broke; another is being opened. */
  down(): void;
  handshake(handshake: Handshake): void;
  notice(notice: Exclude<Notice, { type: "goAway" }>): void;
  /** A handshake was refused for a reason that does not pass, or the SFU is away (`sfu_unavailable`). */
  refused(error: RoomError): void;
  /** There is no use in going on: the room is closed, the token not valid, the place taken. */
  failed(error: RoomError): void;
}

/**
 * Signaling in one room: a socket that is identified, and another in its place before the gateway cuts it or when it breaks
 * (docs/PROTOCOL.md, "Staying connected"). Handshakes wait while there is none.
 */
export class Signaling {
  readonly #options: SignalingOptions;
  readonly #hooks: SignalingHooks;
  readonly #outbox = new Outbox();
  readonly #ended = new AbortController();
  #current: Link | undefined;
  #connectionId: string | undefined;
  /** Sockets that have been replaced and whose last messages still count. */
  readonly #old = new Set<Link>();
  #connecting = false;
  /** The gateway has given our place to our own next socket, of which it will tell us any moment. */
  #handedOver = false;
  /** Ends the pause before the next attempt. */
  #hurry: AbortController | undefined;
  #renewal: ReturnType<typeof setTimeout> | undefined;
  #resend: ReturnType<typeof setTimeout> | undefined;
  #refusals = 0;
  #refusedAt = Number.NEGATIVE_INFINITY;

  constructor(options: SignalingOptions, hooks: SignalingHooks) {
    this.#options = options;
    this.#hooks = hooks;
  }

  /** The id of the socket that is identified now. */
  get connectionId(): string | undefined {
    return this.#connectionId;
  }

  /** Whether a socket is identified now. */
  get up(): boolean {
    return this.#current?.open ?? false;
  }

  /**
   * Connects and identifies. Throws when the room does not admit, or, unless `patient`, after some attempts without an answer.
   */
  async open(patient: boolean): Promise<void> {
    globalThis.addEventListener?.("online", this.#online);
    await this.#connect(patient ? Number.POSITIVE_INFINITY : FIRST_ATTEMPTS);
  }

  /** Sends a handshake now, or when there is a socket again. */
  send(handshake: Handshake): void {
    this.#outbox.put(handshake, performance.now());
    this.#flush();
  }

  /** The answer to what was sent on this connection is there. */
  settle(type: Handshake["type"], remotePeerId?: string): void {
    this.#outbox.settle(type, remotePeerId);
  }

  /** Says good-bye, waits for that to arrive (a second at most), and closes. */
  async leave(): Promise<void> {
    const link = this.#current;
    this.#current = undefined;
    this.#stop();
    if (link?.open) await Promise.race([link.leave().catch(() => undefined), pause(1_000)]);
    link?.close();
  }

  /** Says good-bye and closes, at once. */
  leaveNow(): void {
    const link = this.#current;
    this.#current = undefined;
    this.#stop();
    link?.leaveNow();
  }

  #stop(): void {
    this.#ended.abort();
    this.#hurry?.abort();
    clearTimeout(this.#renewal);
    clearTimeout(this.#resend);
    globalThis.removeEventListener?.("online", this.#online);
    for (const link of this.#old) link.close();
    this.#old.clear();
  }

  /** The network is back: no reason to wait, and every reason to doubt the socket. */
  readonly #online = () => {
    this.#hurry?.abort();
    this.#current?.check();
  };

  /** Opens sockets until one is identified. The current one stays in use until then. */
  async #connect(attempts = Number.POSITIVE_INFINITY): Promise<void> {
    if (this.#connecting) return;
    this.#connecting = true;
    try {
      for (let attempt = 0; !this.#ended.signal.aborted; attempt += 1) {
        const refused = await this.#attempt();
        if (!refused || this.#ended.signal.aborted) return;
        if (this.#handedOver && !this.#current) this.#hooks.down();
        this.#handedOver = false;
        const inUse = refused.code === "peer_in_use" && attempt < IN_USE_ATTEMPTS;
        const passing = PASSING.has(refused.code) || isTransient(refused);
        if (!(inUse || passing) || attempt + 1 >= attempts + (inUse ? IN_USE_ATTEMPTS : 0))
          throw refused.asFatal();
        this.#hurry = new AbortController();
        await pause(backoff(attempt, 250, 10_000), this.#hurry.signal).catch(() => undefined);
      }
    } finally {
      this.#connecting = false;
    }
  }

  /** One socket; `undefined` when it is identified. */
  async #attempt(): Promise<RoomError | undefined> {
    const { url, traffic, token, peerId, roomId, resumeToken } = this.#options;
    let link: Link | undefined;
    try {
      const proof = await token();
      const opening = new Link(url, traffic, {
        message: (message) => this.#message(opening, message),
        broken: () => this.#broken(opening),
      });
      link = opening;
      await link.opened;
      const identity = {
        type: "client",
        id: peerId,
        roomId,
        resumeToken,
        ...(proof !== undefined && { token: proof }),
      };
      const identified = await link.identify(identity);
      if (this.#ended.signal.aborted) {
        link.leaveNow();
        return undefined;
      }
      this.#adopt(link, identified);
      return undefined;
    } catch (error) {
      link?.close();
      return toRoomError(error, "unreachable", "Arbiter does not answer.", false);
    }
  }

  /** This socket takes the place of the one before. */
  #adopt(link: Link, identified: Identified): void {
    const before = this.#current;
    if (before) {
      this.#old.add(before);
      // The gateway closes it. Should it not, nobody else would.
      setTimeout(() => {
        this.#old.delete(before);
        before.close();
      }, OLD_MS);
    }
    if (this.#connectionId !== undefined) {
      this.#options.traffic.reconnects += 1;
      if (!before) this.#outbox.recall(performance.now());
    }
    this.#current = link;
    this.#handedOver = false;
    this.#connectionId = identified.connectionId;
    clearTimeout(this.#renewal);
    this.#renewal = setTimeout(() => this.#reconnect(), renewalDelay(identified.reconnectBefore, Date.now()));
    this.#hooks.identified(identified);
    this.#flush();
  }

  #reconnect(): void {
    this.#connect().catch((error: unknown) => {
      // A renewal that is refused, as its token has expired: the socket that there is serves until it breaks.
      if (this.up) return;
      this.#hooks.failed(toRoomError(error, "unreachable", "Arbiter does not answer.", true).asFatal());
    });
  }

  #broken(link: Link): void {
    this.#old.delete(link);
    if (link !== this.#current) return;
    this.#current = undefined;
    if (this.#handedOver) return;
    this.#hooks.down();
    this.#hurry?.abort();
    this.#reconnect();
  }

  #message(link: Link, message: Incoming): void {
    if (this.#ended.signal.aborted) return;
    switch (message.type) {
      case "producer":
      case "consumer":
        this.#hooks.handshake(message);
        return;
      case "goAway":
        this.#goAway(link);
        return;
      case "clientDisconnect":
      case "sfuDisconnect":
      case "sfuConnect":
        this.#hooks.notice(message);
        return;
      case "error":
        if (link === this.#current) this.#refused(new RoomError({ ...message, fatal: false }));
    }
  }

  /** The reason is our own next socket, which may hear of it later than the old one; else somebody else has our place. */
  #goAway(link: Link): void {
    if (link !== this.#current) return;
    if (this.#connecting) {
      this.#handedOver = true;
      return;
    }
    this.#hooks.failed(
      new RoomError({ code: "replaced", message: "You joined this call elsewhere.", fatal: true }),
    );
  }

  /** A handshake was refused; which one is not known. */
  #refused(error: RoomError): void {
    if (error.code === "connection_not_found") {
      // The gateway has forgotten this socket: one more, that it knows.
      this.#outbox.recall(performance.now());
      this.#reconnect();
      return;
    }
    if (isTransient(error)) this.#sendAgain();
    if (!isTransient(error) || error.code === "sfu_unavailable") this.#hooks.refused(error);
  }

  #sendAgain(): void {
    const now = performance.now();
    if (now - this.#refusedAt > CALM_MS) this.#refusals = 0;
    this.#refusedAt = now;
    if (!this.#outbox.recall(now)) return;
    clearTimeout(this.#resend);
    this.#resend = setTimeout(() => this.#flush(), backoff(this.#refusals, 500, 5_000));
    this.#refusals += 1;
  }

  #flush(): void {
    const link = this.#current;
    if (!link?.open) return;
    for (const handshake of this.#outbox.take(performance.now())) {
      const offers = handshake.type === "producer" && handshake.description !== undefined;
      // Not before now: a message that waited for a socket belongs to the socket that it leaves through.
      link.handshake(
        offers && this.#connectionId !== undefined
          ? { ...handshake, connectionId: this.#connectionId }
          : handshake,
      );
    }
  }
}

/**
 * When to open the next socket, in milliseconds: up to a minute before the gateway's time, so that not everybody comes at once. The
 * two clocks may differ: a time that cannot be right is replaced by a safe one.
 */
export function renewalDelay(reconnectBefore: number, now: number): number {
  const left = reconnectBefore - now;
  if (!(left > 0 && left <= LONGEST_MS)) return BLIND_MS;
  return left - Math.random() * Math.min(60_000, left / 10);
}
