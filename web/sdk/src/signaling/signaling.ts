import { backoff, clock } from "../backoff.js";
import { isTransient, RoomError } from "../errors.js";
import type { Log } from "../logger.js";
import type { UrlSource } from "../room/types.js";
import { type ConnectionEvent, SignalingConnection } from "./connection.js";
import { Outbox } from "./outbox.js";
import type { Traffic } from "./socket.js";
import type { Handshake, Message } from "./wire.js";

/** Transient refusals further apart than this, in milliseconds, are not the same trouble. */
const CALM_MS = 10_000;
/** What was sent again and has no `ack` is sent once more after this, in milliseconds. */
const ACK_MS = 3_000;

/** Why handshakes are sent again. */
const REFUSED = "one was refused";

/** Who connects to what. */
export interface SignalingOptions {
  url: UrlSource;
  roomId: string;
  peerId: string;
  /** Proves a newer socket to be the same person's. */
  resumeToken: string;
  token: () => Promise<string | undefined>;
  traffic: Traffic & { reconnects: number };
  /** Arbiter refuses something for a reason that passes; it is done again. */
  busy?: () => void;
  log: Log;
}

/** What signaling tells. */
export type SignalingEvent =
  /** A socket is identified, the first or one in its place; it broke, and another is being opened; or it is over. */
  | Extract<ConnectionEvent, { type: "up" | "down" | "failed" }>
  | Message<"producer" | "consumer" | "clientDisconnect" | "sfuConnect" | "sfuDisconnect">
  /** A handshake was refused for a reason that does not pass, or the SFU is away (`sfu_unavailable`). */
  | { type: "refused"; error: RoomError };

/** Signaling in one room: handshakes over an {@link SignalingConnection}. They wait while there is no socket. */
export class Signaling {
  readonly #options: SignalingOptions;
  readonly #emit: (event: SignalingEvent) => void;
  readonly #connection: SignalingConnection;
  readonly #outbox = new Outbox();
  #resend: ReturnType<typeof setTimeout> | undefined;
  /** When that is due. */
  #resendAt = Number.POSITIVE_INFINITY;
  #refusals = 0;
  #refusedAt = Number.NEGATIVE_INFINITY;

  constructor(options: SignalingOptions, emit: (event: SignalingEvent) => void) {
    this.#options = options;
    this.#emit = emit;
    const { url, traffic, log, busy } = options;
    this.#connection = new SignalingConnection(
      { url, traffic, log, identity: () => this.#identity(), ...(busy && { busy }) },
      (event) => this.#on(event),
    );
  }

  /** The id of the socket that is identified now. */
  get connectionId(): string | undefined {
    return this.#connection.connectionId;
  }

  /** Whether a socket is identified now. */
  get up(): boolean {
    return this.#connection.socket !== undefined;
  }

  /**
   * Connects and identifies. Throws when the room does not admit, or, unless `patient`, after some attempts without an answer.
   */
  async open(patient: boolean): Promise<void> {
    await this.#connection.open(patient);
  }

  /** Sends a handshake now, or when there is a socket again. */
  send(handshake: Handshake): void {
    this.#outbox.put(handshake, clock());
    this.#flush();
  }

  /** The answer to what was sent on this connection is there. */
  settle(type: Handshake["type"], remotePeerId?: string): void {
    this.#outbox.settle(type, remotePeerId);
  }

  /** Says good-bye, waits for that to arrive (a second at most), and closes. */
  async leave(): Promise<void> {
    clearTimeout(this.#resend);
    await this.#connection.leave();
  }

  /** Says good-bye and closes, at once. */
  leaveNow(): void {
    clearTimeout(this.#resend);
    this.#connection.leaveNow();
  }

  async #identity(): Promise<Record<string, unknown>> {
    const { token, peerId, roomId, resumeToken } = this.#options;
    const proof = await token();
    return {
      type: "client",
      id: peerId,
      roomId,
      resumeToken,
      ...(proof !== undefined && { token: proof }),
    };
  }

  #on(event: ConnectionEvent): void {
    switch (event.type) {
      case "up":
        if (!event.renewed) this.#recall("the socket broke");
        this.#emit(event);
        this.#flush();
        return;
      case "error":
        this.#refused(new RoomError({ ...event, fatal: false }), event.requestId);
        return;
      case "ack":
        this.#outbox.answered(event.requestId);
        return;
      case "down":
      case "failed":
      case "producer":
      case "consumer":
      case "clientDisconnect":
      case "sfuConnect":
      case "sfuDisconnect":
        this.#emit(event);
    }
  }

  /** A handshake was refused; which one is known only of those that are sent again. */
  #refused(error: RoomError, requestId: string | undefined): void {
    const { code, status } = error;
    this.#options.log("warn", "The gateway refused a handshake.", { code, status });
    if (code === "connection_not_found") {
      this.#recall(REFUSED);
      this.#connection.renew();
      return;
    }
    if (isTransient(error)) this.#sendAgain(code);
    else if (requestId !== undefined) this.#outbox.answered(requestId);
    if (!isTransient(error) || code === "sfu_unavailable") this.#emit({ type: "refused", error });
  }

  /** What was sent lately is sent again, as it may be lost. */
  #recall(because: string): void {
    const handshakes = this.#outbox.recall(clock());
    if (handshakes > 0) this.#options.log("info", `Handshakes are sent again: ${because}.`, { handshakes });
  }

  #sendAgain(code: string): void {
    // An SFU that is away is not a matter of load.
    if (code !== "sfu_unavailable") this.#options.busy?.();
    const now = clock();
    if (now - this.#refusedAt > CALM_MS) this.#refusals = 0;
    this.#refusedAt = now;
    // Of several that are refused together the first counts.
    if (this.#recallIn(backoff(this.#refusals, 250, 2_000), REFUSED)) this.#refusals += 1;
  }

  /** Sends again what may be lost, in `ms`. Says whether that is earlier than it would have been. */
  #recallIn(ms: number, because: string): boolean {
    const at = clock() + ms;
    if (at >= this.#resendAt) return false;
    clearTimeout(this.#resend);
    this.#resendAt = at;
    this.#resend = setTimeout(() => {
      this.#resendAt = Number.POSITIVE_INFINITY;
      this.#recall(because);
      this.#flush();
    }, ms);
    return true;
  }

  #flush(): void {
    const { socket } = this.#connection;
    if (!socket) return;
    for (const { message, requestId } of this.#outbox.take(clock())) socket.handshake(message, requestId);
    if (this.#outbox.waits) this.#recallIn(ACK_MS, "one is not acknowledged");
  }
}
