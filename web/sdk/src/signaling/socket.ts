import { backoff, clock, pause } from "../backoff.js";
import { byteLength } from "../bytes.js";
import { isTransient, RoomError, toRoomError, unreachable } from "../errors.js";
import { newId } from "../ids.js";
import { type Handshake, type Identified, type Message, parse } from "./wire.js";

/** A ping after so much silence of ours, in milliseconds. API Gateway cuts a socket after 10 minutes. */
export const PING_MS = 240_000;
/** No sign of life for so long after a ping: the socket is dead, in milliseconds. */
export const PONG_MS = 10_000;
/** How long opening and each answered request may take, in milliseconds. */
const ANSWER_MS = 10_000;
/** An identify without an answer is sent again after this, in milliseconds … */
const IDENTIFY_MS = 3_000;
/** … and so often at most, unless it is refused for reasons that pass. */
const IDENTIFY_TRIES = 3;
/** So long after a handshake, in milliseconds, it may be what API Gateway refuses. */
const HANDSHAKE_MS = 10_000;

/** Requests that are asked again by whoever has asked when they fail for a reason that passes, and do the same no more than once. */
const REPEATED = new Set([
  "identify",
  "leave",
  "publish",
  "unpublish",
  "updateStream",
  "subscribe",
  "unsubscribe",
]);

/** Messages and bytes to and from the gateway. */
export interface Traffic {
  sent: number;
  received: number;
  bytesSent: number;
  bytesReceived: number;
}

/** What a socket tells: a message that answers no request, or that it is gone and it was not `close` that ended it. */
export type SocketEvent = Exclude<Message, Message<"pong">> | { type: "broken"; reason: string };

interface Waiting {
  /** One of {@link REPEATED}, or opening. */
  repeated: boolean;
  resolve(answer: Message): void;
  reject(error: RoomError): void;
}

/** One socket to the gateway: requests with their answers, and the keepalive. */
export class Socket {
  readonly #webSocket: WebSocket;
  readonly #traffic: Traffic;
  readonly #emit: (event: SocketEvent) => void;
  readonly #waiting = new Map<string, Waiting>();
  #ping: ReturnType<typeof setTimeout> | undefined;
  #pong: ReturnType<typeof setTimeout> | undefined;
  #over = false;
  /** When the last handshake was sent. */
  #handshakeAt = Number.NEGATIVE_INFINITY;
  /** Resolves when the socket is open; rejects when it cannot be opened. */
  readonly opened: Promise<void>;

  constructor(url: string, traffic: Traffic, emit: (event: SocketEvent) => void) {
    this.#traffic = traffic;
    this.#emit = emit;
    this.#webSocket = new WebSocket(url);
    this.opened = new Promise((resolve, reject) => {
      const failed = () => reject(unreachable(false));
      const timer = setTimeout(() => this.#break("not open in time"), ANSWER_MS);
      this.#waiting.set("open", { repeated: true, resolve: () => resolve(), reject: failed });
      this.#webSocket.addEventListener("open", () => {
        clearTimeout(timer);
        this.#waiting.delete("open");
        this.#keepAlive();
        resolve();
      });
      this.#webSocket.addEventListener("close", () => clearTimeout(timer));
    });
    this.#webSocket.addEventListener("error", () => this.#break("error"));
    this.#webSocket.addEventListener("close", ({ code }) => this.#break(`closed with ${code}`));
    this.#webSocket.addEventListener("message", (event) => this.#received(event.data));
  }

  /** Whether messages can be sent. */
  get open(): boolean {
    return !this.#over && this.#webSocket.readyState === WebSocket.OPEN;
  }

  /**
   * Says who this is, again for as long as that is refused for reasons that pass: another socket would only be one more to be refused.
   * Throws a {@link RoomError} with the gateway's code, or `unreachable`.
   */
  async identify(data: Record<string, unknown>, refused?: () => void): Promise<Identified> {
    // A late answer is as good as the one to the repetition.
    const requestId = newId();
    for (let refusals = 0, tries = 1; ; ) {
      try {
        const answer = await this.request("identify", data, IDENTIFY_MS, requestId);
        if (answer.type !== "identified") throw unreachable(false);
        return answer;
      } catch (thrown) {
        const passes = isTransient(toRoomError(thrown, "", "", false));
        if (passes) refused?.();
        if (!this.open || (!passes && (tries >= IDENTIFY_TRIES || !isUnanswered(thrown)))) throw thrown;
        if (passes) await pause(backoff(refusals++, 250, 2_000));
        else tries += 1;
      }
    }
  }

  /** Goes on purpose. Throws when no answer came. */
  async leave(): Promise<void> {
    await this.request("leave", {});
  }

  /** Sends a message that nobody answers, unless it has a `requestId`. */
  handshake(data: Handshake, requestId?: string): void {
    this.#handshakeAt = clock();
    this.#send({ action: "handshake", requestId, data });
  }

  /** Goes on purpose and closes at once: there is no time for an answer while a page is being left. */
  leaveNow(): void {
    if (this.open) this.#send({ action: "leave", data: {} });
    this.close();
  }

  /** Asks for a sign of life; without one the socket is broken within {@link PONG_MS}. */
  check(): void {
    if (!this.open || this.#pong !== undefined) return;
    this.#send({ action: "ping" });
    this.#pong = setTimeout(() => this.#break("no answer to a ping"), PONG_MS);
  }

  /** Ends it, with the code that means "on purpose". It tells nothing more. */
  close(): void {
    this.#end();
    this.#webSocket.close(1000);
  }

  /** Asks, and gives back the answer. Throws a {@link RoomError} with the gateway's code, or `unreachable` when none came in `patience` ms. */
  request(
    action: string,
    data: Record<string, unknown>,
    patience = ANSWER_MS,
    requestId = newId(),
  ): Promise<Message> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#waiting.get(requestId)?.reject(unreachable(false)), patience);
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(requestId);
      };
      this.#waiting.set(requestId, {
        repeated: REPEATED.has(action),
        resolve: (answer) => {
          done();
          resolve(answer);
        },
        reject: (error) => {
          done();
          reject(error);
        },
      });
      this.#send({ action, requestId, data });
    });
  }

  #send(message: unknown): void {
    if (!this.open) return;
    const text = JSON.stringify(message);
    this.#traffic.sent += 1;
    this.#traffic.bytesSent += byteLength(text);
    this.#webSocket.send(text);
    this.#keepAlive();
  }

  #received(data: unknown): void {
    if (this.#over) return;
    this.#traffic.received += 1;
    this.#traffic.bytesReceived += typeof data === "string" ? byteLength(data) : 0;
    // Anything at all shows that the socket lives.
    clearTimeout(this.#pong);
    this.#pong = undefined;
    const message = parse(data);
    if (!message || message.type === "pong") return;
    const requestId = "requestId" in message ? message.requestId : undefined;
    const waiting = requestId === undefined ? undefined : this.#waiting.get(requestId);
    if (message.type === "error") {
      const error = new RoomError({ ...message, fatal: false });
      if (waiting) {
        waiting.reject(error);
        return;
      }
      // API Gateway does not know our requestId when it refuses in the gateway's stead. Of several, what was refused is not known: what
      // may be asked twice is, a handshake too, and the rest waits for an answer of its own.
      if (message.anonymous) {
        const waiting = [...this.#waiting.values()];
        const sure = waiting.length === 1 && clock() - this.#handshakeAt > HANDSHAKE_MS;
        for (const each of waiting) if (each.repeated || sure) each.reject(error);
        if (sure) return;
      }
    } else if (waiting) {
      waiting.resolve(message);
      return;
    }
    this.#emit(message);
  }

  #keepAlive(): void {
    clearTimeout(this.#ping);
    this.#ping = setTimeout(() => {
      this.check();
    }, PING_MS);
  }

  #break(reason: string): void {
    if (this.#over) return;
    this.#end();
    this.#webSocket.close();
    this.#emit({ type: "broken", reason });
  }

  #end(): void {
    this.#over = true;
    clearTimeout(this.#ping);
    clearTimeout(this.#pong);
    for (const waiting of [...this.#waiting.values()]) waiting.reject(unreachable(false));
    this.#waiting.clear();
  }
}

function isUnanswered(thrown: unknown): boolean {
  return thrown instanceof RoomError && thrown.code === "unreachable";
}
