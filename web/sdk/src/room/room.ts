import { Emitter } from "../emitter.js";
import { fatalError, leftBeforeJoined, type RoomError } from "../errors.js";
import { newId } from "../ids.js";
import { type Log, logTo } from "../logger.js";
import type { ChannelEvent } from "../media/channels.js";
import { type DeviceKind, mediaDevices } from "../media/devices.js";
import { type DeviceSlot, LocalMedia } from "../media/local.js";
import { noTraffic } from "../signaling/connection.js";
import { Chat } from "./chat.js";
import { roomPath } from "./path.js";
import { People } from "./people.js";
import { Place } from "./place.js";
import { RoomSession, type RoomSessionEvent } from "./session.js";
import { Statistics } from "./statistics.js";
import type {
  CallStatistics,
  ChatMessage,
  Features,
  Peer,
  RoomEvents,
  RoomOptions,
  RoomState,
  Self,
} from "./types.js";

/** Arbiter counts as busy for so long after it has refused something: longer than until that is done again, in milliseconds. */
const BUSY_MS = 5_000;
/** The longest name that others are told. */
const LONGEST_NAME = 64;

/**
 * A call of a page's path. Nothing happens before `join`; after `leave` it may be joined again. It may be made anywhere, on a
 * server too.
 */
export class Room extends Emitter<RoomEvents> {
  /** Whether this browser has what a call needs, which is WebRTC. Where it has not, `join` fails with `no_webrtc`. */
  static get supported(): boolean {
    return typeof globalThis.RTCPeerConnection === "function";
  }

  /** The path that Arbiter is asked for. */
  readonly path: string;
  readonly #options: RoomOptions;
  readonly #peerId: string;
  readonly #log: Log;
  readonly #traffic = noTraffic();
  readonly #media: LocalMedia;
  readonly #people: People;
  readonly #chat: Chat;
  readonly #place: Place;
  #statistics = new Statistics();
  #session: RoomSession | undefined;
  #joining: Promise<void> | undefined;
  /** Grows with each end: tells a joining that it is another's turn. */
  #stays = 0;
  #state: RoomState = "idle";
  #name: string | undefined;
  #self: Self;
  #speaking: boolean | undefined;
  #busy: ReturnType<typeof setTimeout> | undefined;

  constructor(options: RoomOptions) {
    super();
    this.#options = options;
    this.#log = logTo(options.logger);
    this.path = options.exactPath ? options.path : roomPath(options.path);
    const { peerId, signalUrl } = options;
    this.#peerId = peerId ?? newId();
    // Who has a made-up id is another one after each load.
    this.#place = new Place(peerId && `${signalUrl} ${this.path} ${peerId}`);
    this.#name = shortName(options.name);
    this.#media = new LocalMedia({
      sends: async (slot, local) => this.#session?.call?.producer?.set(slot, local),
      changed: () => this.#selfChanged(),
      failed: (error) => this.emit("error", error),
    });
    this.#people = new People((name, payload) => this.emit(name, payload));
    this.on("peerLeft", ({ peer }) => this.#session?.call?.forget(peer.id));
    this.#chat = new Chat((message) => this.#session?.call?.send("chat", message) ?? false);
    this.#self = this.#snapshot();
  }

  /** This person, as of now. */
  get self(): Self {
    return this.#self;
  }

  /** Everybody else, by id. */
  get peers(): ReadonlyMap<string, Peer> {
    return this.#people.peers;
  }

  /** Where the call stands. */
  get state(): RoomState {
    return this.#state;
  }

  /** Whether Arbiter has refused something within the last seconds, for a reason that passes. It is done again by itself. */
  get busy(): boolean {
    return this.#busy !== undefined;
  }

  /** The room that the path has now; another one after its SFU was replaced. */
  get roomId(): string | undefined {
    return this.#session?.call?.roomId;
  }

  /** The chat so far, at most the last 1,000 messages. A message makes another array. */
  get chat(): readonly ChatMessage[] {
    return this.#chat.messages;
  }

  /**
   * Joins the call; resolves when media can flow. Without a stream, and with nothing switched on before, this person only receives
   * until a camera or microphone is. The stream's tracks are the room's from then on: `leave` stops them. While the call is joined or
   * being joined this joins nothing anew, but takes the stream.
   *
   * @throws RoomError `fatal`, and the state is `failed`; or `left` when `leave` was called in the meantime.
   */
  join(stream?: MediaStream): Promise<void> {
    const joining = this.#joining;
    if (joining) return stream ? this.#media.adopt(stream).then(() => joining) : joining;
    this.#joining = this.#join(stream);
    return this.#joining;
  }

  async #join(stream?: MediaStream): Promise<void> {
    const stay = this.#stays;
    // Without a stream too: nobody is told of anything before `join` has returned, so that a listener may leave or join.
    await (stream && this.#media.adopt(stream));
    const resumeToken = await this.#place.claim();
    if (stay !== this.#stays) {
      this.#place.release();
      throw leftBeforeJoined();
    }
    if (!Room.supported) {
      const error = fatalError("no_webrtc", "This browser has no WebRTC, which a call needs.");
      this.#failed(error);
      throw error;
    }
    const { httpUrl, signalUrl, token, createRooms = true, simulcast = true, rtcConfig } = this.#options;
    this.#people.clear();
    const session: RoomSession = new RoomSession(
      {
        httpUrl,
        path: this.path,
        createRooms,
        signaling: {
          url: signalUrl,
          peerId: this.#peerId,
          resumeToken,
          token: async () => (typeof token === "function" ? token() : token),
          traffic: Object.assign(this.#traffic, noTraffic()),
          busy: () => this.#refused(),
          log: this.#log,
        },
        call: {
          rtcConfiguration: (servers) => ({
            ...rtcConfig,
            iceServers: [...servers, ...(rtcConfig?.iceServers ?? [])],
          }),
          simulcast,
          tracks: () => this.#media.tracks,
        },
      },
      (event) => this.#on(event),
    );
    this.#session = session;
    globalThis.addEventListener?.("pagehide", this.#pageHidden);
    await session.join();
  }

  /** Leaves the call, and lets go of the camera and the microphone. Resolves when the others are told; may be called at any time. */
  async leave(): Promise<void> {
    // First: whoever hears that it is over may join with another stream.
    this.#media.stop();
    const session = this.#over("idle");
    this.#selfChanged();
    this.#place.forget();
    await session?.leave();
  }

  /** Unmutes or mutes the microphone; asks for it when there is none yet. Throws a {@link RoomError} (`media_…`) that is not fatal. */
  setMicrophone(on: boolean, deviceId?: string): Promise<void> {
    return this.#media.switch("microphone", on, deviceId);
  }

  /** Switches the camera on or off (its light goes out). Throws a {@link RoomError} (`media_…`) that is not fatal. */
  setCamera(on: boolean, deviceId?: string): Promise<void> {
    return this.#media.switch("camera", on, deviceId);
  }

  /** Chooses a microphone or camera: at once if it is on, else for the next time. */
  selectDevice(kind: DeviceKind, deviceId: string): Promise<void> {
    return this.#media.select(kind, deviceId);
  }

  /** What the person may choose from. Names are empty until a device has been allowed. */
  async devices(): Promise<MediaDeviceInfo[]> {
    return mediaDevices().enumerateDevices();
  }

  /** Sends a track of one's own (a canvas, processed sound) as microphone or camera; `null` sends none. It stays the caller's to stop. */
  setTrack(slot: DeviceSlot, track: MediaStreamTrack | null): Promise<void> {
    return this.#media.set(slot, track);
  }

  /** Shares this stream, or a screen that the browser asks the person for. Throws a {@link RoomError} (`media_…`) that is not fatal. */
  shareScreen(stream?: MediaStream): Promise<void> {
    return this.#media.share(stream);
  }

  /** Stops sharing. */
  stopScreen(): Promise<void> {
    return this.#media.stopSharing();
  }

  /** Tells the others another name, of which they see 64 characters. An empty one is none. */
  setName(name: string): void {
    this.#name = shortName(name);
    this.#selfChanged();
  }

  /**
   * Sends a chat message to everybody; one that cannot be sent at once is sent when the call is there again: the last 100 of them.
   *
   * @throws RoomError `too_large`, not fatal: over 16,384 bytes of JSON in UTF-8, name and ids included.
   */
  sendChat(text: string): void {
    this.emit("chat", this.#chat.write(text, this.#peerId, this.#name ?? ""));
  }

  /** Statistics of the call, over the time since the last call of this. Nothing but `signaling` while there is none. */
  async statistics(): Promise<CallStatistics> {
    const screenOf = (peerId: string) => this.peers.get(peerId)?.screen?.id;
    const figures = await this.#statistics.read(this.#session?.call, screenOf);
    return { ...figures, signaling: { ...this.#traffic } };
  }

  readonly #pageHidden = () => {
    // There is no time to wait for an answer, and a page that comes back from the back/forward cache is not in the call.
    this.#media.stop();
    this.#over("idle")?.leaveNow();
    this.#place.release();
    this.#selfChanged();
  };

  #become(state: RoomState): void {
    if (state === this.#state) return;
    const previous = this.#state;
    this.#state = state;
    this.#log("info", `The call is ${state}.`, { from: previous, roomId: this.roomId });
    this.emit("state", { state, previous });
  }

  /** Arbiter has refused something, for a reason that passes. */
  #refused(): void {
    if (!this.#session) return;
    const { busy } = this;
    clearTimeout(this.#busy);
    this.#busy = setTimeout(() => this.#calm(), BUSY_MS);
    if (!busy) this.emit("busy", { busy: true });
  }

  #calm(): void {
    if (!this.busy) return;
    clearTimeout(this.#busy);
    this.#busy = undefined;
    this.emit("busy", { busy: false });
  }

  /** The session ends; gives it back. */
  #over(state: "idle" | "failed"): RoomSession | undefined {
    const session = this.#session;
    this.#session = undefined;
    this.#joining = undefined;
    this.#stays += 1;
    this.#speaking = undefined;
    this.#statistics = new Statistics();
    globalThis.removeEventListener?.("pagehide", this.#pageHidden);
    this.#people.clear();
    this.#calm();
    this.#become(state);
    return session;
  }

  #failed(error: RoomError): void {
    const { code, status } = error;
    this.#log("error", "The call is over.", { code, status });
    // A token that did not open the place is of no use: the next try is to bring the one that does, should this tab have it by then.
    if (code === "peer_in_use") this.#place.release();
    this.#over("failed");
    this.emit("error", error);
  }

  #snapshot(): Self {
    const { camera, screen } = this.#media;
    const features: Features = {
      audio: this.#media.isOn("microphone"),
      video: this.#media.isOn("camera"),
      screen: screen?.id ?? null,
      ...(this.#name !== undefined && { name: this.#name }),
      ...(this.#speaking !== undefined && { speaking: this.#speaking }),
    };
    return { id: this.#peerId, features, camera, screen };
  }

  #selfChanged(): void {
    const before = JSON.stringify(this.#self.features);
    this.#self = this.#snapshot();
    if (JSON.stringify(this.#self.features) !== before) this.#announce(false);
    this.emit("selfChanged", { self: this.#self });
  }

  /** Tells the SFU, and through it the others, what is on; and which socket is this person's. */
  #announce(initialConnect: boolean): void {
    const call = this.#session?.call;
    const { speaking: _, ...features } = this.#self.features;
    call?.send("features", {
      id: this.#peerId,
      features,
      ...(initialConnect && { initialConnect }),
      ...(call.connectionId !== undefined && { connectionId: call.connectionId }),
    });
  }

  #on(event: RoomSessionEvent): void {
    switch (event.type) {
      case "state":
        this.#become(event.state);
        return;
      case "moving":
        this.#people.suspend();
        return;
      case "failed":
        this.#failed(event.error);
        return;
      case "error":
        this.emit("error", event.error);
        return;
      case "announce":
        this.#announce(false);
        return;
      case "opened":
        if (event.channel === "features") this.#announce(true);
        else this.#chat.flush();
        return;
      case "message":
        this.#message(event);
        return;
      case "offered":
        this.#people.offered(event.peerId);
        return;
      case "peerConnection":
        this.#people.connection(event.peerId, event.state);
        return;
      case "streams":
        this.#people.streams(event.peerId, event.streams);
        return;
      case "track":
        this.#people.track(event.peerId, event.track, event.stream);
        return;
      case "clientDisconnect":
        // `lost`: the media may go on; the SFU tells what becomes of it.
        if (event.reason === "left") this.#people.left(event.clientId);
    }
  }

  #message({ channel, message }: Extract<ChannelEvent, { type: "message" }>): void {
    if (channel === "chat") {
      const received = this.#chat.receive(message);
      if (received) this.emit("chat", received);
      return;
    }
    const id = message.id;
    if (typeof id !== "string") return;
    if (id === this.#peerId) this.#heardOurselves(message.features);
    else this.#people.told(id, message);
  }

  /** The SFU repeats our own features with `speaking`. */
  #heardOurselves(features: unknown): void {
    const speaking = (features as Partial<Features> | null | undefined)?.speaking;
    if (typeof speaking !== "boolean" || speaking === this.#speaking) return;
    this.#speaking = speaking;
    this.#self = this.#snapshot();
    this.emit("speaking", { peerId: this.#peerId, speaking });
    this.emit("selfChanged", { self: this.#self });
  }
}

function shortName(name: string | undefined): string | undefined {
  const trimmed = name?.trim();
  return trimmed ? [...trimmed].slice(0, LONGEST_NAME).join("") : undefined;
}
