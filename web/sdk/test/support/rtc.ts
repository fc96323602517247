import { newId } from "../../src/ids.js";

/** A data channel that remembers what was sent. */
export class FakeChannel {
  readyState: RTCDataChannelState = "connecting";
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  readonly sent: Record<string, unknown>[] = [];

  constructor(readonly label: string) {}

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  /** The other side says this. */
  says(message: unknown): void {
    this.onmessage?.({ data: typeof message === "string" ? message : JSON.stringify(message) });
  }
}

/** Node has no tracks: what this library touches of one. */
export class FakeTrack extends EventTarget {
  readonly id = newId();
  enabled = true;
  readyState: MediaStreamTrackState = "live";
  contentHint = "";
  /** Of what a camera captures. */
  size = { width: 1280, height: 720 };

  constructor(
    readonly kind: "audio" | "video",
    readonly deviceId = "default",
  ) {
    super();
  }

  getSettings(): MediaTrackSettings {
    return { deviceId: this.deviceId, ...(this.kind === "video" && this.size) };
  }

  stop(): void {
    this.readyState = "ended";
  }

  /** The device is gone, or the browser's "stop sharing" was pressed. */
  end(): void {
    this.stop();
    this.dispatchEvent(new Event("ended"));
  }
}

/** What this library touches of a stream. */
export class FakeStream {
  readonly #tracks: FakeTrack[];

  constructor(
    tracks: FakeTrack[] = [],
    readonly id: string = newId(),
  ) {
    this.#tracks = [...tracks];
  }

  getTracks(): FakeTrack[] {
    return [...this.#tracks];
  }

  getAudioTracks(): FakeTrack[] {
    return this.#tracks.filter(({ kind }) => kind === "audio");
  }

  getVideoTracks(): FakeTrack[] {
    return this.#tracks.filter(({ kind }) => kind === "video");
  }

  getTrackById(id: string): FakeTrack | null {
    return this.#tracks.find((track) => track.id === id) ?? null;
  }

  addTrack(track: FakeTrack): void {
    if (!this.#tracks.includes(track)) this.#tracks.push(track);
  }

  removeTrack(track: FakeTrack): void {
    const index = this.#tracks.indexOf(track);
    if (index >= 0) this.#tracks.splice(index, 1);
  }
}

interface FakeReceiving {
  mid?: string;
  currentDirection: RTCRtpTransceiverDirection;
  receiver: { track: FakeTrack };
}

interface FakeTransceiver {
  direction: RTCRtpTransceiverDirection;
  currentDirection: RTCRtpTransceiverDirection | null;
  mid: string;
  codecs: { mimeType: string }[];
  sendEncodings: RTCRtpEncodingParameters[];
  sender: { track: FakeTrack | null; streams: FakeStream[] } & Record<string, unknown>;
  setCodecPreferences(codecs: { mimeType: string }[]): void;
}

/** Node has no peer connections: one whose descriptions hold no more than what the wire's rules read, and whose states a test sets. */
export class FakeConnection {
  static all: FakeConnection[] = [];
  /** The connections are up as soon as they are negotiated. */
  static automatic = true;
  /** What an offer brings, by `mid`. */
  static sections: Record<string, FakeTrack> = {};

  connectionState: RTCPeerConnectionState = "new";
  iceConnectionState: RTCIceConnectionState = "new";
  signalingState: RTCSignalingState = "stable";
  localDescription: { type: string; sdp: string } | null = null;
  onicecandidate: ((event: { candidate: unknown }) => void) | null = null;
  onconnectionstatechange: (() => void) | null = null;
  oniceconnectionstatechange: (() => void) | null = null;
  ontrack: ((event: unknown) => void) | null = null;
  readonly channels: Record<string, FakeChannel> = {};
  readonly transceivers: FakeTransceiver[] = [];
  readonly received: FakeReceiving[] = [];
  readonly candidates: unknown[] = [];
  readonly remote: string[] = [];
  readonly #fingerprint = newId();
  #ufrag = newId().slice(0, 4);

  constructor(public configuration: RTCConfiguration) {
    FakeConnection.all.push(this);
  }

  createDataChannel(label: string): FakeChannel {
    const channel = new FakeChannel(label);
    this.channels[label] = channel;
    return channel;
  }

  addTransceiver(
    track: FakeTrack,
    init: Omit<RTCRtpTransceiverInit, "streams"> & { streams: FakeStream[] },
  ): FakeTransceiver {
    const sender = {
      track: track as FakeTrack | null,
      streams: init.streams,
      replaceTrack: async (next: FakeTrack | null) => {
        sender.track = next;
      },
      setStreams: (...streams: FakeStream[]) => {
        sender.streams = streams;
      },
      getParameters: () => ({ encodings: init.sendEncodings ?? [{}] }),
      setParameters: async () => undefined,
    };
    const transceiver: FakeTransceiver = {
      direction: init.direction ?? "sendrecv",
      currentDirection: null,
      mid: String(this.transceivers.length),
      codecs: [],
      sendEncodings: init.sendEncodings ?? [],
      sender,
      setCodecPreferences: (codecs) => {
        transceiver.codecs = codecs;
      },
    };
    this.transceivers.push(transceiver);
    return transceiver;
  }

  restartIce(): void {
    this.#ufrag = newId().slice(0, 4);
  }

  setConfiguration(configuration: RTCConfiguration): void {
    this.configuration = configuration;
  }

  getTransceivers(): FakeReceiving[] {
    return this.received;
  }

  async setLocalDescription(description?: { type: "rollback" }): Promise<void> {
    if (description) {
      this.signalingState = "stable";
      return;
    }
    const type = this.signalingState === "have-remote-offer" ? "answer" : "offer";
    this.signalingState = type === "offer" ? "have-local-offer" : "stable";
    this.localDescription = {
      type,
      sdp: `a=ice-ufrag:${this.#ufrag}\r\na=fingerprint:sha-256 ${this.#fingerprint}\r\n`,
    };
    if (type === "answer") this.#negotiated();
  }

  async setRemoteDescription({ type, sdp }: { type: string; sdp: string }): Promise<void> {
    if (sdp.includes("unreadable")) throw new Error("bad SDP");
    // As with a connection that is closed meanwhile.
    if (sdp.includes("unsettled")) return new Promise(() => undefined);
    this.remote.push(sdp);
    this.signalingState = type === "offer" ? "have-remote-offer" : "stable";
    if (type === "offer")
      for (const [mid, track] of Object.entries(FakeConnection.sections))
        this.received.push({ mid, currentDirection: "recvonly", receiver: { track } });
    if (type === "answer") this.#negotiated();
  }

  async addIceCandidate(candidate: unknown): Promise<void> {
    this.candidates.push(candidate);
  }

  async getStats(): Promise<Map<string, unknown>> {
    return new Map();
  }

  close(): void {
    this.signalingState = "closed";
    this.connectionState = "closed";
  }

  /** Media comes, or breaks. */
  become(state: RTCPeerConnectionState, ice: RTCIceConnectionState = state as RTCIceConnectionState): void {
    this.connectionState = state;
    this.iceConnectionState = ice;
    this.oniceconnectionstatechange?.();
    this.onconnectionstatechange?.();
    if (state !== "connected") return;
    for (const channel of Object.values(this.channels)) {
      if (channel.readyState === "open") continue;
      channel.readyState = "open";
      channel.onopen?.();
    }
  }

  /** The peer's track arrives, in a stream or in none. */
  receives(track: FakeTrack, stream?: FakeStream): void {
    stream?.addTrack(track);
    this.received.push({ currentDirection: "recvonly", receiver: { track } });
    this.ontrack?.({ track, streams: stream ? [stream] : [] });
  }

  /** The peer does not send it any more, as the next description says. */
  loses(track: FakeTrack): void {
    for (const receiving of this.received)
      if (receiving.receiver.track === track) receiving.currentDirection = "inactive";
  }

  #negotiated(): void {
    for (const transceiver of this.transceivers) transceiver.currentDirection = transceiver.direction;
    if (FakeConnection.automatic && this.connectionState !== "connected") {
      queueMicrotask(() => {
        if (this.signalingState !== "closed") this.become("connected");
      });
    }
  }
}

/** Puts them where a browser has them. */
export function installRtc(): void {
  Object.assign(globalThis, {
    RTCPeerConnection: FakeConnection,
    MediaStream: FakeStream,
    MediaStreamTrack: FakeTrack,
    RTCRtpSender: {
      getCapabilities: () => ({ codecs: [{ mimeType: "video/VP8" }, { mimeType: "audio/opus" }] }),
    },
  });
}
