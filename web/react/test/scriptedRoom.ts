import type {
  CallStatistics,
  ChatMessage,
  Peer,
  RoomErrorInit,
  RoomEvents,
  RoomOptions,
  RoomState,
  Self,
} from "@arbiter/client";

type Listener = (payload: never) => void;

/** A room that does what a test says, in place of one that needs a browser's connections. Same interface as `Room`. */
export class ScriptedRoom {
  /** Every room that was made since `reset`, the newest last. */
  static made: ScriptedRoom[] = [];
  /** How many are in a call. */
  static get inCall(): number {
    return ScriptedRoom.made.filter((room) => room.state !== "idle").length;
  }
  /** Whether the browser has WebRTC. */
  static supported = true;
  static reset(): void {
    ScriptedRoom.made = [];
    ScriptedRoom.supported = true;
  }
  static get latest(): ScriptedRoom {
    const room = ScriptedRoom.made.filter((one) => one.listening > 0).at(-1);
    if (!room) throw new Error("no room is in use");
    return room;
  }

  /** What was called, as `name(arguments)`. */
  readonly calls: string[] = [];
  /** What `join` does; by default it succeeds, where that is possible. */
  onJoin: (room: ScriptedRoom) => Promise<void> | void = (room) => {
    if (!ScriptedRoom.supported) throw room.fail({ code: "no_webrtc", message: "x", fatal: true });
    room.become("joined");
  };
  self: Self;
  state: RoomState = "idle";
  busy = false;
  readonly peers = new Map<string, Peer>();
  readonly chat: ChatMessage[] = [];
  readonly path: string;
  roomId: string | undefined;
  deviceList: MediaDeviceInfo[] = [];
  joined: MediaStream | undefined;
  readonly options: RoomOptions;
  readonly #listeners = new Map<string, Set<Listener>>();

  constructor(options: RoomOptions) {
    this.options = options;
    this.path = options.path;
    this.self = {
      id: options.peerId ?? "me",
      features: { audio: false, video: false, name: options.name ?? "" },
      camera: undefined,
      screen: undefined,
    };
    ScriptedRoom.made.push(this);
  }

  get listening(): number {
    return [...this.#listeners.values()].reduce((sum, set) => sum + set.size, 0);
  }

  on<E extends keyof RoomEvents>(event: E, listener: (payload: RoomEvents[E]) => void): () => void {
    const set = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, set);
    set.add(listener as Listener);
    return () => set.delete(listener as Listener);
  }

  emit<E extends keyof RoomEvents>(event: E, payload: RoomEvents[E]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])])
      (listener as (payload: RoomEvents[E]) => void)(payload);
  }

  async join(stream?: MediaStream): Promise<void> {
    this.calls.push("join()");
    this.joined = stream;
    this.features(
      { audio: !!stream?.getAudioTracks().length, video: !!stream?.getVideoTracks().length },
      stream,
    );
    await this.onJoin(this);
  }

  async leave(): Promise<void> {
    this.calls.push("leave()");
    this.peers.clear();
    this.become("idle");
    for (const track of this.joined?.getTracks() ?? []) track.stop();
    this.features({ audio: false, video: false }, undefined);
  }

  async setMicrophone(on: boolean, deviceId?: string): Promise<void> {
    this.calls.push(`setMicrophone(${[on, deviceId].filter((part) => part !== undefined).join(", ")})`);
    this.features({ audio: on });
  }

  async setCamera(on: boolean, deviceId?: string): Promise<void> {
    this.calls.push(`setCamera(${[on, deviceId].filter((part) => part !== undefined).join(", ")})`);
    this.features({ video: on });
  }

  async selectDevice(kind: string, deviceId: string): Promise<void> {
    this.calls.push(`selectDevice(${kind}, ${deviceId})`);
  }

  async devices(): Promise<MediaDeviceInfo[]> {
    return this.deviceList;
  }

  async shareScreen(): Promise<void> {
    this.calls.push("shareScreen()");
    this.self = { ...this.self, screen: new MediaStream() };
    this.emit("selfChanged", { self: this.self });
  }

  async stopScreen(): Promise<void> {
    this.calls.push("stopScreen()");
    this.self = { ...this.self, screen: undefined };
    this.emit("selfChanged", { self: this.self });
  }

  async setName(name: string): Promise<void> {
    this.calls.push(`setName(${name})`);
    this.features({ name });
  }

  async sendChat(content: string): Promise<void> {
    this.calls.push(`sendChat(${content})`);
    this.say(this.self.id, content);
  }

  async statistics(): Promise<CallStatistics> {
    return {
      roundTrip: 0.042,
      sent: [
        { kind: "audio", source: "camera", bitsPerSecond: 32_000, packetsLost: 0 },
        {
          kind: "video",
          source: "camera",
          bitsPerSecond: 1_240_000,
          packetsLost: 0,
          width: 1280,
          height: 720,
          framesPerSecond: 30,
        },
      ],
      received: [...this.peers.keys()].map((peerId) => ({
        peerId,
        tracks: [
          {
            kind: "video",
            source: "camera",
            bitsPerSecond: 610_000,
            packetsLost: 3,
            width: 640,
            height: 360,
            framesPerSecond: 30,
          },
        ],
      })),
      signaling: { sent: 4, received: 9, bytesSent: 6210, bytesReceived: 12_400, reconnects: 1 },
    };
  }

  // What follows is for the test.

  become(state: RoomState): void {
    const previous = this.state;
    this.state = state;
    if (state !== previous) this.emit("state", { state, previous });
  }

  fail(error: RoomErrorInit): Error & RoomErrorInit {
    const thrown = Object.assign(new Error(error.message), error);
    this.emit("error", thrown);
    if (error.fatal) this.become("failed");
    return thrown;
  }

  features(change: Partial<Self["features"]>, camera: MediaStream | undefined = this.self.camera): void {
    this.self = { ...this.self, camera, features: { ...this.self.features, ...change } };
    this.emit("selfChanged", { self: this.self });
  }

  comes(id: string, change: Partial<Peer> = {}): void {
    const peer: Peer = {
      id,
      features: { audio: true, video: false, name: id },
      state: "connected",
      camera: undefined,
      screen: undefined,
      ...change,
    };
    const known = this.peers.has(id);
    this.peers.set(id, peer);
    this.emit(known ? "peerChanged" : "peerJoined", { peer });
  }

  goes(id: string, reason: "left" | "lost" = "left"): void {
    const peer = this.peers.get(id);
    if (!peer) return;
    this.peers.delete(id);
    this.emit("peerLeft", { peer, reason });
  }

  say(from: string, content: string, at = new Date()): void {
    const sender = this.peers.get(from)?.features.name ?? this.self.features.name ?? "";
    const message = { id: `${from}-${this.chat.length}`, from, sender, content, at };
    this.chat.push(message);
    this.emit("chat", message);
  }
}
