import { backoff, clock } from "../backoff.js";
import { fatalError, mildError, type RoomError } from "../errors.js";
import type { Log } from "../logger.js";
import { candidateStyle } from "../media/candidates.js";
import type { ChannelEvent, ChannelName } from "../media/channels.js";
import type { Consumer } from "../media/consumer.js";
import { Consumers, type PeerMediaEvent } from "../media/consumers.js";
import { NO_ANSWER } from "../media/offerer.js";
import { type LocalTrack, Producer, type ProducerEvent, type Slot } from "../media/producer.js";
import type { ConnectionKey } from "../signaling/outbox.js";
import type { SignalingEvent } from "../signaling/signaling.js";
import type { Handshake, Identified, Message } from "../signaling/wire.js";

/** Producer connections that may fail in a row: while joining, and later. */
const FAILURES = { joining: 3, joined: 6 };
/** An offer without an answer says nothing about the SFU for so long after a refusal: as long as offers are repeated, in milliseconds. */
const REFUSED_MS = 12_000;
/** The SFU's grace where no `sfuDisconnect` says it, in milliseconds (the template's `SfuGraceSeconds`). */
const GRACE_MS = 5_000;

/** Codes of errors that say: this room is over, the path has or gets another. */
export const ROOM_OVER: ReadonlySet<string> = new Set(["room_closed", "room_not_found"]);

/** How a call reaches the gateway. */
export interface CallSignaling {
  /** The id of the socket that the gateway knows this person by. */
  readonly connectionId: string | undefined;
  /** Whether a socket is identified now. */
  readonly up: boolean;
  /** Begins to tell what comes. Throws when the room does not admit, or, unless `patient`, after some attempts without an answer. */
  open(patient: boolean): Promise<void>;
  /** Sends a handshake now, or when there is a socket again. */
  send(handshake: Handshake): void;
  /** The answer to what was sent on this connection is there. */
  settle(about: ConnectionKey): void;
  leave(): Promise<void>;
  leaveNow(): void;
}

/** What a call needs to know. */
export interface CallOptions {
  roomId: string;
  peerId: string;
  /** Makes what the call signals with. `busy`: Arbiter refuses something for a reason that passes. */
  signaling: (emit: (event: SignalingEvent) => void, busy: () => void) => CallSignaling;
  /** What connections are made with, given the gateway's ICE servers. */
  rtcConfiguration: (iceServers: readonly RTCIceServer[]) => RTCConfiguration;
  simulcast: boolean;
  /** Of others' streams this person receives what it subscribes to, and not everything (docs/MEDIA.md, "Streams"). */
  explicitSubscriptions?: boolean;
  /** The SFU needs no candidates of this person's, as is known before it says so. */
  iceLite?: boolean;
  /** What this person sends now. */
  tracks: () => ReadonlyMap<Slot, LocalTrack>;
  /** A sender is about to send a track. Called before its connection is negotiated for it. */
  sends?: ((sender: RTCRtpSender, local: LocalTrack) => void) | undefined;
  log: Log;
}

/** What a call tells. */
export type CallEvent =
  /** Media can flow, for the first time or again. */
  | { type: "connected" }
  /** Signaling or this person's media is interrupted. */
  | { type: "interrupted" }
  /** The room is closed, or its SFU is gone for longer than the grace: the path needs another. */
  | { type: "roomLost" }
  /** The SFU is back: what `roomLost` said is over. */
  | { type: "roomBack" }
  /** There is no use in going on. */
  | { type: "failed"; error: RoomError }
  /** Something went wrong that the call survives. */
  | { type: "error"; error: RoomError }
  /** This person's socket is another one: the SFU should know (docs/MEDIA.md, "features"). */
  | { type: "announce" }
  /** The SFU took the last offer. */
  | { type: "answered" }
  | ChannelEvent
  | PeerMediaEvent
  | Message<"clientDisconnect">;

/** One stay in one room: its signaling, the producer connection and the consumer connections. */
export class Call {
  readonly roomId: string;
  readonly #options: CallOptions;
  readonly #emit: (event: CallEvent) => void;
  readonly #log: Log;
  readonly #signaling: CallSignaling;
  readonly #consumers: Consumers;
  readonly #numbers = counter();
  readonly #style = () => (this.#options.iceLite ? "none" : candidateStyle(this.#features));
  #producer: Producer | undefined;
  #features: readonly string[] = [];
  #iceServers: RTCIceServer[] = [];
  #failures = 0;
  #refusedAt = Number.NEGATIVE_INFINITY;
  #wasConnected = false;
  #replacing: ReturnType<typeof setTimeout> | undefined;
  #away: ReturnType<typeof setTimeout> | undefined;
  #ended = false;

  constructor(options: CallOptions, emit: (event: CallEvent) => void) {
    this.roomId = options.roomId;
    this.#options = options;
    this.#log = options.log;
    this.#emit = emit;
    this.#signaling = options.signaling(
      (event) => this.#onSignaling(event),
      () => {
        this.#refusedAt = clock();
      },
    );
    this.#consumers = new Consumers(
      {
        config: () => this.#config(),
        style: this.#style,
        log: this.#log,
        producerConnected: () => !this.#ended && (this.#producer?.connected ?? false),
        send: (remotePeerId, content) => {
          if (!this.#ended) this.#signaling.send(this.#addressed("consumer", { remotePeerId, ...content }));
        },
      },
      emit,
    );
  }

  /** The connections, for statistics. */
  get producer(): Producer | undefined {
    return this.#producer;
  }

  /** The connections, for statistics. */
  get consumers(): ReadonlyMap<string, Consumer> {
    return this.#consumers.all;
  }

  /** The id of the socket that the gateway knows this person by. */
  get connectionId(): string | undefined {
    return this.#signaling.connectionId;
  }

  /** Whether signaling, the SFU's included, and this person's media are as they should be. */
  get healthy(): boolean {
    return this.#reachable && (this.#producer?.connected ?? false);
  }

  /** Enters the room. Media follows: `connected`. Throws when the room does not admit, or nobody answers an impatient one. */
  async enter(patient: boolean): Promise<void> {
    await this.#signaling.open(patient);
  }

  /** The path's room is still this one: whatever was heard or missed, its SFU is there. */
  stay(): void {
    this.#sfuBack();
  }

  /** Sends a message on a data channel; says whether the channel took it. */
  send(channel: ChannelName, message: Record<string, unknown>): boolean {
    return this.#producer?.channels.send(channel, message) ?? false;
  }

  /** A peer is gone: its connection is closed, and what of it is still on its way is ignored. */
  forget(peerId: string): void {
    this.#consumers.forget(peerId);
  }

  /**
   * Its room is lost. What came of the others last stays to be seen, of each until `forget`, or `leaveNow`: Chromium (156)
   * paints what came over a connection black once that is closed.
   */
  fade(): void {
    this.#ended = true;
    clearTimeout(this.#replacing);
    clearTimeout(this.#away);
    this.#producer?.close();
  }

  /** Ends it on purpose; resolves when the gateway knows, or does not answer. */
  async leave(): Promise<void> {
    this.#end();
    await this.#signaling.leave();
  }

  /** Ends it on purpose, at once. */
  leaveNow(): void {
    this.#end();
    this.#signaling.leaveNow();
  }

  get #reachable(): boolean {
    return this.#signaling.up && this.#away === undefined;
  }

  #end(): void {
    this.fade();
    this.#consumers.close();
  }

  #config(): RTCConfiguration {
    return this.#options.rtcConfiguration(this.#iceServers);
  }

  #identified({ iceServers, features }: Identified): void {
    this.#iceServers = iceServers;
    const announcedBefore = this.#features.length > 0;
    if (features.length > 0) this.#features = features;
    if (!this.#producer) {
      this.#produce();
    } else {
      this.#producer.configure(this.#config());
      this.#consumers.configure();
      this.#emit({ type: "announce" });
    }
    // Notices that came while there was no socket are not repeated: the features say whether the SFU is there.
    if (features.length > 0) this.#sfuBack();
    else if (announcedBefore) this.#sfuAway(GRACE_MS);
    this.#availability();
  }

  #produce(): void {
    const producer: Producer = new Producer(
      {
        config: this.#config(),
        simulcast: this.#options.simulcast,
        explicitSubscriptions: this.#options.explicitSubscriptions ?? false,
        tracks: this.#options.tracks(),
        sends: this.#options.sends,
        numbers: this.#numbers,
        log: this.#log,
        style: this.#style,
        reachable: () => this.#reachable,
        send: (content) => this.#signaling.send(this.#addressed("producer", content)),
      },
      (event) => this.#onProducer(producer, event),
    );
    this.#producer = producer;
  }

  #onProducer(producer: Producer, event: ProducerEvent): void {
    switch (event.type) {
      case "connected":
        this.#failures = 0;
        this.#wasConnected = true;
        this.#emit(event);
        this.#consumers.producerConnected();
        return;
      case "answered":
        this.#signaling.settle({ type: "producer" });
        this.#emit(event);
        return;
      case "refused":
        this.#offerRefused(event);
        return;
      case "broken":
        this.#replace(producer, event.reason);
        return;
      default:
        this.#emit(event);
    }
  }

  /** The SFU does not take what this person offers. A call that has never stood does not come about. */
  #offerRefused({ code, message }: { code: string; message: string }): void {
    this.#signaling.settle({ type: "producer" });
    this.#log("warn", "The SFU refused an offer.", { code });
    const full = code === "room_full";
    const text = full ? "The room is full." : `The SFU does not take this browser's media: ${message}.`;
    const said = full ? "room_full" : "offer_refused";
    if (this.#wasConnected) this.#emit({ type: "error", error: mildError(said, text) });
    else this.#failed(fatalError(said, text));
  }

  /** A producer connection that will not come back gives way to a new one; too many in a row end the call. */
  #replace(broken: Producer, reason: string): void {
    if (this.#ended || broken !== this.#producer || this.#replacing !== undefined) return;
    // Offers that are refused reach nobody, and that passes.
    const unheard = reason === NO_ANSWER && clock() - this.#refusedAt < REFUSED_MS;
    if (!unheard) this.#failures += 1;
    this.#log("warn", "The producer connection is given up.", {
      because: reason,
      failures: this.#failures,
    });
    if (this.#failures >= (this.#wasConnected ? FAILURES.joined : FAILURES.joining)) {
      this.#failed(fatalError("media_failed", "No media connection came about."));
      return;
    }
    this.#replacing = setTimeout(
      () => {
        this.#replacing = undefined;
        broken.close();
        this.#emit({ type: "interrupted" });
        this.#produce();
      },
      backoff(Math.max(0, this.#failures - 1), 100, 5_000),
    );
  }

  #handshake(handshake: Handshake): void {
    if (this.#ended || (handshake.roomId !== undefined && handshake.roomId !== this.roomId)) return;
    if (handshake.type === "producer") {
      this.#producer?.handle(handshake).catch(() => undefined);
      return;
    }
    const peerId = handshake.remotePeerId;
    if (typeof peerId !== "string" || peerId === this.#options.peerId) return;
    this.#consumers.handle(peerId, handshake);
  }

  #addressed(type: Handshake["type"], content: Partial<Handshake>): Handshake {
    return { type, sender: this.#options.peerId, roomId: this.roomId, ...content };
  }

  #onSignaling(event: SignalingEvent): void {
    switch (event.type) {
      case "up":
        this.#identified(event.identified);
        return;
      case "down":
        this.#availability();
        return;
      case "failed":
        this.#failed(event.error);
        return;
      case "refused":
        this.#refused(event.error);
        return;
      case "producer":
      case "consumer":
        this.#handshake(event);
        return;
      case "sfuDisconnect":
        this.#sfuAway(event.claimAfterMs);
        return;
      case "sfuConnect":
        this.#sfuBack();
        return;
      default:
        this.#emit(event);
    }
  }

  #refused(error: RoomError): void {
    if (error.code === "sfu_unavailable") {
      this.#sfuAway(GRACE_MS);
      return;
    }
    if (ROOM_OVER.has(error.code)) {
      this.#failed(error);
      return;
    }
    // What is left is a mistake in what was sent; the connection that it belongs to does not come about and is replaced.
  }

  /** The SFU's signaling is gone: the media goes on while it can, and after the grace the path gets another room. */
  #sfuAway(claimAfterMs: number): void {
    if (this.#away !== undefined) {
      if (claimAfterMs > 0) return;
      clearTimeout(this.#away);
    }
    this.#log("warn", "The SFU is away.", { claimAfterMs });
    this.#away = setTimeout(() => this.#emit({ type: "roomLost" }), claimAfterMs);
    this.#availability();
  }

  #sfuBack(): void {
    if (this.#away === undefined) return;
    clearTimeout(this.#away);
    this.#away = undefined;
    this.#log("info", "The SFU is back.");
    this.#emit({ type: "roomBack" });
    this.#availability();
  }

  /** Signaling, our own or the SFU's, came or went. */
  #availability(): void {
    if (this.#ended) return;
    this.#producer?.reachabilityChanged();
    if (!this.#reachable) this.#emit({ type: "interrupted" });
    else if (this.#producer?.connected) this.#emit({ type: "connected" });
  }

  #failed(error: RoomError): void {
    if (this.#ended) return;
    this.#emit(ROOM_OVER.has(error.code) ? { type: "roomLost" } : { type: "failed", error });
  }
}

/** Numbers that grow by one. */
function counter(): { next(): number } {
  let last = 0;
  return {
    next: () => {
      last += 1;
      return last;
    },
  };
}
