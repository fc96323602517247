import {
  type ChatMessage,
  type Peer,
  Room,
  type RoomErrorInit,
  type RoomOptions,
  type RoomState,
  type Self,
} from "@arbiter/client";

/** What is known about a call at one moment. A change makes another object. */
export interface CallSnapshot {
  readonly state: RoomState;
  /** Arbiter refuses something for a reason that passes; it is done again by itself. */
  readonly busy: boolean;
  /** The last thing that went wrong since `join`, also what did not end the call. */
  readonly error: (RoomErrorInit & Error) | undefined;
  readonly self: Self;
  /** Everybody else, in the order in which they came. */
  readonly peers: readonly Peer[];
  readonly chat: readonly ChatMessage[];
  /** Messages of others since `markRead`. */
  readonly unread: number;
  /** The cameras, microphones and loudspeakers of this machine. Without names until the person has allowed one. */
  readonly devices: readonly MediaDeviceInfo[];
}

/** A room that tells when it is left, by whomever, also when there is nothing to leave yet. */
class LeavableRoom extends Room {
  readonly onLeave = new Set<() => void>();

  override async leave(): Promise<void> {
    const left = super.leave();
    for (const listener of [...this.onLeave]) listener();
    await left;
  }
}

/**
 * A `Room` as something that React can read: one snapshot, and a note when there is another.
 *
 * It outlives React's double mount in StrictMode: leaving waits for one turn of the event loop, and a mount within it cancels it.
 */
export class CallStore {
  readonly room: LeavableRoom;
  #snapshot: CallSnapshot;
  readonly #listeners = new Set<() => void>();
  #cleanUp: (() => void) | undefined;
  #leaving: ReturnType<typeof setTimeout> | undefined;
  /** Counts looks at the list of devices: only the last one is of now. */
  #looks = 0;

  constructor(options: RoomOptions) {
    this.room = new LeavableRoom(options);
    this.#snapshot = {
      state: this.room.state,
      busy: this.room.busy,
      error: undefined,
      self: this.room.self,
      peers: [...this.room.peers.values()],
      chat: [...this.room.chat],
      unread: 0,
      devices: [],
    };
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly snapshot = (): CallSnapshot => this.#snapshot;

  /** Follows the room from now on. True if this is no more than the second half of a double mount. */
  mount(): boolean {
    if (this.#leaving !== undefined) {
      clearTimeout(this.#leaving);
      this.#leaving = undefined;
      return true;
    }
    this.#cleanUp = this.#follow();
    this.#update({
      state: this.room.state,
      busy: this.room.busy,
      self: this.room.self,
      peers: [...this.room.peers.values()],
      chat: [...this.room.chat],
    });
    return false;
  }

  /** Leaves the call, unless `mount` follows at once. `before`: what else is to be done then, and first. */
  unmount(before?: () => void): void {
    this.#leaving = setTimeout(() => {
      this.#leaving = undefined;
      before?.();
      this.#cleanUp?.();
      this.#cleanUp = undefined;
      void this.room.leave();
    }, 0);
  }

  /** Joins. Never rejects: `state` and `error` say what came of it. */
  readonly join = async (stream?: MediaStream): Promise<void> => {
    this.#update({ error: undefined });
    await this.attempt(() => this.room.join(stream));
    void this.refreshDevices();
  };

  readonly leave = async (): Promise<void> => {
    await this.attempt(() => this.room.leave());
  };

  /** Tells when the room is left, whatever its state. */
  onLeave(listener: () => void): () => void {
    this.room.onLeave.add(listener);
    return () => this.room.onLeave.delete(listener);
  }

  /** Runs something that may go wrong, and keeps the error for the page to show, but not one of the code `unless`. True if it went well. */
  async attempt(action: () => unknown, unless?: string): Promise<boolean> {
    try {
      await action();
      return true;
    } catch (error) {
      if (!hasCode(error) || error.code !== unless) this.#failed(error);
      return false;
    }
  }

  readonly markRead = (): void => {
    if (this.#snapshot.unread > 0) this.#update({ unread: 0 });
  };

  #failed(thrown: unknown): void {
    const error = hasCode(thrown)
      ? thrown
      : Object.assign(thrown instanceof Error ? thrown : new Error(String(thrown)), {
          code: "unexpected",
          fatal: false,
        });
    // Joining that ends because the person left is what they wanted.
    if (error.code !== "left" && error !== this.#snapshot.error) this.#update({ error });
  }

  #follow(): () => void {
    const { room } = this;
    const peers = () => this.#update({ peers: [...room.peers.values()] });
    const devices = () => void this.refreshDevices();
    const stop = [
      room.on("state", ({ state }) =>
        this.#update({ state, self: room.self, peers: [...room.peers.values()] }),
      ),
      room.on("busy", ({ busy }) => this.#update({ busy })),
      room.on("peerJoined", peers),
      room.on("peerLeft", peers),
      room.on("peerChanged", peers),
      room.on("selfChanged", ({ self }) => this.#update({ self })),
      room.on("chat", (message) => this.#heard(message)),
      room.on("error", (error) => this.#failed(error)),
    ];
    globalThis.navigator?.mediaDevices?.addEventListener?.("devicechange", devices);
    return () => {
      for (const off of stop) off();
      globalThis.navigator?.mediaDevices?.removeEventListener?.("devicechange", devices);
    };
  }

  #heard(message: ChatMessage): void {
    const own = message.from === this.room.self.id;
    this.#update({ chat: [...this.room.chat], unread: this.#snapshot.unread + (own ? 0 : 1) });
  }

  /** Reads the list of devices; their names are there once the person has allowed one. */
  async refreshDevices(): Promise<void> {
    this.#looks += 1;
    const look = this.#looks;
    const devices = await this.room.devices().catch(() => []);
    if (look === this.#looks) this.#update({ devices });
  }

  #update(change: Partial<CallSnapshot>): void {
    this.#snapshot = { ...this.#snapshot, ...change };
    for (const listener of this.#listeners) listener();
  }
}

function hasCode(thrown: unknown): thrown is RoomErrorInit & Error {
  return thrown instanceof Error && "code" in thrown && "fatal" in thrown;
}
