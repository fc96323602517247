import { remember } from "../recent.js";
import type { Features, Peer, PeerState, RoomEvents } from "./types.js";

/** How long people are kept on the screen while the call moves to another SFU, in milliseconds. */
const SUSPENDED_MS = 20_000;
/** The longest name that is shown. */
const LONGEST_NAME = 64;
/** The longest id of a screen's stream: browsers make shorter ones. */
const LONGEST_SCREEN = 64;
/** Streams of one peer that are remembered to be screens. */
const MOST_SCREENS = 16;
/** People that are gone who are remembered, to tell what comes late of them. */
const MOST_GONE = 256;

/** What becomes of people: of a room's events those that are about its peers. */
export type TellOfPeople = <
  Name extends "peerJoined" | "peerLeft" | "peerChanged" | "features" | "speaking" | "track",
>(
  name: Name,
  payload: RoomEvents[Name],
) => void;

/** What somebody has said of their features: clients of the original may say nothing of them, or not all. */
type Said = Partial<Features>;

interface Entry {
  peer: Peer;
  said: Said;
  /** Not shown yet: see {@link People.offered}. */
  hidden: boolean;
  lost: boolean;
  connection: RTCPeerConnectionState | undefined;
  wasConnected: boolean;
  streams: readonly MediaStream[];
  /** The tracks of several streams that are one person's picture and sound. */
  gathered: MediaStream | undefined;
  /** Streams that were said to be a screen, the last ones: they never become the camera. */
  screens: Set<string>;
  arrived: WeakSet<MediaStreamTrack>;
  /** The source that each track was announced with. */
  announced: WeakMap<MediaStreamTrack, "camera" | "screen">;
  /** Kept while the call moves to another SFU. */
  suspended: ReturnType<typeof setTimeout> | undefined;
}

/** Who else is in the room (docs/MEDIA.md, "Who is there"). */
export class People {
  readonly #tell: TellOfPeople;
  readonly #entries = new Map<string, Entry>();
  readonly #peers = new Map<string, Peer>();
  /** Peers whose end the SFU told: the gateway's word about the same end may still be on its way. */
  readonly #goneBefore = new Set<string>();
  /** Who was here and is not. */
  readonly #departed = new Set<string>();

  constructor(tell: TellOfPeople) {
    this.#tell = tell;
  }

  /** Everybody, as they are now. The same object always. */
  get peers(): ReadonlyMap<string, Peer> {
    return this.#peers;
  }

  /** A message of the features channel about somebody else. */
  told(id: string, message: Record<string, unknown>): void {
    if (message.presence === "gone") {
      const known = this.#entries.get(id);
      if (known) remember(this.#goneBefore, id, MOST_GONE);
      // Who broke off was lost for a while before being given up.
      this.gone(id, known?.lost ? "lost" : "left");
      return;
    }
    const told = readFeatures(message.features);
    const isNew = this.#entries.get(id)?.hidden !== false;
    const entry = this.#entries.get(id) ?? this.#add(id);
    if (told) entry.said = told;
    this.#present(entry);
    entry.lost = message.presence === "lost";
    const before = entry.peer.features;
    if (typeof entry.said.screen === "string") remember(entry.screens, entry.said.screen, MOST_SCREENS);
    this.#update(entry);
    if (told && isNew) this.#tell("features", { peer: entry.peer, features: entry.peer.features });
    const speaking = entry.said.speaking === true;
    if (speaking !== (!isNew && before.speaking === true)) this.#tell("speaking", { peerId: id, speaking });
  }

  /**
   * A connection with the peer's media begins. An offer may arrive after the news that its peer is gone: who has been here
   * before is shown only when there is more than that.
   */
  offered(id: string): void {
    const entry = this.#entries.get(id) ?? this.#add(id, "new");
    entry.connection = "new";
    if (!this.#departed.has(id)) this.#present(entry);
    this.#update(entry);
  }

  /** The connection with the peer's media is in another state. */
  connection(id: string, state: RTCPeerConnectionState): void {
    const entry = this.#entries.get(id);
    if (!entry) return;
    entry.connection = state;
    entry.wasConnected ||= state === "connected";
    if (state === "connected") this.#present(entry);
    this.#update(entry);
  }

  /** The streams that the peer sends now. */
  streams(id: string, streams: readonly MediaStream[]): void {
    const entry = this.#entries.get(id);
    if (!entry) return;
    entry.streams = streams;
    this.#update(entry);
  }

  /** A track arrived. */
  track(id: string, track: MediaStreamTrack, stream: MediaStream): void {
    const entry = this.#entries.get(id);
    entry?.arrived.add(track);
    if (entry && !entry.hidden) this.#announce(entry, track, stream);
  }

  /** The gateway says that the peer left. After the SFU's word that is old news: the peer may have come again since. */
  left(id: string): void {
    if (!this.#goneBefore.delete(id)) this.gone(id, "left");
  }

  /** The peer is gone. */
  gone(id: string, reason: "left" | "lost"): void {
    const entry = this.#entries.get(id);
    if (!entry) return;
    clearTimeout(entry.suspended);
    this.#entries.delete(id);
    this.#peers.delete(id);
    remember(this.#departed, id, MOST_GONE);
    if (!entry.hidden) this.#tell("peerLeft", { peer: entry.peer, reason });
  }

  /** The call moves to another SFU: everybody is kept for a while, until they are back. */
  suspend(): void {
    for (const [id, entry] of this.#entries) {
      clearTimeout(entry.suspended);
      entry.suspended = setTimeout(() => this.gone(id, "lost"), SUSPENDED_MS);
      entry.connection = undefined;
      this.#update(entry);
    }
  }

  /** The call is over. Nobody is told. */
  clear(): void {
    for (const entry of this.#entries.values()) clearTimeout(entry.suspended);
    this.#entries.clear();
    this.#goneBefore.clear();
    this.#departed.clear();
    this.#peers.clear();
  }

  /** Something was heard of somebody: shown from now on, and no longer given up. */
  #present(entry: Entry): void {
    clearTimeout(entry.suspended);
    entry.suspended = undefined;
    if (!entry.hidden) return;
    entry.hidden = false;
    const features = featuresOf(entry, entry.peer.camera);
    entry.peer = { ...entry.peer, features, state: stateOf(entry, features) };
    this.#peers.set(entry.peer.id, entry.peer);
    this.#tell("peerJoined", { peer: entry.peer });
    this.#announceAll(entry);
  }

  #add(id: string, connection?: RTCPeerConnectionState): Entry {
    const features = { audio: false, video: false };
    const entry: Entry = {
      peer: { id, features, state: "connecting", camera: undefined, screen: undefined },
      said: {},
      hidden: true,
      lost: false,
      connection,
      wasConnected: false,
      streams: [],
      gathered: undefined,
      screens: new Set(),
      arrived: new WeakSet(),
      announced: new WeakMap(),
      suspended: undefined,
    };
    this.#entries.set(id, entry);
    return entry;
  }

  /** Makes a new snapshot, and tells if it differs from the last one. */
  #update(entry: Entry): void {
    const before = entry.peer;
    const camera = this.#camera(entry);
    const features = featuresOf(entry, camera);
    const screen = entry.streams.find((stream) => stream.id === features.screen);
    const state = stateOf(entry, features);
    const sameWord = sameFeatures(features, before.features);
    const same = state === before.state && camera === before.camera && screen === before.screen && sameWord;
    if (same && !entry.hidden) return;
    entry.peer = { id: before.id, features, state, camera, screen };
    if (entry.hidden) return;
    this.#peers.set(before.id, entry.peer);
    this.#tell("peerChanged", { peer: entry.peer });
    if (!sameWord) this.#tell("features", { peer: entry.peer, features: entry.peer.features });
    this.#announceAll(entry);
  }

  /** A person's picture and sound: in one stream, or in several, as clients send it that are not ours. */
  #camera(entry: Entry): MediaStream | undefined {
    const streams = entry.streams.filter((stream) => !entry.screens.has(stream.id));
    const [first] = streams;
    if (!first || streams.length === 1 || (hasSound(first) && hasPicture(first))) return first;
    const tracks = streams.flatMap((stream) => stream.getTracks());
    const before = entry.gathered?.getTracks() ?? [];
    const same = before.length === tracks.length && tracks.every((track) => before.includes(track));
    if (!same) entry.gathered = new MediaStream(tracks);
    return entry.gathered;
  }

  /** Tells of tracks that arrived while their peer was hidden, or as something else. */
  #announceAll(entry: Entry): void {
    for (const stream of entry.streams) {
      for (const track of stream.getTracks()) {
        if (entry.arrived.has(track)) this.#announce(entry, track, stream);
      }
    }
  }

  /** Tells of a track; again, should features that came later say that it is another source. */
  #announce(entry: Entry, track: MediaStreamTrack, stream: MediaStream): void {
    const source = entry.screens.has(stream.id) ? "screen" : "camera";
    if (entry.announced.get(track) === source) return;
    entry.announced.set(track, source);
    this.#tell("track", { peer: entry.peer, track, stream, source });
  }
}

/** What somebody has switched on, as they say; what they have said nothing of, as their media shows once it is connected. */
function featuresOf({ said, wasConnected }: Entry, camera?: MediaStream): Features {
  return {
    ...said,
    audio: said.audio ?? (wasConnected && camera !== undefined && hasSound(camera)),
    video: said.video ?? (wasConnected && camera !== undefined && hasPicture(camera)),
  };
}

function hasSound(stream: MediaStream): boolean {
  return stream.getAudioTracks().length > 0;
}

function hasPicture(stream: MediaStream): boolean {
  return stream.getVideoTracks().length > 0;
}

function stateOf(entry: Entry, features: Features): PeerState {
  if (entry.lost || entry.suspended !== undefined) return "reconnecting";
  if (entry.connection === "connected") return "connected";
  if (entry.connection === undefined) {
    // Somebody who only watches has no media to connect.
    const sends = features.audio || features.video || typeof features.screen === "string";
    if (!sends) return "connected";
  }
  return entry.wasConnected ? "reconnecting" : "connecting";
}

/** Reads what came over the wire: whatever else it holds is kept, known fields have their types. */
function readFeatures(value: unknown): Said | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const { audio, video, name, screen, speaking, ...others } = value as Record<string, unknown>;
  return {
    ...others,
    ...(audio !== undefined && { audio: audio === true }),
    ...(video !== undefined && { video: video === true }),
    ...(typeof name === "string" && { name: [...name].slice(0, LONGEST_NAME).join("") }),
    ...(screen !== undefined && {
      screen: typeof screen === "string" && screen.length <= LONGEST_SCREEN ? screen : null,
    }),
    ...(typeof speaking === "boolean" && { speaking }),
  };
}

function sameFeatures(a: Features, b: Features): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
