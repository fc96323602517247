import type { Message, Stream, StreamDestroyReason } from "../signaling/wire.js";
import { type SessionError, sessionError } from "./errors.js";
import type { Half, PublicationHooks } from "./publication.js";
import type { SubscriberEvents, SubscriberOptions } from "./types.js";
import { Wanted } from "./wanted.js";

/** What a subscription needs of the session. */
export type SubscriptionHooks = Pick<PublicationHooks, "request" | "up"> & {
  /** The stream as it is now; `undefined` when it has ended. */
  stream(): Stream | undefined;
};

/** What is received of one stream, whatever becomes of sockets and SFUs. */
export class Subscription {
  readonly streamId: string;
  /** The tracks that there are now; the same object always. */
  readonly mediaStream = new MediaStream();
  tell: <Name extends keyof SubscriberEvents>(name: Name, payload: SubscriberEvents[Name]) => void = () =>
    undefined;
  readonly #hooks: SubscriptionHooks;
  readonly #wanted: Wanted;
  readonly #on: Record<Half, boolean>;
  #stream: Stream;
  #connected = false;
  #ended = false;

  constructor(stream: Stream, options: SubscriberOptions, hooks: SubscriptionHooks) {
    const { subscribeToAudio = true, subscribeToVideo = true } = options;
    this.streamId = stream.streamId;
    this.#stream = stream;
    this.#hooks = hooks;
    this.#on = { audio: subscribeToAudio, video: subscribeToVideo };
    this.#wanted = new Wanted(
      () => this.#ask(),
      () => hooks.up(),
    );
  }

  /** The stream; as it was last, when it has ended. */
  get stream(): Stream {
    this.#stream = this.#hooks.stream() ?? this.#stream;
    return this.#stream;
  }

  /** Whether this half is subscribed to. */
  isOn(half: Half): boolean {
    return this.#on[half];
  }

  /** Subscribes; resolves when the SFU has been told. */
  begin(): Promise<void> {
    return this.#wanted.changed();
  }

  /** Subscribes to a half, or ends that. */
  async switch(half: Half, on: boolean): Promise<void> {
    if (this.#ended) return;
    this.#on[half] = on;
    await this.#wanted.changed();
  }

  /** There is a socket again, or another SFU: either may know nothing of it. */
  again(): void {
    this.#wanted.again();
  }

  /**
   * The tracks of the stream, none while there is no connection with them, and whether anything can come of them. Those
   * that there were stay until there are others: their last picture is better than none.
   */
  receives(tracks: readonly MediaStreamTrack[], alive: boolean): void {
    if (this.#ended) return;
    if (tracks.length > 0) this.#hold(tracks);
    const connected = alive && tracks.length > 0;
    if (connected === this.#connected) return;
    this.#connected = connected;
    this.tell(connected ? "connected" : "disconnected", undefined);
  }

  /** What comes of it can be decrypted, or not. */
  readable(readable: boolean): void {
    if (this.#ended) return;
    if (readable) this.tell("connected", undefined);
    else this.failed(sessionError("encryptionMismatch", "The encryption secret is not the publisher's."));
  }

  /** No media of it comes any more. */
  failed(error: SessionError): void {
    this.tell("error", error);
  }

  /** Ends it; resolves when the SFU has been told. */
  async end(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    this.#hold([]);
    await this.#wanted.changed();
  }

  /** The stream has ended, or the session: there is nothing to ask for. */
  close(reason: StreamDestroyReason, error: SessionError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#hold([]);
    this.#wanted.end(error);
    this.tell("destroyed", { reason });
  }

  #hold(tracks: readonly MediaStreamTrack[]): void {
    for (const track of this.mediaStream.getTracks())
      if (!tracks.includes(track)) this.mediaStream.removeTrack(track);
    for (const track of tracks) this.mediaStream.addTrack(track);
  }

  #ask(): Promise<Message> {
    const { streamId } = this;
    if (this.#ended) return this.#hooks.request("unsubscribe", { streamId });
    const { audio: hasAudio, video: hasVideo } = this.#on;
    return this.#hooks.request("subscribe", { streamId, hasAudio, hasVideo });
  }
}
