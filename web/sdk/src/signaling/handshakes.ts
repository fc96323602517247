import { backoff, clock } from "../backoff.js";
import { isTransient, RoomError } from "../errors.js";
import type { Log } from "../logger.js";
import { type ConnectionKey, Outbox } from "./outbox.js";
import type { Socket } from "./socket.js";
import type { Handshake, Message } from "./wire.js";

/** Transient refusals further apart than this, in milliseconds, are not the same trouble. */
const CALM_MS = 10_000;
/** What was sent again and has no `ack` is sent once more after this, in milliseconds. */
const ACK_MS = 3_000;

/** Why handshakes are sent again. */
const REFUSED = "one was refused";

/** What handshakes need of the connection that they go over. */
export interface HandshakesHooks {
  /** The socket of now, if there is one. */
  socket(): Socket | undefined;
  /** The gateway does not know this client on the socket of now. */
  forgotten(): void;
  /** One was refused for a reason that does not pass, or the SFU is away (`sfu_unavailable`). */
  refused(error: RoomError): void;
  /** Arbiter refuses something for a reason that passes; it is done again. */
  busy(): void;
  log: Log;
}

/** Handshakes on their way to the SFU. They wait while there is no socket, and are sent again when they may be lost. */
export class Handshakes {
  readonly #hooks: HandshakesHooks;
  readonly #outbox = new Outbox();
  #resend: ReturnType<typeof setTimeout> | undefined;
  /** When that is due. */
  #resendAt = Number.POSITIVE_INFINITY;
  #refusals = 0;
  #refusedAt = Number.NEGATIVE_INFINITY;

  constructor(hooks: HandshakesHooks) {
    this.#hooks = hooks;
  }

  /** Sends a handshake now, or when there is a socket again. */
  send(handshake: Handshake): void {
    this.#outbox.put(handshake, clock());
    this.flush();
  }

  /** The answer to what was sent on this connection is there. */
  settle(about: ConnectionKey): void {
    this.#outbox.settle(about);
  }

  /** The socket of before broke: what was sent over it lately may be lost. */
  broken(): void {
    this.#recall("the socket broke");
  }

  /** Sends what is due. */
  flush(): void {
    const socket = this.#hooks.socket();
    if (!socket) return;
    for (const { message, requestId } of this.#outbox.take(clock())) socket.handshake(message, requestId);
    if (this.#outbox.waits) this.#recallIn(ACK_MS, "one is not acknowledged");
  }

  /** Takes an `ack` that answers no request of somebody else's. */
  acknowledged(requestId: string): void {
    this.#outbox.answered(requestId);
  }

  /** Takes an error likewise. Which handshake was refused is known only of those that are sent again. */
  failed({ requestId, ...init }: Message<"error">): void {
    const error = new RoomError({ ...init, fatal: false });
    const { code, status } = error;
    this.#hooks.log("warn", "The gateway refused a handshake.", { code, status });
    if (code === "connection_not_found") {
      this.#recall(REFUSED);
      this.#hooks.forgotten();
      return;
    }
    if (isTransient(error)) this.#sendAgain(code);
    else if (requestId !== undefined) this.#outbox.answered(requestId);
    if (!isTransient(error) || code === "sfu_unavailable") this.#hooks.refused(error);
  }

  /** Nothing more is sent by itself. */
  end(): void {
    clearTimeout(this.#resend);
  }

  /** What was sent lately is sent again, as it may be lost. */
  #recall(because: string): void {
    const handshakes = this.#outbox.recall(clock());
    if (handshakes > 0) this.#hooks.log("info", `Handshakes are sent again: ${because}.`, { handshakes });
  }

  #sendAgain(code: string): void {
    // An SFU that is away is not a matter of load.
    if (code !== "sfu_unavailable") this.#hooks.busy();
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
      this.flush();
    }, ms);
    return true;
  }
}
