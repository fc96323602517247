import type { Log } from "../logger.js";
import type { Description, Handshake, HandshakeContent, Offer } from "../signaling/wire.js";
import { CandidateBox, CandidateSender, type CandidateStyle } from "./candidates.js";
import { type ChannelEvent, Channels } from "./channels.js";
import { closeQuietly } from "./close.js";
import { Offerer } from "./offerer.js";
import { identityOf } from "./sdp.js";
import { cameraLayers, preferredCodecs, SCREEN_BITRATE } from "./simulcast.js";
import { Watch } from "./watch.js";

/** Where a track comes from. */
export type TrackSource = "microphone" | "camera" | "screen" | "screenAudio";

/** What is sent is known by a name: in a room that of its source, as there is one of each. */
export type Slot = string;

/** A track and the stream that the others get it in. */
export interface LocalTrack {
  readonly source: TrackSource;
  readonly track: MediaStreamTrack;
  readonly stream: MediaStream;
  /** In a session: the published stream that it is part of. */
  readonly streamId?: string;
}

/** A section of the connection, and what it is for. */
interface Section {
  readonly source: TrackSource;
  readonly transceiver: RTCRtpTransceiver;
  streamId: string | undefined;
}

/** What a producer connection needs to know. */
export interface ProducerOptions {
  config: RTCConfiguration;
  simulcast: boolean;
  explicitSubscriptions: boolean;
  /** The receiver is no SFU, and picks the codecs itself. */
  anyCodec?: boolean;
  tracks: ReadonlyMap<Slot, LocalTrack>;
  numbers: { next(): number };
  style: () => CandidateStyle;
  /** Whether the SFU hears what is sent. */
  reachable: () => boolean;
  /** A sender is about to send this track. Called before its connection is negotiated for it. */
  sends?: ((sender: RTCRtpSender, local: LocalTrack) => void) | undefined;
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
  readonly #sections = new Map<Slot, Section>();
  /** Sections whose slots send nothing any more: the next track from the same kind of source gets one. */
  readonly #free: Section[] = [];
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
      send: (negotiation, offer, repeats) => {
        if (repeats > 0) options.log("warn", "An offer is sent again: no answer.", { negotiation, repeats });
        options.send({ negotiation, ...offer });
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
    for (const [slot, local] of options.tracks) void this.#add(slot, local);
    this.#offer("the connection is new");
  }

  /** Whether media can flow. */
  get connected(): boolean {
    return this.#state === "connected";
  }

  /** The source that a sender's statistics belong to, by the `mid` of its transceiver. */
  sourceOf(mid: string): TrackSource | undefined {
    for (const { source, transceiver } of this.#sections.values()) if (transceiver.mid === mid) return source;
    return undefined;
  }

  /** Whether the SFU has agreed to take what this slot sends. */
  isAgreed(slot: Slot): boolean {
    return this.#sections.get(slot)?.transceiver.currentDirection === "sendonly";
  }

  /** Sends a track from now on, or nothing. Negotiates only where the other side has to know. */
  async set(slot: Slot, local: LocalTrack | undefined): Promise<void> {
    const section = this.#sections.get(slot);
    if (this.#closed) return;
    if (!section) {
      if (!local) return;
      await this.#add(slot, local);
      return this.#offer(`${local.source} is added`);
    }
    const { source, transceiver } = section;
    if (local) this.#options.sends?.(transceiver.sender, local);
    await transceiver.sender.replaceTrack(local?.track ?? null);
    if (source === "camera" && local) await this.#fit(transceiver.sender, local.track);
    if (this.#closed) return;
    // A camera of a room's is off only for a while. A screen, or a stream, comes and goes: without it the others have no line for it.
    if (!local && section.streamId === undefined && (source === "camera" || source === "microphone")) return;
    if (!local) {
      this.#sections.delete(slot);
      this.#free.push(section);
    }
    const direction = local ? "sendonly" : "inactive";
    const { streamId } = section;
    section.streamId = local?.streamId;
    if (direction === transceiver.direction && streamId === section.streamId) return;
    if (local) transceiver.sender.setStreams?.(local.stream);
    transceiver.direction = direction;
    this.#offer(`${source} is ${direction}`);
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

  get #closed(): boolean {
    return this.connection.signalingState === "closed";
  }

  #offer(because: string): void {
    this.#options.log("debug", `An offer is made: ${because}.`);
    this.#offerer.want();
  }

  /** Puts a track into a section that is free, else into a new one. */
  async #add(slot: Slot, local: LocalTrack): Promise<void> {
    const { source, track, stream, streamId } = local;
    const place = this.#free.findIndex((section) => section.source === source);
    const [free] = place < 0 ? [] : this.#free.splice(place, 1);
    if (free) {
      this.#sections.set(slot, free);
      await this.set(slot, local);
      return;
    }
    const init: RTCRtpTransceiverInit = { direction: "sendonly", streams: [stream] };
    if (source === "camera" && this.#options.simulcast) {
      const { width, height } = track.getSettings();
      init.sendEncodings = cameraLayers(width, height);
    } else if (source === "screen") {
      init.sendEncodings = [{ maxBitrate: SCREEN_BITRATE }];
    }
    const transceiver = this.connection.addTransceiver(track, init);
    const kind = track.kind as "audio" | "video";
    const codecs = preferredCodecs(kind, RTCRtpSender.getCapabilities(kind)?.codecs ?? []);
    if (codecs.length > 0 && !this.#options.anyCodec) transceiver.setCodecPreferences?.(codecs);
    this.#options.sends?.(transceiver.sender, local);
    this.#sections.set(slot, { source, transceiver, streamId });
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

  async #makeOffer(): Promise<Offer> {
    await this.connection.setLocalDescription();
    const streams: Record<string, string> = {};
    for (const { transceiver, streamId } of this.#sections.values())
      if (transceiver.mid !== null && streamId !== undefined) streams[transceiver.mid] = streamId;
    return {
      description: { type: "offer", sdp: this.connection.localDescription?.sdp ?? "" },
      ...(Object.keys(streams).length > 0 && { streams }),
      ...(this.#options.explicitSubscriptions && { subscriptions: "explicit" }),
    };
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
