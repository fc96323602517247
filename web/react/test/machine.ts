/** A track that a test can look at. */
export class Track extends EventTarget {
  readonly id: string;
  readonly kind: string;
  /** The device that it comes from. */
  readonly deviceId: string | undefined;
  enabled = true;
  readyState = "live";

  constructor(kind: string, asked?: string, deviceId = asked) {
    super();
    this.kind = kind;
    this.deviceId = deviceId;
    this.id = `${kind} ${asked ?? "default"}`;
  }
  stop(): void {
    this.readyState = "ended";
  }
  /** The browser ends it: the device is gone, or is allowed no more. */
  end(): void {
    this.stop();
    this.dispatchEvent(new Event("ended"));
  }
  getSettings(): MediaTrackSettings {
    return this.deviceId === undefined ? {} : { deviceId: this.deviceId };
  }
}

/** A stream of such tracks. */
export class Stream extends EventTarget {
  readonly #tracks: Track[];
  constructor(tracks: Track[] = []) {
    super();
    this.#tracks = [...tracks];
  }
  getTracks(): Track[] {
    return [...this.#tracks];
  }
  getAudioTracks(): Track[] {
    return this.#tracks.filter((track) => track.kind === "audio");
  }
  getVideoTracks(): Track[] {
    return this.#tracks.filter((track) => track.kind === "video");
  }
}

/** A stream for components, which know it by its interface. */
export function streamOf(...kinds: string[]): MediaStream {
  return new Stream(kinds.map((kind) => new Track(kind))) as unknown as MediaStream;
}

/** The camera and the microphone of the machine that the tests run on: they do what a test says. */
class Machine {
  /** Every track that was given out, oldest first. */
  tracks: Track[] = [];
  /** What was asked for: `audio`, `video`, with `=id` for a device. */
  asked: string[] = [];
  /** The error's name for a kind, by kind. */
  errors: Partial<Record<"audio" | "video", string>> = {};
  /** Devices that have been unplugged. */
  gone = new Set<string>();
  permissions: Record<string, string> = {};
  /** What the browser tells of permissions. */
  readonly statuses: EventTarget[] = [];
  /** What the browser tells of devices. */
  readonly changes = new EventTarget();
  /** While set, the browser's prompt is open. */
  prompt: Promise<void> | undefined;
  devices: MediaDeviceInfo[] = [];
  /** Whether loudspeakers play without a click. */
  autoplay = true;
  played: unknown[] = [];

  reset(): void {
    Object.assign(this, new Machine());
    this.devices = [
      device("audioinput", "mic-1", "Built-in microphone"),
      device("audioinput", "mic-2", "Headset"),
      device("videoinput", "cam-1", "Built-in camera"),
      device("videoinput", "cam-2", "Desk camera"),
    ];
    install(this);
  }

  /** A device comes. */
  plug(kind: MediaDeviceKind, deviceId: string, label: string): void {
    this.devices = [...this.devices, device(kind, deviceId, label)];
    this.changes.dispatchEvent(new Event("devicechange"));
  }

  /** Devices go. Not every browser ends their tracks. */
  unplug(...ids: string[]): void {
    this.devices = this.devices.filter(({ deviceId }) => !ids.includes(deviceId));
    for (const track of this.tracks) {
      if (track.readyState === "live" && ids.includes(track.deviceId ?? "")) track.end();
    }
    this.changes.dispatchEvent(new Event("devicechange"));
  }

  /** The person changes what the browser allows. */
  permit(name: "camera" | "microphone", state: PermissionState): void {
    this.permissions[name] = state;
    const kind = name === "camera" ? "video" : "audio";
    if (state === "denied") this.errors[kind] = "NotAllowedError";
    else delete this.errors[kind];
    for (const status of this.statuses) status.dispatchEvent(new Event("change"));
  }

  async open(wanted: MediaStreamConstraints): Promise<Stream> {
    const kinds = (["audio", "video"] as const).filter((kind) => wanted[kind]);
    const ids = kinds.map((kind) => idOf(wanted[kind]));
    this.asked.push(kinds.map((kind, at) => (ids[at] ? `${kind}=${ids[at]}` : kind)).join("+"));
    await this.prompt;
    for (const [at, kind] of kinds.entries()) {
      if (this.errors[kind]) throw named(this.errors[kind]);
      const listed = this.#listed(kind);
      if (listed.length === 0) throw named("NotFoundError");
      const id = ids[at];
      if (id && (this.gone.has(id) || !listed.includes(id))) throw named("OverconstrainedError");
    }
    const tracks = kinds.map((kind, at) => new Track(kind, ids[at], ids[at] ?? this.#listed(kind)[0]));
    this.tracks.push(...tracks);
    return new Stream(tracks);
  }

  #listed(kind: string): string[] {
    return this.devices.filter((one) => one.kind === `${kind}input`).map(({ deviceId }) => deviceId);
  }
}

export const machine = new Machine();

function device(kind: MediaDeviceKind, deviceId: string, label: string): MediaDeviceInfo {
  return { kind, deviceId, label, groupId: "", toJSON: () => ({}) };
}

function idOf(wanted: boolean | MediaTrackConstraints | undefined): string | undefined {
  if (typeof wanted !== "object") return undefined;
  return (wanted.deviceId as ConstrainDOMStringParameters | undefined)?.exact as string | undefined;
}

function named(name: string): Error {
  return Object.assign(new Error(name), { name });
}

function install(here: Machine): void {
  Object.assign(globalThis, { MediaStream: Stream });
  const define = (name: string, value: unknown) =>
    Object.defineProperty(navigator, name, { configurable: true, value });
  define("mediaDevices", {
    getUserMedia: (wanted: MediaStreamConstraints) => here.open(wanted),
    getDisplayMedia: async () => streamOf("video"),
    enumerateDevices: async () => here.devices,
    addEventListener: here.changes.addEventListener.bind(here.changes),
    removeEventListener: here.changes.removeEventListener.bind(here.changes),
  });
  define("permissions", {
    query: async ({ name }: { name: string }) => {
      const status = Object.defineProperty(new EventTarget(), "state", {
        get: () => here.permissions[name] ?? "prompt",
      });
      here.statuses.push(status);
      return status;
    },
  });
  const element = HTMLMediaElement.prototype;
  const sources = new WeakMap<object, unknown>();
  Object.defineProperty(element, "srcObject", {
    configurable: true,
    get() {
      return sources.get(this) ?? null;
    },
    set(value) {
      sources.set(this, value);
    },
  });
  element.play = async function () {
    if (this.tagName !== "AUDIO") return;
    if (!here.autoplay) throw named("NotAllowedError");
    here.played.push(this.srcObject);
  };
  // Nothing is laid out here: every box has the size of a small window.
  for (const [name, value] of Object.entries({ clientWidth: 1000, clientHeight: 600 })) {
    Object.defineProperty(HTMLElement.prototype, name, { configurable: true, get: () => value });
  }
}
