import { byteLength } from "../bytes.js";
import { mildError, RoomError } from "../errors.js";
import type { Log } from "../logger.js";
import type { Socket } from "../signaling/socket.js";
import { fromRoomError, type SessionError, sessionError } from "./errors.js";
import type { SignalOptions } from "./types.js";

const MOST_TYPE = 128;
const MOST_DATA = 8_192;
const TYPE = /^[A-Za-z0-9\-_~]*$/;
/** How long an acknowledgement is waited for, in milliseconds. */
const PATIENCE_MS = 20_000;
/** After so long without one the socket is asked for a sign of life: a dead one is found out, and the signal sent again, within the patience. */
const DOUBT_MS = 5_000;
/** How often the gateway may say of a socket that has identified that it does not know it, before that is told. */
const MOST_FORGOTTEN = 2;

interface Entry {
  readonly data: Record<string, string>;
  readonly retry: boolean;
  forgotten: number;
  resolve(): void;
  reject(error: SessionError): void;
}

/** What sending needs of the connection. */
export interface OutgoingHooks {
  /** The socket of now, if there is one. */
  socket(): Socket | undefined;
  /** The gateway does not know this client on the socket of now. */
  forgotten(): void;
  log: Log;
}

/** Signals on their way: one at a time, so that they keep their order, each until it is acknowledged. */
export class Outgoing {
  readonly #hooks: OutgoingHooks;
  #queue: Entry[] = [];
  /** The one that is under way, which is the first of the queue. */
  #current: Entry | undefined;
  #held = false;
  /** A socket that the gateway does not know. */
  #stale: Socket | undefined;
  /** Tells that nothing is under way any more. */
  #settled: (() => void) | undefined;

  constructor(hooks: OutgoingHooks) {
    this.#hooks = hooks;
  }

  /** Sends a signal now, or when its turn comes; resolves when the gateway has it. Throws a {@link SessionError}. */
  send(options: SignalOptions): Promise<void> {
    const data = checked(options);
    const retry = options.retryAfterReconnect !== false;
    if (!retry && !this.#hooks.socket()) throw notConnected();
    return new Promise((resolve, reject) => {
      this.#queue.push({ data, retry, forgotten: 0, resolve, reject });
      void this.#pump();
    });
  }

  /** There is a socket. */
  up(): void {
    void this.#pump();
  }

  /** The socket broke: what shall not wait fails. What was under way hears it by itself. */
  down(): void {
    const waits = (entry: Entry) => entry.retry || entry === this.#current;
    const failed = this.#queue.filter((entry) => !waits(entry));
    this.#queue = this.#queue.filter(waits);
    for (const { reject } of failed) reject(notConnected());
  }

  /** Sends nothing more until the function that it gives is called; resolves when nothing is under way. */
  async hold(): Promise<() => void> {
    this.#held = true;
    if (this.#current) {
      await new Promise<void>((resolve) => {
        this.#settled = resolve;
      });
    }
    return () => {
      this.#held = false;
      void this.#pump();
    };
  }

  /** It is over: everything fails. */
  end(): void {
    const queue = this.#queue;
    this.#queue = [];
    for (const entry of queue) entry.reject(entry === this.#current ? dropped() : notConnected());
  }

  async #pump(): Promise<void> {
    const socket = this.#hooks.socket();
    const [entry] = this.#queue;
    if (!entry || !socket || socket === this.#stale || this.#current || this.#held) return;
    this.#current = entry;
    const doubt = setTimeout(() => socket.check(), DOUBT_MS);
    try {
      await socket.request("signal", entry.data, PATIENCE_MS);
      this.#take(entry)?.resolve();
    } catch (error) {
      this.#failed(entry, socket, error);
    }
    clearTimeout(doubt);
    this.#current = undefined;
    this.#settled?.();
    this.#settled = undefined;
    void this.#pump();
  }

  #failed(entry: Entry, socket: Socket, error: unknown): void {
    const code = error instanceof RoomError ? error.code : undefined;
    this.#hooks.log("warn", "A signal was not acknowledged.", { code, retry: entry.retry });
    if (code === "unreachable" && !socket.open) {
      if (!entry.retry) this.#take(entry)?.reject(dropped());
      return;
    }
    if (code === "connection_not_found" && entry.retry && entry.forgotten < MOST_FORGOTTEN) {
      entry.forgotten += 1;
      this.#stale = socket;
      this.#hooks.forgotten();
      return;
    }
    this.#take(entry)?.reject(failure(error));
  }

  /** Takes it off the queue, unless that was emptied. */
  #take(entry: Entry): Entry | undefined {
    if (this.#queue[0] !== entry) return undefined;
    return this.#queue.shift();
  }
}

/** What a request to the gateway threw, as an error of a session. */
export function failure(error: unknown): SessionError {
  if (error instanceof RoomError) return fromRoomError(error);
  return fromRoomError(mildError("internal_error", "Something broke in the client.", error));
}

/** There is no connection. */
export function notConnected(): SessionError {
  return sessionError("notConnected", "There is no connection to the session.");
}

/** The connection broke before an answer came. */
export function dropped(): SessionError {
  return sessionError("dropped", "The connection broke before an answer came: it may have been done.");
}

/** The `data` of the request. Throws what the gateway would say. */
function checked({ type = "", data = "", to }: SignalOptions): Record<string, string> {
  if (typeof type !== "string") throw sessionError("badParameter", "type: must be a string");
  if (typeof data !== "string") throw sessionError("badParameter", "data: must be a string");
  if (byteLength(type) > MOST_TYPE) throw sessionError("signalTypeLength", "type: at most 128 bytes");
  if (!TYPE.test(type)) throw sessionError("signalType", "type: must be characters of A-Z a-z 0-9 - _ ~");
  if (byteLength(data) > MOST_DATA) throw sessionError("signalData", "data: at most 8192 bytes of UTF-8");
  return { type, data, ...(to !== undefined && { to: idOf(to) }) };
}

/** The id of a connection that is given by itself or by its id. */
export function idOf(connection: { connectionId: string } | string): string {
  const id: unknown = typeof connection === "string" ? connection : connection?.connectionId;
  if (typeof id === "string" && id !== "") return id;
  throw sessionError("badParameter", "connectionId: must be that of a connection");
}
