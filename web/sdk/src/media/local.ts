import { mildError, type RoomError, toRoomError } from "../errors.js";
import { type DeviceKind, mediaDevices, openDevice, openScreen } from "./devices.js";
import type { LocalTrack, TrackSource } from "./producer.js";

/** What local media tells. */
export interface MediaHooks {
  /** What this slot sends is another track, or none. */
  sends(slot: TrackSource, local: LocalTrack | undefined): Promise<void>;
  /** What is on, or what is seen of it, has changed. */
  changed(): void;
  /** A device failed; the call goes on without it. */
  failed(error: RoomError): void;
}

/** A microphone or a camera in use. */
interface Source {
  track: MediaStreamTrack;
  /** The track is this library's to stop. */
  owned: boolean;
}

const KIND = { microphone: "audioinput", camera: "videoinput" } as const;

/** A slot that a device fills. */
export type DeviceSlot = keyof typeof KIND;

/** What this person sends: microphone, camera and screen. Works before there is a call, which then begins with it. */
export class LocalMedia {
  readonly #hooks: MediaHooks;
  readonly #sources = new Map<DeviceSlot, Source>();
  /** The device that was chosen, by slot. */
  readonly #chosen = new Map<DeviceSlot, string>();
  /** What is done to a slot is done in order: two quick clicks must not open two cameras. */
  readonly #queues = new Map<DeviceSlot, Promise<unknown>>();
  #stream: MediaStream | undefined;
  #screen: { stream: MediaStream; owned: boolean } | undefined;
  #listening = false;
  /** Grows with each `stop`: what a person allows after that is no longer wanted. */
  #stops = 0;

  constructor(hooks: MediaHooks) {
    this.#hooks = hooks;
  }

  /** What is sent now. */
  get tracks(): ReadonlyMap<TrackSource, LocalTrack> {
    const tracks = new Map<TrackSource, LocalTrack>();
    const put = (source: TrackSource, track: MediaStreamTrack, stream: MediaStream) =>
      tracks.set(source, { source, track, stream });
    for (const [slot, { track }] of this.#sources) put(slot, track, this.#own());
    const screen = this.#screen?.stream;
    const [video] = screen?.getVideoTracks() ?? [];
    const [audio] = screen?.getAudioTracks() ?? [];
    if (screen && video) put("screen", video, screen);
    if (screen && audio) put("screenAudio", audio, screen);
    return tracks;
  }

  /** Whether a microphone or a camera is on. */
  isOn(slot: DeviceSlot): boolean {
    return this.#sources.get(slot)?.track.enabled ?? false;
  }

  /** Microphone and camera, as the others get them; `undefined` when there is neither. */
  get camera(): MediaStream | undefined {
    return this.#sources.size > 0 ? this.#own() : undefined;
  }

  /** The shared screen. */
  get screen(): MediaStream | undefined {
    return this.#screen?.stream;
  }

  /** Takes over the tracks of a stream: they are stopped when they are no longer needed. */
  async adopt(stream: MediaStream): Promise<void> {
    const [audio] = stream.getAudioTracks();
    const [video] = stream.getVideoTracks();
    // Both are asked for before either is waited for: a `stop` in between stops what it does not find in use.
    await Promise.all([
      audio && this.set("microphone", audio, true),
      video && this.set("camera", video, true),
    ]);
  }

  /** Switches a microphone or camera on or off. A muted microphone stays open; a camera that is off is not. */
  switch(slot: DeviceSlot, on: boolean, deviceId?: string): Promise<void> {
    if (deviceId !== undefined) this.#chosen.set(slot, deviceId);
    return this.#queued(slot, async () => {
      const source = this.#sources.get(slot);
      if (!on) {
        if (!source) return;
        source.track.enabled = false;
        if (slot === "camera") await this.#put(slot, undefined);
        return this.#hooks.changed();
      }
      const other = deviceId !== undefined && source?.track.getSettings().deviceId !== deviceId;
      if (source && source.track.readyState === "live" && !other) {
        source.track.enabled = true;
        return this.#hooks.changed();
      }
      await this.#open(slot);
    });
  }

  /** Chooses a device; what is on goes on with it, muted if it was muted. */
  select(kind: DeviceKind, deviceId: string): Promise<void> {
    const slot = kind === "audioinput" ? "microphone" : "camera";
    this.#chosen.set(slot, deviceId);
    return this.#queued(slot, async () => {
      const source = this.#sources.get(slot);
      if (!source || source.track.getSettings().deviceId === deviceId) return;
      await this.#open(slot, source.track.enabled);
    });
  }

  /** Sends this track, which stays the caller's to stop unless it is given away. */
  set(slot: DeviceSlot, track: MediaStreamTrack | null, owned = false): Promise<void> {
    const late = () => {
      if (owned) track?.stop();
    };
    return this.#queued(slot, () => this.#put(slot, track ? { track, owned } : undefined), late);
  }

  /** Shares a screen: this one, or one that the person is asked for. */
  async share(stream?: MediaStream): Promise<void> {
    const stops = this.#stops;
    const opened = stream ?? (await openScreen());
    if (stops !== this.#stops) {
      if (!stream) stopTracks(opened);
      return;
    }
    const [video] = opened.getVideoTracks();
    if (!video) throw mildError("media_missing", "The screen has no picture.");
    if (this.#screen) await this.stopSharing();
    if ("contentHint" in video && video.contentHint === "") video.contentHint = "detail";
    this.#screen = { stream: opened, owned: stream === undefined };
    // The browser's own "stop sharing".
    video.addEventListener("ended", () => {
      if (this.#screen?.stream === opened) void this.stopSharing();
    });
    // The others should know that it is a screen before they see it.
    this.#hooks.changed();
    await this.#screenSends();
  }

  /** Stops sharing. */
  async stopSharing(): Promise<void> {
    const screen = this.#screen;
    if (!screen) return;
    this.#screen = undefined;
    if (screen.owned) stopTracks(screen.stream);
    this.#hooks.changed();
    await this.#screenSends();
  }

  async #screenSends(): Promise<void> {
    const { tracks } = this;
    await Promise.all(
      (["screen", "screenAudio"] as const).map((slot) => this.#hooks.sends(slot, tracks.get(slot))),
    );
  }

  /** Lets go of everything, without telling anybody. */
  stop(): void {
    this.#stops += 1;
    if (this.#listening) mediaDevices().removeEventListener("devicechange", this.#devicesChanged);
    this.#listening = false;
    for (const { track, owned } of this.#sources.values()) {
      this.#stream?.removeTrack(track);
      if (owned) track.stop();
    }
    this.#sources.clear();
    if (this.#screen?.owned) stopTracks(this.#screen.stream);
    this.#screen = undefined;
  }

  /** The stream of microphone and camera: one for all time, so that the others keep them together. */
  #own(): MediaStream {
    this.#stream ??= new MediaStream();
    return this.#stream;
  }

  async #open(slot: DeviceSlot, enabled = true): Promise<void> {
    const stops = this.#stops;
    const track = await openDevice(KIND[slot], this.#chosen.get(slot));
    if (stops !== this.#stops) {
      track.stop();
      return;
    }
    track.enabled = enabled;
    await this.#put(slot, { track, owned: true });
  }

  /** This is what the slot sends from now on. */
  async #put(slot: DeviceSlot, source: Source | undefined): Promise<void> {
    const before = this.#sources.get(slot);
    if (before && before.track !== source?.track) {
      this.#own().removeTrack(before.track);
      if (before.owned) before.track.stop();
    }
    if (source) {
      this.#sources.set(slot, source);
      this.#own().addTrack(source.track);
      this.#listen(slot, source);
    } else {
      this.#sources.delete(slot);
    }
    this.#hooks.changed();
    await this.#hooks.sends(slot, source && { source: slot, track: source.track, stream: this.#own() });
  }

  /** Notices when the track ends, or has ended on its way here, and when the device goes away. */
  #listen(slot: DeviceSlot, { track, owned }: Source): void {
    const ended = () => void (owned ? this.#recover(slot, track) : this.#ended(slot, track));
    track.addEventListener("ended", ended);
    if (track.readyState === "ended") ended();
    if (!owned || this.#listening || !globalThis.navigator?.mediaDevices) return;
    this.#listening = true;
    mediaDevices().addEventListener("devicechange", this.#devicesChanged);
  }

  /** Browsers differ in whether a track ends when its device is gone. */
  readonly #devicesChanged = async () => {
    const listed = await mediaDevices()
      .enumerateDevices()
      .catch(() => undefined);
    const present = new Set(listed?.map(({ deviceId }) => deviceId));
    // A list that cannot be read, or without ids, does not say that a device is gone.
    if (!listed || present.has("")) return;
    for (const [slot, { track, owned }] of [...this.#sources]) {
      const { deviceId } = track.getSettings();
      if (owned && deviceId && !present.has(deviceId)) await this.#recover(slot, track);
    }
  };

  /** The device is gone: goes on with the default one, else without. */
  #recover(slot: DeviceSlot, gone: MediaStreamTrack): Promise<void> {
    return this.#queued(slot, async () => {
      if (this.#sources.get(slot)?.track !== gone) return;
      this.#chosen.delete(slot);
      try {
        await this.#open(slot, gone.enabled);
      } catch (error) {
        await this.#put(slot, undefined);
        this.#hooks.failed(toRoomError(error, "media_failed", `The ${slot} is gone.`, false));
      }
    });
  }

  /** A track of the caller's own has ended: nothing is sent any more. */
  #ended(slot: DeviceSlot, gone: MediaStreamTrack): Promise<void> {
    return this.#queued(slot, async () => {
      if (this.#sources.get(slot)?.track === gone) await this.#put(slot, undefined);
    });
  }

  /** Does the work after what was asked for before; not when everything has been let go of since. */
  #queued(slot: DeviceSlot, work: () => Promise<void>, late?: () => void): Promise<void> {
    const stops = this.#stops;
    const before = this.#queues.get(slot) ?? Promise.resolve();
    const done = before.then(() => (stops === this.#stops ? work() : late?.()));
    this.#queues.set(
      slot,
      done.catch(() => undefined),
    );
    return done;
  }
}

function stopTracks(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}
