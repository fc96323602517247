import type { RoomError } from "../errors.js";
import type { Log } from "../logger.js";
import type { UrlSource } from "../room/types.js";
import { type ConnectionEvent, SignalingConnection } from "./connection.js";
import { Handshakes } from "./handshakes.js";
import type { ConnectionKey } from "./outbox.js";
import type { Traffic } from "./socket.js";
import type { Handshake, Message } from "./wire.js";

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
  readonly #handshakes: Handshakes;

  constructor(options: SignalingOptions, emit: (event: SignalingEvent) => void) {
    this.#options = options;
    this.#emit = emit;
    const { url, traffic, log, busy } = options;
    this.#connection = new SignalingConnection(
      { url, traffic, log, identity: () => this.#identity(), ...(busy && { busy }) },
      (event) => this.#on(event),
    );
    this.#handshakes = new Handshakes({
      socket: () => this.#connection.socket,
      forgotten: () => this.#connection.renew(),
      refused: (error) => emit({ type: "refused", error }),
      busy: () => busy?.(),
      log,
    });
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
    this.#handshakes.send(handshake);
  }

  /** The answer to what was sent on this connection is there. */
  settle(about: ConnectionKey): void {
    this.#handshakes.settle(about);
  }

  /** Says good-bye, waits for that to arrive (a second at most), and closes. */
  async leave(): Promise<void> {
    this.#handshakes.end();
    await this.#connection.leave();
  }

  /** Says good-bye and closes, at once. */
  leaveNow(): void {
    this.#handshakes.end();
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
        if (!event.renewed) this.#handshakes.broken();
        this.#emit(event);
        this.#handshakes.flush();
        return;
      case "error":
        this.#handshakes.failed(event);
        return;
      case "ack":
        this.#handshakes.acknowledged(event.requestId);
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
}
