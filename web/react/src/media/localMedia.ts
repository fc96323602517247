import { type Acquired, acquire, type Chosen, type MediaKind, type MediaProblem } from "./acquire.ts";
import { onAllowed } from "./permissions.ts";
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

/** What another device may mend. */
const MENDABLE: ReadonlySet<MediaProblem | undefined> = new Set(["missing", "busy"]);

/**
 * Camera and microphone before the call: what is switched off is stopped, so that its light goes out. Devices that come and go,
 * and what the person allows in the browser's settings, are followed from `start` until `stop`, or until a call has taken them.
 */
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
  /** While devices and permissions are followed. */
  #watching: AbortController | undefined;
  /** The answer to a change of devices waits for its turn. */
  #changing = false;
  /** Counts looks at the list of devices: only the last one is of now. */
  #looks = 0;

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
    this.#watch();
    return this.#ask([]);
  };

  /** The same, and what was impossible of these kinds. */
  #ask(again: readonly MediaKind[]): Promise<void> {
    const life = this.#life;
    this.#last = this.#last.then(() =>
      life === this.#life && this.#watching ? this.#fill(life, again) : undefined,
    );
    return this.#last;
  }

  async #fill(life: number, again: readonly MediaKind[]): Promise<void> {
    this.#drop(isEnded);
    const { on, chosen, problems: known } = this.#snapshot;
    const wanted = KINDS.filter(
      (kind) => on[kind] && !this.#track(kind) && (!known[kind] || again.includes(kind)),
    );
    if (wanted.length === 0) return;
    this.#update({ asking: true });
    const { tracks, problems: found } = await acquire(wanted, chosen);
    const stale = life !== this.#life;
    for (const track of tracks) {
      if (stale || !this.#snapshot.on[track.kind as MediaKind]) track.stop();
      else this.#hold(track);
    }
    if (stale) return;
    const problems = { ...this.#snapshot.problems };
    for (const kind of wanted) delete problems[kind];
    this.#update({ asking: false, problems: { ...problems, ...found }, ...this.#streamNow() });
    await this.refreshDevices();
  }

  #hold(track: MediaStreamTrack): void {
    this.#tracks.push(track);
    // Its device is gone, or is allowed no more: another one does, or there is a reason to tell.
    track.addEventListener("ended", () => {
      if (this.#tracks.includes(track)) void this.#ask([]);
    });
  }

  /** Follows what happens to devices and permissions. */
  #watch(): void {
    if (this.#watching) return;
    this.#watching = new AbortController();
    const { signal } = this.#watching;
    globalThis.navigator?.mediaDevices?.addEventListener?.("devicechange", this.#devicesChanged);
    for (const kind of KINDS) void onAllowed(kind, this.#allowed, signal);
    void this.refreshDevices();
  }

  #unwatch(): void {
    this.#watching?.abort();
    this.#watching = undefined;
    globalThis.navigator?.mediaDevices?.removeEventListener?.("devicechange", this.#devicesChanged);
  }

  readonly #allowed = (kind: MediaKind): void => void this.#ask([kind]);

  /** The lists are read at once. What follows waits for a prompt that is open, and is done once for a burst of changes. */
  readonly #devicesChanged = (): void => {
    void this.refreshDevices();
    if (this.#changing) return;
    this.#changing = true;
    this.#last = this.#last.then(async () => {
      this.#changing = false;
      const life = this.#life;
      await this.refreshDevices();
      if (life !== this.#life || !this.#watching) return;
      const { devices, problems } = this.#snapshot;
      this.#drop((track) => isGone(track, devices));
      await this.#fill(
        life,
        KINDS.filter((kind) => MENDABLE.has(problems[kind])),
      );
    });
  };

  /** Stops everything, but what a call is about to take. */
  readonly stop = (): void => {
    if (this.#taking !== undefined) return;
    this.#life += 1;
    this.#unwatch();
    for (const track of this.#tracks) track.stop();
    this.#tracks = [];
    this.#update({ stream: undefined, asking: false, problems: {} });
  };

  /**
   * Hands over what is wanted, waiting for the browser's prompt if need be: it is the caller's to stop from now on. Nothing after
   * `keep` or another `take`, or when the signal aborts, which stops everything.
   */
  readonly take = async (signal?: AbortSignal): Promise<MediaStream | undefined> => {
    this.#takes += 1;
    const own = this.#takes;
    this.#taking = own;
    signal?.addEventListener("abort", () => {
      if (this.#taking !== own) return;
      this.#taking = undefined;
      this.stop();
    });
    // Once more for what ends while the browser asks for the rest.
    do await this.start();
    while (this.#taking === own && this.#tracks.some(isEnded));
    if (this.#taking !== own) return undefined;
    this.#taking = undefined;
    const { stream } = this.#snapshot;
    this.#tracks = [];
    this.#unwatch();
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
    this.#drop((track) => track.kind === kind);
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
    this.#looks += 1;
    const look = this.#looks;
    const devices = await globalThis.navigator?.mediaDevices?.enumerateDevices?.().catch(() => undefined);
    if (devices && look === this.#looks) this.#update({ devices });
  };

  #track(kind: MediaKind): MediaStreamTrack | undefined {
    return this.#tracks.find((track) => track.kind === kind);
  }

  #drop(unwanted: (track: MediaStreamTrack) => boolean): void {
    const dropped = this.#tracks.filter(unwanted);
    if (dropped.length === 0) return;
    for (const track of dropped) track.stop();
    this.#tracks = this.#tracks.filter((track) => !dropped.includes(track));
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

function isEnded(track: MediaStreamTrack): boolean {
  return track.readyState === "ended";
}

/** Browsers differ in whether a track ends when its device is gone. One that lists a device without its id does not tell. */
function isGone(track: MediaStreamTrack, devices: readonly MediaDeviceInfo[]): boolean {
  const { deviceId } = track.getSettings();
  const listed = devices.filter(({ kind }) => kind === `${track.kind}input`).map((device) => device.deviceId);
  return !!deviceId && !listed.includes(deviceId) && !listed.includes("");
}
