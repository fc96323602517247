import { Room, type RoomErrorInit, type RoomState } from "@arbiter/client";
import type { CallStore } from "./callStore.ts";
import type { LocalMedia } from "./media/localMedia.ts";
import { passes } from "./screens/texts.ts";

/** The pause before joining is tried again by itself, after what passes, in milliseconds; it doubles … */
const AGAIN_MS = 3_000;
/** … up to this. */
const LONGEST_AGAIN_MS = 15_000;

/** Where a person is in a room session. `entered`: in the call, or on the way into it. */
export type Stage = "lobby" | "entered" | "left" | "failed";

/** What the page wants of a room session, as of now. */
export interface RoomSessionWishes {
  readonly current: { autoJoin?: boolean; onLeave?: () => void; onRoom?: (room: Room) => void };
}

/** Whether there can be a call in this browser. A client that does not say so is taken at its best. */
export const callsArePossible = (): boolean => Room.supported !== false;

/**
 * One call as a person goes through it, from the lobby to the end.
 *
 * The room's state leads, whoever brought it about: the person, the page's own code, or a page that hides the component. It
 * outlives being hidden and React's double mount in StrictMode, as the store does.
 */
export class RoomSession {
  readonly #store: CallStore;
  readonly #media: LocalMedia;
  readonly #wishes: RoomSessionWishes;
  readonly #listeners = new Set<() => void>();
  #stage: Stage;
  #state: RoomState = "idle";
  #mounted = false;
  /** The page has been told of the room. */
  #told = false;
  /** The way into the call, from the question for camera and microphone on. */
  #attempt: AbortController | undefined;
  #stop: (() => void) | undefined;
  #trouble: RoomErrorInit | undefined;
  #again: ReturnType<typeof setTimeout> | undefined;
  /** How often joining was tried again since somebody asked for it. */
  #tries = 0;

  constructor(store: CallStore, media: LocalMedia, wishes: RoomSessionWishes) {
    this.#store = store;
    this.#media = media;
    this.#wishes = wishes;
    this.#stage = wishes.current.autoJoin ? "entered" : "lobby";
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly stage = (): Stage => this.#stage;

  /** What ended the call before, while joining is tried again by itself. */
  readonly trouble = (): RoomErrorInit | undefined => this.#trouble;

  /** Begins, or goes on where the component is shown again: a call that had to be left for it is over, or with `autoJoin` joined anew. */
  mount(): void {
    this.#store.mount();
    this.#mounted = true;
    this.#state = this.#store.snapshot().state;
    this.#stop ??= this.#follow();
    // What the room session before was about to take stays for this one's lobby.
    if (!this.#attempt) this.#media.keep();
    const over = this.#stage === "entered" && !this.#attempt && !isActive(this.#state);
    const enters = over ? this.#wishes.current.autoJoin : this.#stage === "lobby" && !callsArePossible();
    if (enters) void this.enter();
    else if (over) this.#to("left");
    else this.#look();
    if (this.#told) return;
    this.#told = true;
    this.#wishes.current.onRoom?.(this.#store.room);
    // The page may have left in the meantime.
    this.#look();
  }

  /** Leaves the call, unless `mount` follows at once. */
  unmount(): void {
    this.#mounted = false;
    // Now: the next room session may begin before this one's call is left.
    if (!this.#attempt) this.#rememberSwitches();
    this.#rest();
    this.#store.unmount(() => {
      this.#stop?.();
      this.#stop = undefined;
      this.#callOff();
    });
  }

  /** Joins, with the camera and the microphone that the person wants on. */
  readonly enter = async (): Promise<void> => {
    this.#rest();
    await this.#enter();
  };

  /** Nothing is tried again by itself any more. */
  #rest(): void {
    clearTimeout(this.#again);
    this.#trouble = undefined;
    this.#tries = 0;
  }

  /** A call that something has ended that passes is joined again. */
  #enterAgain(error: RoomErrorInit): void {
    this.#trouble = error;
    clearTimeout(this.#again);
    const pause = Math.min(LONGEST_AGAIN_MS, AGAIN_MS * 2 ** this.#tries) * (0.5 + Math.random() / 2);
    this.#tries += 1;
    this.#again = setTimeout(() => {
      if (this.#stage === "failed" && this.#mounted) void this.#enter();
    }, pause);
    this.#tell();
  }

  async #enter(): Promise<void> {
    this.#media.keep();
    this.#callOff();
    const attempt = new AbortController();
    this.#attempt = attempt;
    this.#to("entered");
    // Where there can be no call nobody is asked for a camera: the room says what is wrong.
    const stream = callsArePossible() ? await this.#media.take(attempt.signal) : undefined;
    if (attempt.signal.aborted || !this.#mounted) {
      for (const track of stream?.getTracks() ?? []) track.stop();
    } else {
      await this.#store.join(stream);
    }
    if (this.#attempt !== attempt) return;
    this.#attempt = undefined;
    this.#look();
  }

  /** Goes back to the lobby, which keeps the camera and the microphone. */
  readonly cancel = (): void => {
    this.#rest();
    this.#media.keep();
    this.#callOff();
    this.#to("lobby");
    void this.#store.leave();
  };

  #callOff(): void {
    this.#attempt?.abort();
    this.#attempt = undefined;
  }

  #follow(): () => void {
    const stop = [
      this.#store.subscribe(() => this.#look()),
      this.#store.onLeave(() => {
        this.#callOff();
        // Not at once: a page that tidies up leaves also when StrictMode is about to mount everything again.
        queueMicrotask(() => this.#look());
      }),
    ];
    return () => {
      for (const off of stop) off();
    };
  }

  /** Follows the room. */
  #look(): void {
    const { state, error } = this.#store.snapshot();
    const before = this.#state;
    this.#state = state;
    if (state === "joined") this.#rest();
    if (isActive(state)) {
      this.#to("entered");
    } else if (state === "failed" && before !== "failed") {
      this.#callOff();
      this.#to("failed");
      // The room lets go of camera and microphone, once everybody has heard why.
      queueMicrotask(() => this.#store.room.state === "failed" && this.#store.leave());
    } else if (state === "idle" && this.#stage === "entered" && !this.#attempt && this.#mounted) {
      this.#to("left");
      this.#wishes.current.onLeave?.();
    }
    // The room says why after it has said that.
    if (this.#stage === "failed" && error?.fatal && error !== this.#trouble) {
      if (passes(error)) this.#enterAgain(error);
      else this.#rest();
    }
    if (!isActive(state)) this.#rememberSwitches(before);
  }

  /** Whoever was muted in this call is so in the next one. */
  #rememberSwitches(state: RoomState = this.#state): void {
    if (state !== "joined" && state !== "reconnecting") return;
    const { audio, video } = this.#store.room.self.features;
    this.#media.prefer({ audio, video });
  }

  #to(stage: Stage): void {
    if (stage === this.#stage) return;
    this.#stage = stage;
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

function isActive(state: RoomState): boolean {
  return state !== "idle" && state !== "failed";
}
