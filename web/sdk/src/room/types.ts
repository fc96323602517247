import type { RoomErrorInit } from "../errors.js";
import type { Logger } from "../logger.js";

/** A URL, or what gets one: it is asked for each socket anew. With `ConnectTickets=yes` the URL ends with `?ticket=…`, which is good for minutes. */
export type UrlSource = string | (() => string | Promise<string>);

/** How to reach Arbiter, and which call to join. */
export interface RoomOptions {
  /** The HTTP API, such as `https://….execute-api.eu-west-1.amazonaws.com`. */
  httpUrl: string;
  /** The WebSocket API, such as `wss://….execute-api.eu-west-1.amazonaws.com/prod`. */
  signalUrl: UrlSource;
  /** The path of the page that the call belongs to. Percent-encoding and leading slashes do not matter; the site's root is `/`. */
  path: string;
  /** Ask for `path` byte for byte as it is, to meet clients that do so, as the original's. Default: false. */
  exactPath?: boolean;
  /** With `AuthMode=token`: the token, or a function that gets a fresh one. It is asked before every use. */
  token?: string | (() => string | Promise<string>);
  /**
   * This person's id in the room, 1 to 128 of `A-Z a-z 0-9 _ . : -`. Made up when absent. With one of the page's own a tab that is loaded
   * again takes its place back, also when its network was lost; what proves that is in `sessionStorage`, until `leave`.
   */
  peerId?: string;
  /** What the others see as this person's name, at most 64 characters. */
  name?: string;
  /** Start a room when none is free, which costs a task at AWS. `false`: `join` fails with `no_room` then. Default: true. */
  createRooms?: boolean;
  /**
   * Send the camera in up to three sizes, so that each receiver gets what its network carries. `false` sends one, which everybody gets: for
   * calls of two, or where every network is good. Default: true.
   */
  simulcast?: boolean;
  /** Merged into every `RTCPeerConnection`'s configuration, such as `iceTransportPolicy`. Its `iceServers` come after the gateway's. */
  rtcConfig?: RTCConfiguration;
  /** Told what the call does and why, such as `console`. Default: none. See {@link Logger} for what is said at which level. */
  logger?: Logger;
}

/**
 * Where a call stands.
 *
 * - `idle`: not joined yet, or left
 * - `finding`: looking for the room of the path
 * - `starting`: no room was free, one is being started; takes up to a minute at AWS
 * - `joining`: in the room, media is being set up
 * - `joined`
 * - `reconnecting`: signaling or the SFU is being restored; media goes on while it can
 * - `failed`: given up; `join` may be called again
 */
export type RoomState = "idle" | "finding" | "starting" | "joining" | "joined" | "reconnecting" | "failed";

/** What a person has switched on, as the others know it. */
export interface Features {
  /** The microphone is on. */
  audio: boolean;
  /** The camera is on. */
  video: boolean;
  /** What to call the person. */
  name?: string;
  /** The id of the stream that is this person's shared screen. */
  screen?: string | null;
  /** The SFU hears this person speak. */
  speaking?: boolean;
  /** What other clients may add. */
  [feature: string]: unknown;
}

/** How well somebody else can be reached. `reconnecting`: their signaling or their media is interrupted. */
export type PeerState = "connecting" | "connected" | "reconnecting";

/** Somebody else in the room. A snapshot: a change makes another object. */
export interface Peer {
  readonly id: string;
  readonly features: Readonly<Features>;
  readonly state: PeerState;
  /** Microphone and camera. The same object for as long as the connection lives. */
  readonly camera: MediaStream | undefined;
  /** The shared screen, with its sound if there is any. */
  readonly screen: MediaStream | undefined;
}

/** This person. A snapshot: a change makes another object. */
export interface Self {
  readonly id: string;
  readonly features: Readonly<Features>;
  readonly camera: MediaStream | undefined;
  readonly screen: MediaStream | undefined;
}

/** A chat message, as it is shown. */
export interface ChatMessage {
  readonly id: string;
  /** The peer that sent it, as the SFU says. */
  readonly from: string;
  /** The name to show. */
  readonly sender: string;
  readonly content: string;
  /** When it arrived, or was sent, by this machine's clock. */
  readonly at: Date;
}

/** The events of a `Room`, and what their listeners are given. */
export interface RoomEvents {
  /** Where the call stands is another. `room.state` is the new one already. */
  state: { state: RoomState; previous: RoomState };
  /** Arbiter refuses something for a reason that passes, such as too many requests, and it is done again; or that is over. `room.busy` is the same. */
  busy: { busy: boolean };
  /** Somebody is there: who was there before us too. Their media follows. */
  peerJoined: { peer: Peer };
  /** `lost`: the connection broke; `left`: on purpose. */
  peerLeft: { peer: Peer; reason: "left" | "lost" };
  /** Anything about a peer changed: features, state or streams. */
  peerChanged: { peer: Peer };
  /** This person's features or streams changed. */
  selfChanged: { self: Self };
  /** Media of a peer arrived; again with another `source` should a camera turn out to be a screen. */
  track: { peer: Peer; track: MediaStreamTrack; stream: MediaStream; source: "camera" | "screen" };
  /** A message, one's own too. */
  chat: ChatMessage;
  /** What a peer has switched on is something else, or told for the first time. */
  features: { peer: Peer; features: Readonly<Features> };
  /** The SFU hears a peer, or this person, begin or stop to speak. */
  speaking: { peerId: string; speaking: boolean };
  /** A `RoomError`. `fatal`: the call is over, and the state is `failed`. */
  error: RoomErrorInit & Error;
}

/** Statistics of one direction of one track, over the time since the last call of `statistics`. What a browser does not measure is missing. */
export interface TrackStatistics {
  kind: "audio" | "video";
  /** `camera` is the microphone too, `screen` also its sound. */
  source: "camera" | "screen";
  /** Of all sizes together; 0 the first time. */
  bitsPerSecond: number;
  /** Packets: of what is sent, as the SFU reports. */
  packetsLost: number;
  /** Seconds. */
  jitter?: number;
  /** Pixels, of the largest size that is sent. */
  width?: number;
  height?: number;
  framesPerSecond?: number;
  /** Encoded or decoded since the beginning. */
  frames?: number;
  /** Since the beginning, as `totalAudioEnergy` of WebRTC's statistics; grows while there is sound. */
  audioEnergy?: number;
}

/** Statistics of the call. */
export interface CallStatistics {
  /** Round trip to the SFU in seconds; `undefined` while there is no connection. */
  roundTrip: number | undefined;
  sent: TrackStatistics[];
  /** By peer whose media is connected or being connected. */
  received: { peerId: string; tracks: TrackStatistics[] }[];
  /** Messages and bytes of UTF-8 to and from the gateway since `join`, and sockets that took the place of another. */
  signaling: { sent: number; received: number; bytesSent: number; bytesReceived: number; reconnects: number };
}
