import type { Log } from "../logger.js";
import type { Description, Handshake, HandshakeContent } from "../signaling/wire.js";
import { CandidateBox, CandidateSender, type CandidateStyle } from "./candidates.js";
import { type ChannelEvent, Channels } from "./channels.js";
import { closeQuietly } from "./close.js";
import { Offerer } from "./offerer.js";
import { identityOf } from "./sdp.js";
import { cameraLayers, preferredCodecs, SCREEN_BITRATE } from "./simulcast.js";
import { Watch } from "./watch.js";

/** What a person can send. */
export type Slot = "microphone" | "camera" | "screen" | "screenAudio";

/** A track and the stream that the others get it in. */
export interface LocalTrack {
  readonly track: MediaStreamTrack;
  readonly stream: MediaStream;
}

/** What a producer connection needs to know. */
export interface ProducerOptions {
  config: RTCConfiguration;
  simulcast: boolean;
  tracks: ReadonlyMap<Slot, LocalTrack>;
  numbers: { next(): number };
  style: () => CandidateStyle;
  /** Whether the SFU hears what is sent. */
  reachable: () => boolean;
  /** Sends a handshake to the SFU. */
  send: (content: HandshakeContent) => void;
  log: Log;
}

/** What a producer connection tells. */
export type ProducerEvent =
  /** The SFU took the last offer. */
  | { type: "answered" }
  /** The SFU did not take the last offer: what was sent before goes on. */
  | { type: "refused"; code: string; message: string }
  /** Media can flow. */
  | { type: "connected" }
  /** Media does not flow; it is being seen to. */
  | { type: "interrupted" }
  /** It will not come back: begin a new one. */
  | { type: "broken"; reason: string }
  | ChannelEvent;

/** The connection that carries what this person sends, and the data channels. A broken one is replaced by another object. */
export class Producer {
  /** For statistics. */
  readonly connection: RTCPeerConnection;
  readonly channels: Channels;
  readonly #options: ProducerOptions;
  readonly #emit: (event: ProducerEvent) => void;
  readonly #offerer: Offerer;
  readonly #watch: Watch;
  readonly #box = new CandidateBox();
  readonly #sender: CandidateSender;
  readonly #transceivers = new Map<Slot, RTCRtpTransceiver>();
  #state: RTCPeerConnectionState = "new";
  /** The certificate with which the SFU answered first. */
  #answeredBy: string | undefined;

  constructor(options: ProducerOptions, emit: (event: ProducerEvent) => void) {
    this.#options = options;
    this.#emit = emit;
    this.connection = new RTCPeerConnection(options.config);
    this.channels = new Channels(this.connection, emit);
    this.#sender = new CandidateSender(options.style, options.send);
    this.#offerer = new Offerer(options.numbers, {
      make: () => this.#makeOffer(),
      send: (negotiation, description, repeats) => {
        if (repeats > 0) options.log("warn", "An offer is sent again: no answer.", { negotiation, repeats });
        options.send({ negotiation, description });
      },
      apply: (answer) => this.#apply(answer),
      rollBack: () => this.connection.setLocalDescription({ type: "rollback" }),
      reachable: options.reachable,
      failed: (reason) => emit({ type: "broken", reason }),
    });
    // What comes of a connection is watched once its offer is answered. Until then that is the offerer's to see to.
    this.#watch = new Watch(false, {
      restart: () => {
        this.connection.restartIce();
        this.#offer(`ICE restarts, as it is ${this.#state}`);
      },
      replace: () => emit({ type: "broken", reason: this.#state }),
    });
    this.connection.onicecandidate = ({ candidate }) => this.#sender.found(candidate?.toJSON() ?? null);
    this.connection.onconnectionstatechange = () => this.#changed();
    this.connection.oniceconnectionstatechange = () => this.#changed();
    for (const [slot, local] of options.tracks) this.#add(slot, local);
    this.#offer("the connection is new");
  }

  /** Whether media can flow. */
  get connected(): boolean {
    return this.#state === "connected";
  }

  /** The slot that a sender's statistics belong to, by the `mid` of its transceiver. */
  slotOf(mid: string): Slot | undefined {
    for (const [slot, transceiver] of this.#transceivers) if (transceiver.mid === mid) return slot;
    return undefined;
  }

  /** Sends a track from now on, or nothing. Negotiates only where the other side has to know. */
  async set(slot: Slot, local: LocalTrack | undefined): Promise<void> {
    const transceiver = this.#transceivers.get(slot);
    if (this.connection.signalingState === "closed") return;
    if (!transceiver) {
      if (!local) return;
      this.#add(slot, local);
      return this.#offer(`${slot} is added`);
    }
    await transceiver.sender.replaceTrack(local?.track ?? null);
    if (slot === "camera" && local) await this.#fit(transceiver.sender, local.track);
    // A screen comes and goes: without it the others have no line for it. A camera is off only for a while.
    const direction = local
      ? "sendonly"
      : slot === "camera" || slot === "microphone"
        ? transceiver.direction
        : "inactive";
    if (direction === transceiver.direction) return;
    if (local) transceiver.sender.setStreams?.(local.stream);
    transceiver.direction = direction;
    this.#offer(`${slot} is ${direction}`);
  }

  /** The SFU may be heard again, or not any more. */
  reachabilityChanged(): void {
    this.#watch.reachable(this.#answeredBy !== undefined && this.#options.reachable());
  }

  /** Other ICE servers, for what is gathered from now on. */
  configure(config: RTCConfiguration): void {
    this.connection.setConfiguration(config);
  }

  /** Takes a handshake of type `producer`. */
  async handle({ negotiation, description, candidate, candidates, refused }: Handshake): Promise<void> {
    if (description?.type === "answer") {
      if (await this.#offerer.answered(negotiation, description)) this.#emit({ type: "answered" });
      return;
    }
    if (description?.type === "rollback") {
      if (await this.#offerer.refused(negotiation))
        this.#emit({ type: "refused", code: String(refused?.code), message: String(refused?.message) });
      return;
    }
    await this.#take(this.#box.add(candidates ?? (candidate ? [candidate] : [])));
  }

  /** Ends it. It tells nothing more. */
  close(): void {
    this.#watch.end();
    this.#offerer.end();
    this.#sender.end();
    closeQuietly(this.connection);
  }

  #offer(because: string): void {
    this.#options.log("debug", `An offer is made: ${because}.`);
    this.#offerer.want();
  }

  #add(slot: Slot, { track, stream }: LocalTrack): void {
    const init: RTCRtpTransceiverInit = { direction: "sendonly", streams: [stream] };
    if (slot === "camera" && this.#options.simulcast) {
      const { width, height } = track.getSettings();
      init.sendEncodings = cameraLayers(width, height);
    } else if (slot === "screen") {
      init.sendEncodings = [{ maxBitrate: SCREEN_BITRATE }];
    }
    const transceiver = this.connection.addTransceiver(track, init);
    const kind = track.kind as "audio" | "video";
    const codecs = preferredCodecs(kind, RTCRtpSender.getCapabilities(kind)?.codecs ?? []);
    if (codecs.length > 0) transceiver.setCodecPreferences?.(codecs);
    this.#transceivers.set(slot, transceiver);
  }

  /** Fits the layers to another camera's size. */
  async #fit(sender: RTCRtpSender, track: MediaStreamTrack): Promise<void> {
    const parameters = sender.getParameters();
    if (!this.#options.simulcast || parameters.encodings.length < 2) return;
    const { width, height } = track.getSettings();
    const layers = cameraLayers(width, height);
    for (const encoding of parameters.encodings) {
      Object.assign(
        encoding,
        layers.find(({ rid }) => rid === encoding.rid),
      );
    }
    // Refused while a negotiation is under way; the layers then stay as they were, which is no reason to fail.
    await sender.setParameters(parameters).catch(() => undefined);
  }

  async #makeOffer(): Promise<Description> {
    await this.connection.setLocalDescription();
    return { type: "offer", sdp: this.connection.localDescription?.sdp ?? "" };
  }

  async #apply(answer: Description): Promise<void> {
    const { fingerprint, ufrag } = identityOf(answer.sdp);
    this.#answeredBy ??= fingerprint;
    // The SFU has forgotten this connection and begun another one for it. A browser puts RIDs on simulcast packets only until they
    // have been acknowledged: the SFU's new connection would never see them.
    if (fingerprint !== this.#answeredBy) throw new Error("the answer is another connection's");
    await this.connection.setRemoteDescription({ type: "answer", sdp: answer.sdp });
    this.reachabilityChanged();
    await this.#take(this.#box.described(ufrag));
  }

  async #take(candidates: RTCIceCandidateInit[]): Promise<void> {
    for (const candidate of candidates) {
      // One that this browser cannot read is no loss.
      await this.connection.addIceCandidate(candidate).catch(() => undefined);
    }
  }

  #changed(): void {
    const { connectionState, iceConnectionState } = this.connection;
    const before = this.#state;
    this.#state = connectionState;
    this.#watch.changed(connectionState, iceConnectionState);
    if (connectionState === before) return;
    if (connectionState === "connected") this.#emit({ type: "connected" });
    else if (connectionState === "disconnected" || connectionState === "failed")
      this.#emit({ type: "interrupted" });
  }
}
