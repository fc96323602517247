import type { RoomErrorInit } from "../errors.js";
import type { Logger } from "../logger.js";

/** How to reach Arbiter, and which call to join. */
export interface RoomOptions {
  /** The HTTP API, such as `https://….execute-api.eu-west-1.amazonaws.com`. */
  httpUrl: string;
  /** The WebSocket API, such as `wss://….execute-api.eu-west-1.amazonaws.com/prod`. */
  signalUrl: string;
  /** The path of the page that the call belongs to. Percent-encoding and leading slashes do not matter; the site's root is `/`. */
  path: string;
  /** Ask for `path` byte for byte as it is, to meet clients that do so, as the original's. Default: false. */
  exactPath?: boolean;
  /** With `AuthMode=token`: the token, or a function that gets a fresh one. It is asked before every use. */
  token?: string | (() => string | Promise<string>);
  /** This person's id in the room, 1 to 128 of `A-Z a-z 0-9 _ . : -`. Made up when absent. */
  peerId?: string;
  /** What the others see as this person's name, at most 64 characters. */
  name?: string;
  /** Start a room when none is free. Default: true. */
  createRooms?: boolean;
  /** Send video in several sizes, so that each receiver gets what its network carries. Default: true. */
  simulcast?: boolean;
  /** Beside or in place of what the gateway names: merged into every `RTCPeerConnection`'s configuration. */
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
  state: { state: RoomState; previous: RoomState };
  peerJoined: { peer: Peer };
  /** `lost`: the connection broke; `left`: on purpose. */
  peerLeft: { peer: Peer; reason: "left" | "lost" };
  /** Anything about a peer changed: features, state or streams. */
  peerChanged: { peer: Peer };
  /** This person's features or streams changed. */
  selfChanged: { self: Self };
  track: { peer: Peer; track: MediaStreamTrack; stream: MediaStream; source: "camera" | "screen" };
  chat: ChatMessage;
  features: { peer: Peer; features: Readonly<Features> };
  speaking: { peerId: string; speaking: boolean };
  error: RoomErrorInit & Error;
}

/** Figures about one direction of one track, over the time since the last call of `statistics`. */
export interface TrackStatistics {
  kind: "audio" | "video";
  source: "camera" | "screen";
  bitsPerSecond: number;
  packetsLost: number;
  /** Seconds. */
  jitter?: number;
  width?: number;
  height?: number;
  framesPerSecond?: number;
  /** Since the beginning. */
  frames?: number;
  /** Since the beginning; grows while there is sound. */
  audioEnergy?: number;
}

/** Figures about the call. */
export interface CallStatistics {
  /** Round trip to the SFU, seconds. */
  roundTrip: number | undefined;
  sent: TrackStatistics[];
  received: { peerId: string; tracks: TrackStatistics[] }[];
  /** Messages and bytes to and from the gateway since `join`. */
  signaling: { sent: number; received: number; bytesSent: number; bytesReceived: number; reconnects: number };
}
