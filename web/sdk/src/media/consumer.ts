import { clock } from "../backoff.js";
import type { Description, Handshake, HandshakeContent } from "../signaling/wire.js";
import { CandidateBox, CandidateSender, type CandidateStyle } from "./candidates.js";
import { closeQuietly } from "./close.js";
import { IncomingOffers } from "./offers.js";
import { identityOf } from "./sdp.js";

/** A consumer that stays disconnected, or failed with the producer connection, for so long while that works is given back, in milliseconds. */
const DISCONNECTED_MS = 5_000;
/** The interval between two times that a connection is given back, in milliseconds: at first, and when that has not helped for long. */
const ROLLBACK_MS = { first: 1_000, most: 30_000 };
/** After how many times without success a peer's media is given up until it is offered anew. */
const MOST_ROLLBACKS = 8;
/** So long after it was given back another should have been offered, in milliseconds. */
const OFFER_MS = 5_000;

/** What consumer connections need to know. */
export interface ConsumerOptions {
  config: () => RTCConfiguration;
  style: () => CandidateStyle;
  /** Whether this person's own connection works: if not, that is the trouble, and not the consumer's. */
  producerConnected: () => boolean;
  /** Sends a handshake to the SFU. */
  send: (content: HandshakeContent) => void;
}

/** What a consumer connection tells. */
export type ConsumerEvent =
  /** A new connection begins. */
  | { type: "offered" }
  | { type: "peerConnection"; state: RTCPeerConnectionState }
  /** The streams that the peer sends now. */
  | { type: "streams"; streams: MediaStream[] }
  /** A track arrived. */
  | { type: "track"; track: MediaStreamTrack; stream: MediaStream }
  /** In a session: the receivers of the tracks that are part of published streams, by the streams' ids. */
  | { type: "received"; streams: ReadonlyMap<string, readonly RTCRtpReceiver[]> };

/** What one other peer sends, on one connection after the other. */
export class Consumer {
  readonly #options: ConsumerOptions;
  readonly #emit: (event: ConsumerEvent) => void;
  readonly #offers = new IncomingOffers();
  readonly #streams = new Map<string, MediaStream>();
  /** The published stream that each section's track is part of, by `mid`. */
  #sections: Record<string, string> = {};
  /** What came in no stream: one person's picture and sound all the same. It is made anew when it changes. */
  #loose: MediaStream | undefined;
  #box = new CandidateBox();
  #sender: CandidateSender;
  #connection: RTCPeerConnection | undefined;
  #answer: { negotiation?: number; description: Description } | undefined;
  /** Messages are taken one after the other, as setting a description takes a while. */
  #queue: Promise<void> = Promise.resolve();
  /** Grows with each end: what is queued is about what has ended. */
  #life = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Times that a connection was given back since one worked, and when that may be done again. */
  #rollbacks = 0;
  #rollbackAt = Number.NEGATIVE_INFINITY;
  #ended = false;

  constructor(options: ConsumerOptions, emit: (event: ConsumerEvent) => void) {
    this.#options = options;
    this.#emit = emit;
    this.#sender = this.#newSender();
  }

  /** For statistics. */
  get connection(): RTCPeerConnection | undefined {
    return this.#connection;
  }

  /** The stream of a received track, by the track's id. */
  streamOf(trackId: string): string | undefined {
    for (const stream of this.#streams.values()) if (stream.getTrackById(trackId)) return stream.id;
    return undefined;
  }

  /** Takes a handshake of type `consumer`. */
  handle(handshake: Handshake): void {
    const life = this.#life;
    const take = () => (this.#ended || life !== this.#life ? undefined : this.#take(handshake));
    // What is not even a handshake is no reason to take no more.
    this.#queue = this.#queue.then(take).catch(() => undefined);
  }

  /** Other ICE servers, for what is gathered from now on. */
  configure(): void {
    this.#connection?.setConfiguration(this.#options.config());
  }

  /**
   * The producer connection works, for the first time or again. What failed with it has not failed by itself, and the SFU may be
   * about to offer it anew.
   */
  producerConnected(): void {
    const failed = this.#connection?.connectionState === "failed";
    if (failed) this.#giveBackLater();
    else this.#check();
  }

  /** The peer is gone. It may come back, with a new connection. */
  retire(): void {
    this.#offers.retire();
    this.#giveUp();
  }

  /** Ends it. It tells nothing more. */
  close(): void {
    this.#ended = true;
    this.#giveUp();
  }

  /** Sees whether the connection works. */
  #check(): void {
    clearTimeout(this.#timer);
    const state = this.#connection?.connectionState;
    if (state === "connected") this.#rollbacks = 0;
    if (this.#ended || !this.#options.producerConnected()) return;
    if (state === "failed") this.#giveBack();
    if (state === "disconnected") this.#giveBackLater();
  }

  /** Closes the connection. What waits for it would wait for ever: a closed one's promises do not settle. */
  #giveUp(): void {
    clearTimeout(this.#timer);
    this.#life += 1;
    this.#queue = Promise.resolve();
    this.#disconnect();
  }

  async #take({ negotiation, description, candidate, candidates, streams }: Handshake): Promise<void> {
    if (description?.type === "offer") return this.#offered(negotiation, description, streams);
    await this.#candidates(this.#box.add(candidates ?? (candidate ? [candidate] : [])));
  }

  async #offered(
    negotiation: number | undefined,
    offer: Description,
    streams: Handshake["streams"],
  ): Promise<void> {
    const identity = identityOf(offer.sdp);
    const verdict = this.#offers.judge(negotiation, identity);
    if (verdict === "stale") return;
    if (verdict === "repeated") {
      // The answer was lost, or crossed the repetition.
      if (this.#answer && this.#answer.negotiation === negotiation) this.#options.send(this.#answer);
      return;
    }
    if (verdict === "new" || !this.#connection) this.#connect();
    const connection = this.#connection;
    if (!connection) return;
    this.#sections = streams ?? {};
    try {
      await connection.setRemoteDescription({ type: "offer", sdp: offer.sdp });
      // Sections that were there before bring no event.
      if (connection === this.#connection) this.#sort(connection);
      await connection.setLocalDescription();
    } catch {
      if (connection === this.#connection) this.#giveBack();
      return;
    }
    if (connection !== this.#connection) return;
    const description: Description = { type: "answer", sdp: connection.localDescription?.sdp ?? "" };
    this.#answer = { description, ...(negotiation !== undefined && { negotiation }) };
    this.#options.send(this.#answer);
    this.#prune();
    await this.#candidates(this.#box.described(identity.ufrag));
  }

  /** A new connection in place of the one there was, if any. */
  #connect(): void {
    clearTimeout(this.#timer);
    if (this.#connection) this.#disconnect();
    const connection = new RTCPeerConnection(this.#options.config());
    this.#connection = connection;
    connection.onicecandidate = ({ candidate }) => this.#sender.found(candidate?.toJSON() ?? null);
    connection.onconnectionstatechange = () => {
      this.#emit({ type: "peerConnection", state: connection.connectionState });
      this.#check();
    };
    connection.ontrack = ({ track, streams }) => {
      // Now: Chromium heeds no transform of a receiver that is set in a later task.
      this.#sort(connection);
      this.#received(track, streams[0] ?? this.#loosen([...(this.#loose?.getTracks() ?? []), track]));
    };
    this.#emit({ type: "offered" });
  }

  #disconnect(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    if (!connection) return;
    this.#sender.end();
    this.#sender = this.#newSender();
    this.#box = new CandidateBox();
    this.#answer = undefined;
    this.#streams.clear();
    this.#loose = undefined;
    closeQuietly(connection);
  }

  #received(track: MediaStreamTrack, stream: MediaStream): void {
    this.#streams.set(stream.id, stream);
    this.#emit({ type: "streams", streams: [...this.#streams.values()] });
    this.#emit({ type: "track", track, stream });
  }

  /** The stream of these tracks, in place of the one before it. */
  #loosen(tracks: MediaStreamTrack[]): MediaStream {
    if (this.#loose) this.#streams.delete(this.#loose.id);
    this.#loose = new MediaStream(tracks);
    this.#streams.set(this.#loose.id, this.#loose);
    return this.#loose;
  }

  /** Streams whose last track went with the last negotiation, and loose tracks that did: no stream loses those. */
  #prune(): void {
    const before = [...this.#streams.values()];
    const received = this.#connection?.getTransceivers().filter(({ currentDirection }) => {
      return currentDirection === "recvonly" || currentDirection === "sendrecv";
    });
    const loose = this.#loose?.getTracks() ?? [];
    const left = loose.filter((track) => received?.some(({ receiver }) => receiver.track === track));
    if (left.length < loose.length) this.#loosen(left);
    for (const [id, stream] of this.#streams) if (stream.getTracks().length === 0) this.#streams.delete(id);
    const after = [...this.#streams.values()];
    if (after.length !== before.length || after.some((stream, place) => stream !== before[place]))
      this.#emit({ type: "streams", streams: after });
  }

  /** Which receivers are part of which published streams. */
  #sort(connection: RTCPeerConnection): void {
    const received = new Map<string, RTCRtpReceiver[]>();
    for (const { mid, receiver } of connection.getTransceivers()) {
      const streamId = mid === null ? undefined : this.#sections[mid];
      if (streamId !== undefined) received.set(streamId, [...(received.get(streamId) ?? []), receiver]);
    }
    this.#emit({ type: "received", streams: received });
  }

  async #candidates(candidates: RTCIceCandidateInit[]): Promise<void> {
    const connection = this.#connection;
    for (const candidate of candidates) {
      if (connection !== this.#connection) return;
      // One that this browser cannot read is no loss.
      await connection?.addIceCandidate(candidate).catch(() => undefined);
    }
  }

  /** Gives the connection back unless something becomes of it, or another begins. */
  #giveBackLater(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#giveBack(), DISCONNECTED_MS);
  }

  /** This connection is of no use: the SFU begins another. */
  #giveBack(): void {
    clearTimeout(this.#timer);
    const now = clock();
    if (now < this.#rollbackAt) {
      this.#timer = setTimeout(() => this.#giveBack(), this.#rollbackAt - now);
      return;
    }
    if (this.#rollbacks >= MOST_ROLLBACKS) {
      this.#giveUp();
      return;
    }
    this.#rollbackAt = now + Math.min(ROLLBACK_MS.most, ROLLBACK_MS.first * 2 ** this.#rollbacks);
    this.#rollbacks += 1;
    const { negotiation } = this.#offers;
    this.#options.send({
      ...(negotiation !== undefined && { negotiation }),
      description: { type: "rollback", sdp: "" },
    });
    this.#timer = setTimeout(() => this.#check(), OFFER_MS);
  }

  #newSender(): CandidateSender {
    return new CandidateSender(this.#options.style, this.#options.send);
  }
}
