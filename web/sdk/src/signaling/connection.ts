import { backoff, pause } from "../backoff.js";
import { isTransient, RoomError, toRoomError } from "../errors.js";
import { Socket, type SocketEvent, type Traffic } from "./socket.js";
import type { Identified, Message } from "./wire.js";

/** How often a first connection is tried before it counts as unreachable. */
const FIRST_ATTEMPTS = 5;
/** How often `peer_in_use` is waited for: a page that is loaded again may overtake the leave of its former self. */
const IN_USE_ATTEMPTS = 6;
/** API Gateway's limit of 2 hours, less what the gateway keeps in hand, in milliseconds: no `reconnectBefore` is later. */
const LONGEST_MS = 110 * 60_000;
/** Without a usable `reconnectBefore`, because this machine's clock is off: when to reconnect, in milliseconds. */
const BLIND_MS = 100 * 60_000;
/** How long an old socket may take to be closed by the gateway after a planned reconnect, in milliseconds. */
export const OLD_MS = 5_000;

/** Codes of a refused identify that another try, on a newer socket, may get past. */
const PASSING = new Set(["unreachable", "superseded", "connection_not_found", "already_identified"]);

/** Who connects to what. */
export interface ConnectionOptions {
  url: string;
  /** The `data` of an identify, made anew for each socket. */
  identity: () => Promise<Record<string, unknown>>;
  traffic: Traffic & { reconnects: number };
  /**
   * The next socket is about to take the place of one that works. What is returned is called when it has, or when that failed: until
   * then nothing should be sent whose answer would be lost with the old one.
   */
  handover?: () => Promise<() => void>;
}

/** What a signaling connection tells. */
export type ConnectionEvent =
  /** Another socket is about to be opened. */
  | { type: "opening" }
  /** A socket is identified. `renewed`: it takes the place of one that still works. */
  | { type: "up"; identified: Identified; renewed: boolean }
  /** The socket broke; another is being opened. */
  | { type: "down" }
  /** There is no use in going on: not admitted any more, the place taken, or sent away. */
  | { type: "failed"; error: RoomError }
  /** What answers no request. A refusal only from the socket in use; everything else also from one that is being replaced. */
  | Exclude<SocketEvent, Message<"goAway"> | { type: "broken" }>;

/**
 * A socket to the gateway that is identified, and another in its place before the gateway cuts it or when it breaks
 * (docs/PROTOCOL.md, "Staying connected").
 */
export class SignalingConnection {
  readonly #options: ConnectionOptions;
  readonly #emit: (event: ConnectionEvent) => void;
  readonly #ended = new AbortController();
  #current: Socket | undefined;
  #connectionId: string | undefined;
  /** Sockets that have been replaced and whose last messages still count. */
  readonly #old = new Set<Socket>();
  #connecting = false;
  /** The gateway has given our place to our own next socket, of which it will tell us any moment. */
  #handedOver = false;
  /** Ends the pause before the next attempt. */
  #hurry: AbortController | undefined;
  #renewal: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ConnectionOptions, emit: (event: ConnectionEvent) => void) {
    this.#options = options;
    this.#emit = emit;
  }

  /** The id of the socket that is identified now, or was last. */
  get connectionId(): string | undefined {
    return this.#connectionId;
  }

  /** The socket that is identified now, if it can be sent through. */
  get socket(): Socket | undefined {
    return this.#current?.open ? this.#current : undefined;
  }

  /** Connects and identifies. Throws when that is refused, or, unless `patient`, after some attempts without an answer. */
  async open(patient: boolean): Promise<void> {
    globalThis.addEventListener?.("online", this.#online);
    await this.#connect(patient ? Number.POSITIVE_INFINITY : FIRST_ATTEMPTS);
  }

  /** The gateway does not know the socket any more: one more, that it knows. */
  renew(): void {
    this.#connect().catch((error: unknown) => {
      // A renewal that is refused, as its token has expired: the socket that there is serves until it breaks.
      if (this.socket) return;
      const fatal = toRoomError(error, "unreachable", "Arbiter does not answer.", true).asFatal();
      this.#emit({ type: "failed", error: fatal });
    });
  }

  /** Says good-bye, waits for that to arrive (a second at most), and closes. */
  async leave(): Promise<void> {
    const socket = this.#stop();
    if (socket?.open) await Promise.race([socket.leave().catch(() => undefined), pause(1_000)]);
    socket?.close();
  }

  /** Says good-bye and closes, at once. */
  leaveNow(): void {
    this.#stop()?.leaveNow();
  }

  /** Ends everything but the socket in use, which it gives back. */
  #stop(): Socket | undefined {
    const socket = this.#current;
    this.#current = undefined;
    this.#ended.abort();
    this.#hurry?.abort();
    clearTimeout(this.#renewal);
    globalThis.removeEventListener?.("online", this.#online);
    for (const old of this.#old) old.close();
    this.#old.clear();
    return socket;
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
        if (this.#handedOver && !this.#current) this.#emit({ type: "down" });
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
    const { url, traffic, identity, handover } = this.#options;
    let socket: Socket | undefined;
    let release: (() => void) | undefined;
    try {
      const data = await identity();
      this.#emit({ type: "opening" });
      const opening = new Socket(url, traffic, (event) => this.#on(opening, event));
      socket = opening;
      await socket.opened;
      if (this.#current) release = await handover?.();
      const identified = await socket.identify(data);
      if (this.#ended.signal.aborted) {
        socket.leaveNow();
        return undefined;
      }
      this.#adopt(socket, identified);
      return undefined;
    } catch (error) {
      socket?.close();
      return toRoomError(error, "unreachable", "Arbiter does not answer.", false);
    } finally {
      release?.();
    }
  }

  /** This socket takes the place of the one before. */
  #adopt(socket: Socket, identified: Identified): void {
    const before = this.#current;
    if (before) {
      this.#old.add(before);
      // The gateway closes it. Should it not, nobody else would.
      setTimeout(() => {
        this.#old.delete(before);
        before.close();
      }, OLD_MS);
    }
    if (this.#connectionId !== undefined) this.#options.traffic.reconnects += 1;
    this.#current = socket;
    this.#handedOver = false;
    this.#connectionId = identified.connectionId;
    clearTimeout(this.#renewal);
    this.#renewal = setTimeout(() => this.renew(), renewalDelay(identified.reconnectBefore, Date.now()));
    this.#emit({ type: "up", identified, renewed: before !== undefined });
  }

  #broken(socket: Socket): void {
    this.#old.delete(socket);
    if (socket !== this.#current) return;
    this.#current = undefined;
    if (this.#handedOver) return;
    this.#emit({ type: "down" });
    this.#hurry?.abort();
    this.renew();
  }

  #on(socket: Socket, event: SocketEvent): void {
    if (this.#ended.signal.aborted) return;
    if (event.type === "broken") this.#broken(socket);
    else if (event.type === "goAway") this.#goAway(socket, event.reason);
    else if (event.type !== "error" || socket === this.#current) this.#emit(event);
  }

  /**
   * The reason is our own next socket, which may hear of it later than the old one; else somebody else has our place, or a moderator
   * ended the stay, whichever socket it was told.
   */
  #goAway(socket: Socket, reason: string): void {
    if (reason === "forceDisconnected") {
      this.#sentAway("force_disconnected", "A moderator ended your connection.");
      return;
    }
    if (socket !== this.#current) return;
    if (this.#connecting) {
      this.#handedOver = true;
      return;
    }
    this.#sentAway("replaced", "You joined this call elsewhere.");
  }

  #sentAway(code: string, message: string): void {
    this.#emit({ type: "failed", error: new RoomError({ code, message, fatal: true }) });
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
