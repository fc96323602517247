import { backoff, pause } from "../backoff.js";
import { fatalError, isTransient, type RoomError, unreachable } from "../errors.js";
import type { Log, LogFields } from "../logger.js";
import type { UrlSource } from "../room/types.js";
import { Socket, type SocketEvent, type Traffic } from "./socket.js";
import type { Identified, Message } from "./wire.js";

/** How often a first connection is tried before it counts as unreachable. */
const FIRST_ATTEMPTS = 5;
/** How often `peer_in_use` is waited for: the identify of a page that is loaded again may arrive before the leave of its former self. */
const IN_USE_ATTEMPTS = 6;
/** API Gateway's limit of 2 hours, less what the gateway keeps in hand, in milliseconds: no `reconnectBefore` is later. */
const LONGEST_MS = 110 * 60_000;
/** When to reconnect without a usable `reconnectBefore`, as this machine's clock is off, in milliseconds: credentials for TURN last an hour. */
const BLIND_MS = 50 * 60_000;
/** The longest pause between two sockets, in milliseconds: whoever was refused is there soon after that is over. */
const LONGEST_PAUSE_MS = 3_000;
/** How long an old socket may take to be closed by the gateway after a planned reconnect, in milliseconds. */
export const OLD_MS = 5_000;

/** Codes of a refused identify that another try, on a newer socket, may get past. */
const PASSING = new Set(["unreachable", "superseded", "connection_not_found", "already_identified"]);

/** Who connects to what. */
export interface ConnectionOptions {
  url: UrlSource;
  /** The `data` of an identify, made anew for each socket. */
  identity: () => Promise<Record<string, unknown>>;
  traffic: Traffic & { reconnects: number };
  /** Arbiter refuses something for a reason that passes; it is done again. */
  busy?: () => void;
  /**
   * The next socket is about to take the place of one that works. What is returned is called when it has, or when that failed: until
   * then nothing should be sent whose answer would be lost with the old one.
   */
  handover?: () => Promise<() => void>;
  log: Log;
}

/** No messages yet. */
export const noTraffic = (): ConnectionOptions["traffic"] => ({
  sent: 0,
  received: 0,
  bytesSent: 0,
  bytesReceived: 0,
  reconnects: 0,
});

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
  | Exclude<SocketEvent, Message<"goAway"> | { type: "broken"; reason: string }>;

/** A socket that is identified, and what has the next one opened before the gateway cuts it. */
interface InUse {
  readonly socket: Socket;
  readonly renewal: ReturnType<typeof setTimeout>;
}

type State =
  | { readonly name: "idle" | "opening" | "reconnecting" | "closed" }
  | { readonly name: "connected" | "renewing"; readonly inUse: InUse }
  | { readonly name: "handedOver"; readonly inUse: InUse | undefined };

/**
 * A connection to the gateway through one socket after the other: another takes the place of the one in use before the gateway cuts it,
 * or when it breaks (docs/PROTOCOL.md, "Staying connected").
 *
 * ```text
 * idle ──▶ opening ──▶ connected ◀──▶ renewing ◀──▶ handedOver
 *                          ▲ │ broken    │ broken       │
 *               identified │ ▼           ▼              │
 *                      reconnecting ◀───────────────────┘        identified: connected, left: closed, from any of them
 * ```
 *
 * - `opening`: no socket has been identified yet. Identified: `connected`. Refused for good, or without an answer for too long: `open`
 *   throws, `closed`.
 * - `connected`: one is in use. Its time is nearly over, or the gateway does not know it any more: `renewing`. `goAway` is the end, as
 *   somebody else has the place.
 * - `renewing`: one is in use, and the next one is tried beside it. Identified: `connected`. Refused for good: `connected` with the one
 *   that there was. `goAway "replaced"`: `handedOver`.
 * - `handedOver`: the gateway has given the place to our own next socket, and will tell that any moment (`connected`). The old one may
 *   still be open; that it breaks is not told. Should the next one fail all the same: `renewing`, or `reconnecting`, told now.
 * - `reconnecting`: the one in use broke, and others are tried until one is identified: `connected`. Refused for good: `failed` is told,
 *   `closed`.
 * - `closed`: left, or refused. Nothing more is told.
 */
export class SignalingConnection {
  readonly #options: ConnectionOptions;
  readonly #emit: (event: ConnectionEvent) => void;
  #state: State = { name: "idle" };
  #connectionId: string | undefined;
  /** Sockets that have been replaced and whose last messages still count. */
  readonly #old = new Set<Socket>();
  /** Ends the pause before the next attempt. */
  #pause = new AbortController();

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
    const socket = this.#inUse?.socket;
    return socket?.open ? socket : undefined;
  }

  /** Connects and identifies. Throws when that is refused, or, unless `patient`, after some attempts without an answer. */
  async open(patient: boolean): Promise<void> {
    if (this.#state.name !== "idle") return;
    globalThis.addEventListener?.("online", this.#online);
    this.#become({ name: "opening" });
    await this.#connect(patient ? Number.POSITIVE_INFINITY : FIRST_ATTEMPTS);
  }

  /** Opens the next socket beside the one in use: without another reason, because the gateway does not know that. */
  renew(because = "the gateway does not know the socket"): void {
    if (this.#state.name !== "connected") return;
    this.#become({ name: "renewing", inUse: this.#state.inUse }, { because });
    this.#connectAgain();
  }

  /** Says good-bye, waits for that to arrive (a second at most), and closes. */
  async leave(): Promise<void> {
    const socket = this.#close();
    if (socket?.open) await Promise.race([socket.leave().catch(() => undefined), pause(1_000)]);
    socket?.close();
  }

  /** Says good-bye and closes, at once. */
  leaveNow(): void {
    this.#close()?.leaveNow();
  }

  get #inUse(): InUse | undefined {
    return "inUse" in this.#state ? this.#state.inUse : undefined;
  }

  get #closed(): boolean {
    return this.#state.name === "closed";
  }

  #become(state: State, fields?: LogFields): void {
    const level = state.name === "reconnecting" ? "warn" : "debug";
    this.#options.log(level, `Signaling is ${state.name}.`, { from: this.#state.name, ...fields });
    this.#state = state;
  }

  /** Ends everything but the socket in use, which it gives back. */
  #close(fields?: LogFields): Socket | undefined {
    const inUse = this.#inUse;
    clearTimeout(inUse?.renewal);
    if (!this.#closed) this.#become({ name: "closed" }, fields);
    this.#pause.abort();
    globalThis.removeEventListener?.("online", this.#online);
    for (const old of this.#old) old.close();
    this.#old.clear();
    return inUse?.socket;
  }

  /** The network is back: no reason to wait, and every reason to doubt the socket. */
  readonly #online = () => {
    this.#pause.abort();
    this.#inUse?.socket.check();
  };

  #connectAgain(): void {
    this.#connect().catch((error: unknown) => {
      // A renewal that is refused, as its token has expired: the socket that there is serves until it breaks.
      if (this.socket) return;
      this.#emit({ type: "failed", error: unreachable(true, error).asFatal() });
    });
  }

  /** Opens sockets until one is identified; throws when that is refused for good. The one in use stays so until then. */
  async #connect(attempts = Number.POSITIVE_INFINITY): Promise<void> {
    for (let attempt = 0; !this.#closed; attempt += 1) {
      const refused = await this.#attempt();
      if (!refused || this.#closed) return;
      if (this.#state.name === "handedOver") this.#keepPlace(this.#state.inUse);
      if (this.#closed) return;
      const taken = refused.code === "peer_in_use" && attempt < IN_USE_ATTEMPTS;
      const fields = { code: refused.code, status: refused.status };
      const passing = PASSING.has(refused.code) || isTransient(refused);
      if (!(taken || passing) || attempt + 1 >= attempts + (taken ? IN_USE_ATTEMPTS : 0)) {
        this.#giveUp(fields);
        throw refused.asFatal();
      }
      this.#options.log("warn", "A socket failed: another is tried.", fields);
      this.#pause = new AbortController();
      await pause(backoff(attempt, 250, LONGEST_PAUSE_MS), this.#pause.signal).catch(() => undefined);
    }
  }

  /** The next socket, which was said to have our place, has failed. */
  #keepPlace(inUse: InUse | undefined): void {
    this.#become(inUse ? { name: "renewing", inUse } : { name: "reconnecting" });
    if (!inUse) this.#emit({ type: "down" });
  }

  /** No other socket is tried. */
  #giveUp(fields: LogFields): void {
    const inUse = this.#inUse;
    if (inUse) this.#become({ name: "connected", inUse }, fields);
    else this.#close(fields);
  }

  /** One socket; `undefined` when it is identified. */
  async #attempt(): Promise<RoomError | undefined> {
    const { url, traffic, identity, handover, busy } = this.#options;
    let socket: Socket | undefined;
    let release: (() => void) | undefined;
    try {
      const data = await identity();
      this.#emit({ type: "opening" });
      const opening = new Socket(typeof url === "string" ? url : await url(), traffic, (event) =>
        this.#on(opening, event),
      );
      socket = opening;
      await socket.opened;
      if (this.#inUse) release = await handover?.();
      const identified = await socket.identify(data, busy);
      if (this.#closed) {
        socket.leaveNow();
        return undefined;
      }
      this.#adopt(socket, identified);
      return undefined;
    } catch (error) {
      socket?.close();
      return unreachable(false, error);
    } finally {
      release?.();
    }
  }

  /** This socket takes the place of the one before. */
  #adopt(socket: Socket, identified: Identified): void {
    const before = this.#inUse;
    if (before) this.#retire(before);
    if (this.#connectionId !== undefined) this.#options.traffic.reconnects += 1;
    this.#connectionId = identified.connectionId;
    const renewal = setTimeout(
      () => this.renew("its time is nearly over"),
      renewalDelay(identified.reconnectBefore, Date.now()),
    );
    const { connectionId } = identified;
    this.#become({ name: "connected", inUse: { socket, renewal } }, { connectionId });
    this.#emit({ type: "up", identified, renewed: before !== undefined });
  }

  /** The gateway closes a socket that was replaced. Should it not, nobody else would. */
  #retire({ socket, renewal }: InUse): void {
    clearTimeout(renewal);
    this.#old.add(socket);
    setTimeout(() => {
      this.#old.delete(socket);
      socket.close();
    }, OLD_MS);
  }

  #on(socket: Socket, event: SocketEvent): void {
    if (this.#closed) return;
    if (event.type === "broken") this.#broken(socket, event.reason);
    else if (event.type === "goAway") this.#goAway(socket, event.reason);
    else if (event.type !== "error" || socket === this.#inUse?.socket) this.#emit(event);
  }

  #broken(socket: Socket, reason: string): void {
    this.#old.delete(socket);
    const { name } = this.#state;
    const inUse = this.#inUse;
    if (socket !== inUse?.socket) return;
    clearTimeout(inUse.renewal);
    if (name === "handedOver") {
      this.#become({ name, inUse: undefined }, { because: reason });
      return;
    }
    this.#become({ name: "reconnecting" }, { because: reason, connectionId: this.#connectionId });
    this.#emit({ type: "down" });
    // While renewing, the next socket is being tried already.
    if (name === "renewing") this.#pause.abort();
    else this.#connectAgain();
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
    const inUse = this.#inUse;
    if (socket !== inUse?.socket) return;
    if (this.#state.name === "connected") this.#sentAway("replaced", "You joined this call elsewhere.");
    else this.#become({ name: "handedOver", inUse });
  }

  #sentAway(code: string, message: string): void {
    this.#emit({ type: "failed", error: fatalError(code, message) });
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
