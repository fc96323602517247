import { pause } from "../backoff.js";
import { leftBeforeJoined, RoomError, toRoomError } from "../errors.js";
import { Signaling, type SignalingOptions } from "../signaling/signaling.js";
import { Call, type CallEvent, type CallOptions, ROOM_OVER } from "./call.js";
import { obtainRoom, RoomsApi } from "./rooms.js";
import type { RoomState } from "./types.js";

/** Rooms that may turn out to be over one after the other before it is given up. */
const ROOMS = 5;
/** The path's room is still the one whose SFU is gone: when to ask again, in milliseconds. */
const SAME_ROOM_MS = 1_000;
/** So many times the same room, and its SFU is taken for present: the gateway's grace is over by far. */
const SAME_ROOM_TRIES = 10;

/** What a room session needs to know. */
export interface RoomSessionOptions {
  httpUrl: string;
  path: string;
  createRooms: boolean;
  signaling: Omit<SignalingOptions, "roomId">;
  call: Omit<CallOptions, "signaling" | "roomId" | "peerId" | "log">;
}

/** What a room session tells: of what its calls tell, all that it does not deal with itself. */
export type RoomSessionEvent =
  | Exclude<
      CallEvent,
      { type: "connected" | "interrupted" | "roomLost" | "roomBack" | "answered" | "received" }
    >
  | { type: "state"; state: RoomState }
  /** The call moves to another room: nothing of the old one's is of use any more. */
  | { type: "moving" };

type State =
  | { readonly name: "new" | "joined" | "left" }
  | { readonly name: "joining"; readonly search: AbortController; readonly joined: Joined }
  | { readonly name: "restoring"; readonly search: AbortController; readonly joined: Joined | undefined };

/** What `join` waits for. */
interface Joined {
  resolve(): void;
  reject(error: RoomError): void;
}

/**
 * A stay in a path's call, in one room after the other if need be: finds a room, enters it, and finds another when it is lost.
 *
 * ```text
 *       join          media flows          room lost
 *   new ────▶ joining ───────────▶ joined ◀─────────▶ restoring       and from each of them: left
 *                                         room is back, or another entered
 * ```
 *
 * - `joining`: a room is found, started and entered, and media set up. `join` waits.
 * - `joined`: media has flowed. While it does not, or signaling is away, the application is told `reconnecting`.
 * - `restoring`: the room is over, or its SFU away for too long, and another is looked for. That may also be before media has flowed:
 *   then `join` still waits, and `joining` follows.
 * - `left`: on purpose, or because of an error. Nothing more is told.
 */
export class RoomSession {
  readonly #options: RoomSessionOptions;
  readonly #emit: (event: RoomSessionEvent) => void;
  readonly #api: RoomsApi;
  #state: State = { name: "new" };
  #call: Call | undefined;

  constructor(options: RoomSessionOptions, emit: (event: RoomSessionEvent) => void) {
    this.#options = options;
    this.#emit = emit;
    const { token, log, busy } = options.signaling;
    this.#api = new RoomsApi(options.httpUrl, token, log, busy);
  }

  /** The stay in the room of now. */
  get call(): Call | undefined {
    return this.#call;
  }

  /** Finds a room and enters it; resolves when media can flow. Throws a {@link RoomError}. */
  async join(): Promise<void> {
    const search = new AbortController();
    const joined = new Promise<void>((resolve, reject) => {
      this.#state = { name: "joining", search, joined: { resolve, reject } };
    });
    this.#become("finding");
    void this.#enterSome(false, search.signal);
    await joined;
  }

  /** Leaves; resolves when the gateway knows. */
  async leave(): Promise<void> {
    this.#end();
    await this.#call?.leave();
  }

  /** Leaves at once. */
  leaveNow(): void {
    this.#end();
    this.#call?.leaveNow();
  }

  #end(): void {
    const state = this.#state;
    this.#state = { name: "left" };
    if (!("search" in state)) return;
    const left = leftBeforeJoined();
    state.search.abort(left);
    state.joined?.reject(left);
  }

  /** Whether media has flowed, in this room or in one before it. */
  get #wasJoined(): boolean {
    return this.#state.name === "joined" || (this.#state.name === "restoring" && !this.#state.joined);
  }

  /** Enters the room of the path, and the next one should that be over. */
  async #enterSome(restore: boolean, signal: AbortSignal): Promise<void> {
    try {
      let over = 0;
      while (true) {
        // Whoever was told of the state, or gave the token, may have left.
        signal.throwIfAborted();
        const roomId = await this.#obtain(restore, over === 0, signal);
        try {
          await this.#enter(roomId, restore, signal);
          return;
        } catch (error) {
          signal.throwIfAborted();
          over += 1;
          if (!isOver(error) || over > ROOMS) throw error;
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      this.#fail(toRoomError(error, "internal_error", "The call could not be joined.", true));
    }
  }

  async #obtain(restore: boolean, first: boolean, signal: AbortSignal): Promise<string> {
    const lost = restore ? this.#call : undefined;
    for (let same = 0; ; same += 1) {
      const roomId = await obtainRoom(this.#api, this.#options.path, {
        look: first && !restore,
        create: this.#options.createRooms,
        restore,
        signal,
        starting: () => {
          if (!this.#wasJoined) this.#become("starting");
        },
      });
      if (roomId !== lost?.roomId) return roomId;
      // The gateway still waits for the SFU; or that is back, and we have not heard so. Being back ends this by `signal`.
      if (same >= SAME_ROOM_TRIES) lost.stay();
      await pause(SAME_ROOM_MS, signal);
    }
  }

  async #enter(roomId: string, patient: boolean, signal: AbortSignal): Promise<void> {
    const { call: options, signaling } = this.#options;
    if (this.#call) {
      this.#emit({ type: "moving" });
      this.#call.leaveNow();
    }
    const { peerId, log } = signaling;
    const call: Call = new Call(
      {
        ...options,
        roomId,
        peerId,
        log,
        signaling: (emit, busy) => {
          const alsoBusy = () => {
            busy();
            signaling.busy?.();
          };
          return new Signaling({ ...signaling, roomId, busy: alsoBusy }, emit);
        },
      },
      (event) => this.#on(call, event),
    );
    this.#call = call;
    if (!this.#wasJoined) this.#become("joining");
    await call.enter(patient);
    signal.throwIfAborted();
    this.#restored();
  }

  #on(call: Call, event: CallEvent): void {
    switch (event.type) {
      case "connected":
        this.#connected();
        return;
      case "interrupted":
        this.#interrupted();
        return;
      case "roomLost":
        this.#roomLost(call);
        return;
      case "roomBack":
        this.#roomBack(call);
        return;
      case "failed":
        this.#fail(event.error);
        return;
      case "answered":
      case "received":
        return;
      default:
        this.#emit(event);
    }
  }

  #become(state: RoomState): void {
    this.#emit({ type: "state", state });
  }

  #connected(): void {
    const state = this.#state;
    if (!this.#call?.healthy || (state.name !== "joining" && state.name !== "joined")) return;
    this.#become("joined");
    // Whoever was told may have left.
    if (state.name !== "joining" || this.#state !== state) return;
    this.#state = { name: "joined" };
    state.joined.resolve();
  }

  #interrupted(): void {
    if (this.#wasJoined) this.#become("reconnecting");
  }

  #roomLost(call: Call): void {
    const state = this.#state;
    if (call !== this.#call || (state.name !== "joining" && state.name !== "joined")) return;
    this.#options.signaling.log("warn", "The room is lost: another is looked for.", { roomId: call.roomId });
    const search = new AbortController();
    const joined = state.name === "joining" ? state.joined : undefined;
    this.#state = { name: "restoring", search, joined };
    this.#interrupted();
    void this.#enterSome(true, search.signal);
  }

  #roomBack(call: Call): void {
    if (call !== this.#call || this.#state.name !== "restoring") return;
    this.#state.search.abort();
    this.#restored();
  }

  /** The room that was lost is back, or another has been entered. */
  #restored(): void {
    if (this.#state.name !== "restoring") return;
    const { joined, search } = this.#state;
    this.#state = joined ? { name: "joining", search, joined } : { name: "joined" };
  }

  #fail(error: RoomError): void {
    if (this.#state.name === "left") return;
    const fatal = error.asFatal();
    if ("search" in this.#state) this.#state.joined?.reject(fatal);
    this.leaveNow();
    this.#emit({ type: "failed", error: fatal });
  }
}

function isOver(error: unknown): boolean {
  return error instanceof RoomError && ROOM_OVER.has(error.code);
}
