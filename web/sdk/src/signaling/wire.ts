import type { Otc } from "../errors.js";

/**
 * A description as it goes over the wire. An empty `rollback` gives a consumer connection back, or refuses an offer of
 * the producer connection (docs/MEDIA.md).
 */
export interface Description {
  type: "offer" | "answer" | "rollback";
  sdp: string;
}

/** The `data` of a handshake (docs/MEDIA.md, "Connections"). */
export interface Handshake {
  type: "producer" | "consumer";
  sender: string;
  receiver?: string;
  roomId: string;
  /** Whose media a consumer connection carries. */
  remotePeerId?: string;
  negotiation?: number;
  description?: Description;
  candidate?: RTCIceCandidateInit;
  candidates?: RTCIceCandidateInit[];
  /** With an offer: the stream that each section's track is part of, by `mid`. */
  streams?: Record<string, string>;
  /** With a client's offer: of streams it receives what it subscribes to. */
  subscriptions?: "explicit";
  /** With a rollback from the SFU: why it does not take the offer. */
  refused?: { code: string; message: string };
}

/** What a handshake is about, without who sends it to whom. */
export type HandshakeContent = Pick<
  Handshake,
  "negotiation" | "description" | "candidate" | "candidates" | "streams" | "subscriptions"
>;

/** What an offer says: the description, and what is beside it. */
export type Offer = Required<Pick<Handshake, "description">> & Pick<Handshake, "streams" | "subscriptions">;

/** The answer to an identify (docs/PROTOCOL.md). */
export interface Identified {
  type: "identified";
  peerId: string;
  roomId: string;
  connectionId: string;
  /** Epoch milliseconds by the gateway's clock. */
  reconnectBefore: number;
  iceServers: RTCIceServer[];
  features: string[];
}

/** A client in a session. */
export interface Connection {
  /** Stays through reconnects. */
  readonly connectionId: string;
  /** When this stay in the session began, in epoch milliseconds by the gateway's clock. */
  readonly creationTime: number;
  /** What the maker of the token wrote into it; `""` when that was nothing. */
  readonly data: string;
}

/** What the role of the token allows: 1, or 0. */
export interface Capabilities {
  readonly publish: 0 | 1;
  readonly subscribe: 0 | 1;
  readonly signal: 0 | 1;
  readonly forceDisconnect: 0 | 1;
  readonly forceUnpublish: 0 | 1;
  readonly forceMute: 0 | 1;
}

/** Why somebody's connection ended. */
export type DestroyReason = "clientDisconnected" | "networkDisconnected" | "forceDisconnected";

/** Why a stream ended: `mediaStopped`: the SFU had nothing of it any more. */
export type StreamDestroyReason = DestroyReason | "forceUnpublished" | "mediaStopped";

/** A stream of a session. */
export interface Stream {
  readonly streamId: string;
  /** Whose it is. */
  readonly connectionId: string;
  readonly creationTime: number;
  readonly name: string;
  readonly hasAudio: boolean;
  readonly hasVideo: boolean;
  readonly videoType: "camera" | "screen" | "custom";
  readonly videoDimensions?: { readonly width: number; readonly height: number };
  readonly layoutClassList: readonly string[];
}

/** A stream as a list has it. */
export type VersionedStream = Stream & { version: number };

/** The requests about streams. */
export type StreamRequest = "publish" | "unpublish" | "updateStream" | "subscribe" | "unsubscribe";

/** The answer to an identify in a session. */
export interface SessionIdentified extends Identified {
  /** This client's own. */
  connection: Connection;
  capabilities: Capabilities;
  /** The others; those that did not fit came before it as `connections`. */
  connections: Connection[];
  /** The streams, this client's own too; those that did not fit likewise. */
  streams: VersionedStream[];
  /** `relayed`: from client to client, without an SFU. */
  mediaMode: "routed" | "relayed";
  /** Media is encrypted end to end. */
  e2ee: boolean;
  /** What is published now begins without sound; and the version of that. */
  muted?: boolean;
  muteVersion?: number;
}

/** A signal as it is delivered. */
export interface WireSignal {
  /** That of no other signal: one that comes again has the same. Older gateways give none: what they repeat is heard again. */
  id?: string;
  type: string;
  data: string;
  /** The sender's `connectionId`; `null`: it came by REST. */
  from: string | null;
  /** How many signals to all the sender's socket had sent; `null`: it came by REST. */
  seq: number | null;
  /** The one receiver, when it is not for all. */
  to?: string;
}

/** What repeats the `requestId` of the request that it answers, if that had one. */
interface Answer {
  requestId?: string;
}

/**
 * The messages that this library knows, by `type`, with their fields (docs/PROTOCOL.md, "What the gateway says"). There is no other list
 * of them: what is not here is ignored, as it is a later version's. The values are for the compiler alone.
 */
const MESSAGES = {
  // From the SFU, by way of the gateway.
  producer: {} as Handshake,
  consumer: {} as Handshake,
  // Answers.
  ack: {} as Required<Answer>,
  /** A request failed. `anonymous`: API Gateway says so itself, and not of which one. */
  error: {} as Answer & { status: number; code: string; message: string; otc?: Otc; anonymous?: true },
  identified: {} as Answer & Identified,
  issueReported: {} as Answer & { issueId: string },
  pong: {},
  // Notices.
  clientDisconnect: {} as {
    clientId: string;
    connectionId: string;
    connectedAt: number;
    reason: "left" | "lost";
  },
  goAway: {} as { reason: string },
  sfuConnect: {} as { roomId: string },
  sfuDisconnect: {} as { roomId: string; claimAfterMs: number },
  // In a session only.
  connectionCreated: {} as { connection: Connection; resumed?: boolean },
  connectionDestroyed: {} as {
    connection: Pick<Connection, "connectionId" | "creationTime">;
    /** The streams that have ended with it. */
    streams?: string[];
    reason: DestroyReason;
  },
  connections: {} as { connections: Connection[]; streams?: VersionedStream[] },
  /** To all: a moderator has muted the session, or ended that, and these streams have lost their sound; or to a publisher: one has. */
  muteForced: {} as {
    active?: boolean;
    muteVersion?: number;
    streams?: { streamId: string; version: number }[];
  },
  /** In a session, before `identified`: what was kept while this client was away, and how much more there was. */
  kept: {} as { signals: WireSignal[]; missed?: number },
  published: {} as Answer & { stream: Stream; version: number },
  signal: {} as { signal: WireSignal },
  /** To the publisher of a relayed session: what somebody wants of a stream. */
  subscription: {} as { clientId: string; streamId: string; hasAudio: boolean; hasVideo: boolean },
  streamCreated: {} as { stream: Stream; version: number },
  streamDestroyed: {} as { streamIds: string[]; reason: StreamDestroyReason; version?: number },
  streamPropertyChanged: {} as {
    stream: Pick<Stream, "streamId">;
    changes: { changedProperty: string; oldValue: unknown; newValue: unknown }[];
    version: number;
  },
} as const;

type MessageType = keyof typeof MESSAGES;

/** A message of one of these types; without any: whatever a socket brings that this library knows. */
export type Message<Type extends MessageType = MessageType> = {
  [Each in Type]: { type: Each } & (typeof MESSAGES)[Each];
}[Type];

/**
 * Reads what came over a socket. Unknown types and what is not JSON give `undefined`. API Gateway's own failures
 * (`{"message", "connectionId", "requestId"}`, where `requestId` is not ours) read as a refusal without a `requestId`.
 */
export function parse(text: unknown): Message | undefined {
  if (typeof text !== "string") return undefined;
  const message = parseObject(text);
  if (!message) return undefined;
  if (message.type === undefined && typeof message.message === "string") {
    const throttled = message.message === "Too Many Requests";
    return {
      type: "error",
      status: throttled ? 429 : 500,
      code: throttled ? "too_many_requests" : "internal_error",
      message: message.message,
      anonymous: true,
    };
  }
  const { type } = message;
  return typeof type === "string" && Object.hasOwn(MESSAGES, type)
    ? (message as unknown as Message)
    : undefined;
}

/** The JSON object that a text holds, else `undefined`. */
export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
