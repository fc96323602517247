import { Emitter } from "../emitter.js";
import type { Subscription } from "./subscription.js";
import type { Stream, SubscriberEvents } from "./types.js";

/** What this client receives of one stream: made by `Session.subscribe`. */
export class Subscriber extends Emitter<SubscriberEvents> {
  readonly #subscription: Subscription;

  /** Applications call `Session.subscribe`. */
  constructor(subscription: Subscription) {
    super();
    this.#subscription = subscription;
    subscription.tell = (name, payload) => this.emit(name, payload);
  }

  /** The stream as it is now, or as it was last. */
  get stream(): Stream {
    return this.#subscription.stream;
  }

  /** For the `srcObject` of a video or audio element: the tracks come and go in it. */
  get mediaStream(): MediaStream {
    return this.#subscription.mediaStream;
  }

  /** Whether the sound is subscribed to. */
  get subscribesToAudio(): boolean {
    return this.#subscription.isOn("audio");
  }

  /** Whether the picture is subscribed to. */
  get subscribesToVideo(): boolean {
    return this.#subscription.isOn("video");
  }

  /** Has the sound come, or not; resolves when the SFU has been told. */
  subscribeToAudio(on: boolean): Promise<void> {
    return this.#subscription.switch("audio", on);
  }

  /** Has the picture come, or not; it comes back with a key frame. Resolves when the SFU has been told. */
  subscribeToVideo(on: boolean): Promise<void> {
    return this.#subscription.switch("video", on);
  }
}
