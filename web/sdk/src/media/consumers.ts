import type { Log } from "../logger.js";
import { remember } from "../recent.js";
import type { Handshake, HandshakeContent } from "../signaling/wire.js";
import { Consumer, type ConsumerEvent, type ConsumerOptions } from "./consumer.js";

/** So many peers without a connection are remembered, to tell what comes late of them. */
const MOST_IDLE = 64;

/** What {@link ConsumerOptions} say, of all peers. */
export type ConsumersOptions = Omit<ConsumerOptions, "send"> & {
  /** Sends a handshake about a peer's media to the SFU. */
  send: (peerId: string, content: HandshakeContent) => void;
  log: Log;
};

/** What consumer connections tell, of whom. */
export type PeerMediaEvent = ConsumerEvent & { peerId: string };

/** What the other peers of a room send. */
export class Consumers {
  readonly #options: ConsumersOptions;
  readonly #emit: (event: PeerMediaEvent) => void;
  readonly #consumers = new Map<string, Consumer>();
  /** Peers that are gone, or of whom no offer came: whoever was so first is forgotten first. */
  readonly #idle = new Set<string>();

  constructor(options: ConsumersOptions, emit: (event: PeerMediaEvent) => void) {
    this.#options = options;
    this.#emit = emit;
  }

  /** By peer; some have no connection. */
  get all(): ReadonlyMap<string, Consumer> {
    return this.#consumers;
  }

  /** Takes a handshake of type `consumer` about this peer. */
  handle(peerId: string, handshake: Handshake): void {
    let consumer = this.#consumers.get(peerId);
    if (!consumer) {
      consumer = this.#make(peerId);
      this.#consumers.set(peerId, consumer);
      this.#rest(peerId);
    }
    consumer.handle(handshake);
  }

  /** Other ICE servers, for what is gathered from now on. */
  configure(): void {
    for (const consumer of this.#consumers.values()) consumer.configure();
  }

  /** This person's own connection works, for the first time or again. */
  producerConnected(): void {
    for (const consumer of this.#consumers.values()) consumer.producerConnected();
  }

  /** A peer is gone: its connection is closed, and what of it is still on its way is ignored. */
  forget(peerId: string): void {
    const consumer = this.#consumers.get(peerId);
    if (!consumer) return;
    consumer.retire();
    this.#rest(peerId);
  }

  /** Ends them all. */
  close(): void {
    for (const consumer of this.#consumers.values()) consumer.close();
    this.#consumers.clear();
    this.#idle.clear();
  }

  #rest(peerId: string): void {
    const oldest = remember(this.#idle, peerId, MOST_IDLE);
    if (oldest === undefined) return;
    this.#consumers.get(oldest)?.close();
    this.#consumers.delete(oldest);
  }

  #make(peerId: string): Consumer {
    return new Consumer(
      {
        ...this.#options,
        send: (content) => {
          if (content.description?.type === "rollback")
            this.#options.log("warn", "A peer's media is asked for anew.", {
              peerId,
            });
          this.#options.send(peerId, content);
        },
      },
      (event) => {
        if (event.type === "offered") this.#idle.delete(peerId);
        this.#emit({ ...event, peerId });
      },
    );
  }
}
