import { type Acquired, acquire, type Chosen, type MediaKind } from "./acquire.ts";
import { remember, remembered } from "./remembered.ts";

/** The lobby's camera and microphone at one moment. */
export interface LocalMediaSnapshot {
  /** What is switched on and there. Another object when its tracks change. */
  readonly stream: MediaStream | undefined;
  /** What the person wants on. */
  readonly on: Readonly<Record<MediaKind, boolean>>;
  readonly problems: Acquired["problems"];
  /** The browser is asking for permission, or the device is starting. */
  readonly asking: boolean;
  readonly devices: readonly MediaDeviceInfo[];
  readonly chosen: Readonly<Chosen>;
}

const KINDS: readonly MediaKind[] = ["audio", "video"];

/** Camera and microphone before the call: what is switched off is stopped, so that its light goes out. */
export class LocalMedia {
  #snapshot: LocalMediaSnapshot;
  readonly #listeners = new Set<() => void>();
  /** Counts starts and stops: what arrives for an older one is stopped at once. */
  #life = 0;
  #tracks: MediaStreamTrack[] = [];
  /** Counts takes: only the newest is handed anything. */
  #takes = 0;
  /** The take that is waiting for its tracks. */
  #taking: number | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor() {
    this.#snapshot = {
      stream: undefined,
      on: { audio: true, video: true },
      problems: {},
      asking: false,
      devices: [],
      chosen: remembered<Chosen>("devices") ?? {},
    };
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly snapshot = (): LocalMediaSnapshot => this.#snapshot;

  /** Gets whatever is wanted, not there, and not already known to be impossible. One at a time: a browser shows one prompt. */
  readonly start = (): Promise<void> => {
    const life = this.#life;
    this.#last = this.#last.then(() => (life === this.#life ? this.#fill(life) : undefined));
    return this.#last;
  };

  async #fill(life: number): Promise<void> {
    const { on, chosen, problems: known } = this.#snapshot;
    const wanted = KINDS.filter((kind) => on[kind] && !known[kind] && !this.#track(kind));
    if (wanted.length === 0) return;
    this.#update({ asking: true });
    const { tracks, problems } = await acquire(wanted, chosen);
    const stale = life !== this.#life;
    for (const track of tracks) {
      if (stale || !this.#snapshot.on[track.kind as MediaKind]) track.stop();
      else this.#tracks.push(track);
    }
    if (stale) return;
    this.#update({
      asking: false,
      problems: { ...this.#snapshot.problems, ...problems },
      ...this.#streamNow(),
    });
    await this.refreshDevices();
  }

  /** Stops everything, but what a call is about to take. */
  readonly stop = (): void => {
    if (this.#taking !== undefined) return;
    this.#life += 1;
    for (const track of this.#tracks) track.stop();
    this.#tracks = [];
    this.#update({ stream: undefined, asking: false, problems: {} });
  };

  /** Hands over what is wanted, waiting for the browser's prompt if need be: it is the caller's to stop from now on. Nothing after `keep` or another `take`. */
  readonly take = async (): Promise<MediaStream | undefined> => {
    this.#takes += 1;
    const own = this.#takes;
    this.#taking = own;
    await this.start();
    if (this.#taking !== own) return undefined;
    this.#taking = undefined;
    const { stream } = this.#snapshot;
    this.#tracks = [];
    this.#update({ stream: undefined });
    return stream;
  };

  /** The call that was about to take it does not come about: it stays. */
  readonly keep = (): void => {
    this.#taking = undefined;
  };

  /** What is to be on the next time, such as after a call. */
  readonly prefer = (on: Record<MediaKind, boolean>): void => this.#update({ on });

  readonly set = (kind: MediaKind, on: boolean): void => {
    const problems = { ...this.#snapshot.problems };
    delete problems[kind];
    this.#update({ on: { ...this.#snapshot.on, [kind]: on }, problems });
    this.#drop(kind);
    if (on) void this.start();
  };

  /** Asks again for what could not be had. */
  readonly retry = (): void => {
    this.#update({ problems: {} });
    void this.start();
  };

  readonly choose = (kind: MediaDeviceKind, deviceId: string): void => {
    const chosen = { ...this.#snapshot.chosen, [kind]: deviceId };
    remember("devices", chosen);
    this.#update({ chosen });
    if (kind === "audiooutput") return;
    const media = kind === "audioinput" ? "audio" : "video";
    if (this.#track(media)) this.set(media, true);
  };

  readonly refreshDevices = async (): Promise<void> => {
    const devices = (await globalThis.navigator?.mediaDevices?.enumerateDevices?.().catch(() => [])) ?? [];
    this.#update({ devices });
  };

  #track(kind: MediaKind): MediaStreamTrack | undefined {
    return this.#tracks.find((track) => track.kind === kind);
  }

  #drop(kind: MediaKind): void {
    const track = this.#track(kind);
    if (!track) return;
    track.stop();
    this.#tracks = this.#tracks.filter((other) => other !== track);
    this.#update(this.#streamNow());
  }

  #streamNow(): Pick<LocalMediaSnapshot, "stream"> {
    return { stream: this.#tracks.length > 0 ? new MediaStream(this.#tracks) : undefined };
  }

  #update(change: Partial<LocalMediaSnapshot>): void {
    this.#snapshot = { ...this.#snapshot, ...change };
    for (const listener of this.#listeners) listener();
  }
}
