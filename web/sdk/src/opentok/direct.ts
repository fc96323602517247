import type { Log } from "../logger.js";
import { Consumers, type PeerMediaEvent } from "../media/consumers.js";
import { type LocalTrack, Producer, type ProducerEvent, type Slot } from "../media/producer.js";
import type { ConnectionKey } from "../signaling/outbox.js";
import type { Handshake, Message } from "../signaling/wire.js";

/** What media between two clients needs of the session. */
export interface DirectHooks {
  roomId: string;
  /** This client's `connectionId`. */
  own: string;
  config(): RTCConfiguration;
  /** Whether this client has subscribed to a stream of theirs. */
  subscribed(peerId: string): boolean;
  /** What is published now, by slot. */
  tracks(): ReadonlyMap<Slot, LocalTrack>;
  /** Whether there is a socket. */
  up(): boolean;
  send(handshake: Handshake): void;
  settle(about: ConnectionKey): void;
  /** What comes of what others send. */
  emit(event: PeerMediaEvent): void;
  log: Log;
}

/** What somebody wants of the streams that this client publishes, by stream. */
type Wishes = Map<string, { hasAudio: boolean; hasVideo: boolean }>;

/** Somebody who receives what this client publishes. */
interface Receiver {
  readonly wishes: Wishes;
  /** Once something was due to them. An offer tells them this client's addresses. */
  producer: Producer | undefined;
}

/**
 * The media of a `relayed` session, which goes from client to client (docs/MEDIA.md, "From client to client"). Whoever publishes
 * offers a connection to each client that has subscribed, and does for it what an SFU does elsewhere. Whoever has not subscribed
 * takes no offer.
 */
export class Direct {
  readonly #hooks: DirectHooks;
  readonly #receivers = new Map<string, Receiver>();
  readonly #consumers: Consumers;
  #last = 0;

  constructor(hooks: DirectHooks) {
    this.#hooks = hooks;
    this.#consumers = new Consumers(
      {
        config: hooks.config,
        style: () => "batch",
        producerConnected: () => true,
        send: (receiver, content) => hooks.send(this.#handshake("consumer", receiver, content)),
        log: hooks.log,
      },
      hooks.emit,
    );
  }

  /** Somebody wants something else of a stream of this client's. */
  wanted({ clientId, streamId, hasAudio, hasVideo }: Message<"subscription">): void {
    const receiver = this.#receivers.get(clientId) ?? { wishes: new Map(), producer: undefined };
    this.#receivers.set(clientId, receiver);
    receiver.wishes.set(streamId, { hasAudio, hasVideo });
    for (const slot of this.#hooks.tracks().keys()) this.#set(clientId, receiver, slot);
  }

  /** This slot sends another track, or none. */
  sends(slot: Slot): void {
    for (const [peerId, receiver] of this.#receivers) this.#set(peerId, receiver, slot);
  }

  /** Takes a handshake of another client's: `producer` is about what that one sends, `consumer` about what it receives. */
  handle(handshake: Handshake): void {
    const { type, sender, description } = handshake;
    if (type === "producer") {
      // One that was subscribed to is heard to its end: it says when nothing comes any more.
      const connected = this.#consumers.all.get(sender)?.connection !== undefined;
      if (connected || this.#hooks.subscribed(sender)) this.#consumers.handle(sender, handshake);
      return;
    }
    const producer = this.#receivers.get(sender)?.producer;
    if (description?.type === "rollback") this.#offerAgain(sender, "its receiver gave it back");
    else void producer?.handle(handshake).catch(() => undefined);
  }

  /** There is a socket again, or none: what could not be said before may be said again. */
  reachabilityChanged(): void {
    for (const { producer } of this.#receivers.values()) producer?.reachabilityChanged();
  }

  /** Somebody's stay has ended. */
  forget(peerId: string): void {
    this.#receivers.get(peerId)?.producer?.close();
    this.#receivers.delete(peerId);
    this.#consumers.forget(peerId);
  }

  /** Ends all connections. */
  close(): void {
    for (const { producer } of this.#receivers.values()) producer?.close();
    this.#receivers.clear();
    this.#consumers.close();
  }

  #set(peerId: string, receiver: Receiver, slot: Slot): void {
    const { producer, wishes } = receiver;
    const local = this.#hooks.tracks().get(slot);
    if (producer) void producer.set(slot, local && isWanted(local, wishes) ? local : undefined);
    else receiver.producer = this.#offerTo(peerId, wishes);
  }

  /** Offers what is due; no connection, if nothing is. */
  #offerTo(peerId: string, wishes: Wishes): Producer | undefined {
    const { config, tracks, up, send, log } = this.#hooks;
    const wanted = [...tracks()].filter(([, local]) => isWanted(local, wishes));
    if (wanted.length === 0) return undefined;
    const producer: Producer = new Producer(
      {
        config: config(),
        // There is one receiver, which tells what it can take.
        simulcast: false,
        explicitSubscriptions: false,
        tracks: new Map(wanted),
        // They grow from one connection to the next: an answer to an earlier one is told apart by that.
        numbers: { next: () => ++this.#last },
        log,
        style: () => "batch",
        reachable: up,
        send: (content) => send(this.#handshake("producer", peerId, content)),
      },
      (event) => this.#on(peerId, producer, event),
    );
    return producer;
  }

  #on(peerId: string, producer: Producer, event: ProducerEvent): void {
    if (this.#receivers.get(peerId)?.producer !== producer) return;
    if (event.type === "answered") this.#hooks.settle({ type: "producer", receiver: peerId });
    else if (event.type === "broken") this.#offerAgain(peerId, event.reason);
  }

  /** Another connection in place of one that is of no use. */
  #offerAgain(peerId: string, because: string): void {
    const receiver = this.#receivers.get(peerId);
    if (!receiver?.producer) return;
    this.#hooks.log("warn", "A connection to another client is given up.", { because, peerId });
    receiver.producer.close();
    receiver.producer = this.#offerTo(peerId, receiver.wishes);
  }

  #handshake(type: Handshake["type"], receiver: string, content: Partial<Handshake>): Handshake {
    return { type, sender: this.#hooks.own, receiver, roomId: this.#hooks.roomId, ...content };
  }
}

function isWanted({ streamId, track }: LocalTrack, wishes: Wishes): boolean {
  const wish = streamId === undefined ? undefined : wishes.get(streamId);
  return (track.kind === "audio" ? wish?.hasAudio : wish?.hasVideo) ?? false;
}
