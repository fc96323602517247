import type { Logger } from "../logger.js";
import type { UrlSource } from "../room/types.js";
import type { Connection, DestroyReason, Stream, StreamDestroyReason } from "../signaling/wire.js";
import type { SessionError } from "./errors.js";

export type {
  Capabilities,
  Connection,
  DestroyReason,
  Stream,
  StreamDestroyReason,
} from "../signaling/wire.js";

/**
 * Who sent a signal. Only the id is there of a connection that this client has not heard of: with `connectionEventsSuppressed`, or when
 * the signal is faster than `connectionCreated`.
 */
export type Sender = Pick<Connection, "connectionId"> & Partial<Connection>;

/** Why one's own ended; `replaced`: another socket has taken its place. */
export type DisconnectReason = DestroyReason | "replaced";

/** Which STUN and TURN servers media may use. */
export interface IceConfig {
  /** `all` (default): the gateway's and `customServers`. `custom`: these alone. */
  includeServers?: "all" | "custom";
  /** `relay`: media goes through TURN servers only. Default `all`. */
  transportPolicy?: "all" | "relay";
  customServers?: RTCIceServer[];
}

/** What a session is made with. */
export interface SessionOptions {
  /** The WebSocket API: `signalUrl` of the local gateway, or the stack's output; or a function that gets it with a ticket. */
  url: UrlSource;
  /** The project's, that also signed the token. */
  apiKey: string;
  /** As OpenTok's server SDKs make them, pointed at Arbiter. */
  sessionId: string;
  /** Nobody's coming and going is told, and `connections` stays empty: for sessions so large that this would be most of their messages. Default: false. */
  connectionEventsSuppressed?: boolean;
  iceConfig?: IceConfig;
  /** For a session that is encrypted end to end: 8 to 256 characters that its clients share. Stays in this client. */
  encryptionSecret?: string;
  /** Anything of the application's, for `session.userData`. */
  userData?: unknown;
  /** Told what the session does and why, such as `console`. Default: none. See {@link Logger} for what is said at which level. */
  logger?: Logger;
}

/** A token, or what gets one. It is asked again at each reconnect, for tokens that do not last as long as a session does. */
export type TokenSource = string | (() => string | Promise<string>);

/** A signal to send. */
export interface SignalOptions {
  /** What receivers filter by: at most 128 of `A-Z a-z 0-9 - _ ~`. Default `""`. */
  type?: string;
  /** At most 8,192 bytes of UTF-8. Default `""`. */
  data?: string;
  /** The one that shall get it. Default: everybody, this client too. */
  to?: Pick<Connection, "connectionId"> | string;
  /**
   * Whether it waits for a reconnect while there is no connection (default), or fails at once. A signal that was under way when the
   * connection broke is sent again, too: nothing says whether it had got through, so that **it may be heard twice**. With `false` it is
   * heard once or not at all, and the promise is rejected without telling which.
   */
  retryAfterReconnect?: boolean;
}

/** A signal that came. */
export interface SignalEvent {
  type: string;
  data: string;
  /** `null`: a server sent it, by REST. */
  from: Sender | null;
}

/** A property of a stream that has changed. */
export interface StreamPropertyChange {
  changedProperty: "hasAudio" | "hasVideo" | "videoType" | "videoDimensions";
  oldValue: unknown;
  newValue: unknown;
}

/** What a stream is published with. */
export interface PublisherOptions {
  /** What the others see as its name: at most 1,000 characters. Default `""`. */
  name?: string;
  /** The sound: `true` (default) for the microphone that the browser takes, the id of a microphone, a track, or `false` for none. */
  audioSource?: boolean | string | MediaStreamTrack;
  /** The picture, likewise; for `videoType` `screen` `true` is a screen that the person is asked for. */
  videoSource?: boolean | string | MediaStreamTrack;
  /** What the picture is. Default `camera`; of `custom` tracks it says so. */
  videoType?: "camera" | "screen" | "custom";
  /** Whether it begins with sound. Default: true. */
  publishAudio?: boolean;
  /** Whether it begins with a picture. Default: true. */
  publishVideo?: boolean;
  /** The size that the camera is asked for, such as `640x480`. Default `1280x720`. */
  resolution?: `${number}x${number}`;
  /** The frames a second that the camera is asked for. Default 30. */
  frameRate?: number;
}

/** What somebody subscribes to of a stream. */
export interface SubscriberOptions {
  /** Default: true. */
  subscribeToAudio?: boolean;
  /** Default: true. */
  subscribeToVideo?: boolean;
}

/** The events of a publisher. */
export type PublisherEvents = {
  /** The stream is there. */
  streamCreated: { stream: Stream };
  streamDestroyed: { stream: Stream; reason: StreamDestroyReason };
  /** A moderator has switched the sound off; `publishAudio(true)` switches it on again. */
  muteForced: { stream: Stream };
};

/** The events of a subscriber. */
export type SubscriberEvents = {
  /** Its tracks have come, for the first time or again. */
  connected: undefined;
  /** Nothing of it comes, as whoever publishes it has lost their network, or the SFU is gone: it is frozen, and may go on. */
  disconnected: undefined;
  /** The stream has ended. */
  destroyed: { reason: StreamDestroyReason };
  /** Nothing of it can be shown: no media comes any more, or the encryption secret is not the publisher's (`otc` 6003). */
  error: SessionError;
};

/** The events of a session. */
export type SessionEvents = {
  /** It is connected: before the `connectionCreated` of those who are there. */
  sessionConnected: { connection: Connection };
  /** It is over; after `sessionReconnecting` because the others have been told so (`networkDisconnected`). `error` says why, unless somebody wanted it so. `connections` is empty from here on. */
  sessionDisconnected: { reason: DisconnectReason; error?: SessionError };
  /** The network is gone, and another connection is being tried. The others hear nothing of it. */
  sessionReconnecting: undefined;
  /**
   * The connection is there again, as if it had never been gone. The signals that came meanwhile follow, before any newer one. `missed`: how
   * many more there were, for which there was no room (0 most often).
   */
  sessionReconnected: { missed: number };
  /**
   * Somebody else is there, or came. `resumed`: as who was there before and lost its network, which it has proved; `false` also of those
   * who were there first.
   */
  connectionCreated: { connection: Connection; resumed: boolean };
  connectionDestroyed: { connection: Connection; reason: DestroyReason };
  /** Somebody else publishes. */
  streamCreated: { stream: Stream };
  streamDestroyed: { stream: Stream; reason: StreamDestroyReason };
  streamPropertyChanged: { stream: Stream } & StreamPropertyChange;
  /**
   * Somebody begins, or ceases, to speak, this client too: by the SFU's word, so not in a relayed session. A shared screen's
   * sound is nobody's voice.
   */
  speaking: { connectionId: string; speaking: boolean };
  /** A moderator has muted everybody, and what is published from now on; or has ended that. */
  muteForced: { active: boolean };
  /** Any signal. */
  signal: SignalEvent;
} & {
  /** Signals of one type. */
  [type: `signal:${string}`]: SignalEvent;
};
