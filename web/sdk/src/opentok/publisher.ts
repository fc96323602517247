import { Emitter } from "../emitter.js";
import type { Publication } from "./publication.js";
import type { PublisherEvents, Stream } from "./types.js";

/** What this client publishes: made by `Session.publish`. */
export class Publisher extends Emitter<PublisherEvents> {
  readonly #publication: Publication;

  /** Applications call `Session.publish`. */
  constructor(publication: Publication) {
    super();
    this.#publication = publication;
    publication.tell = (name, payload) => this.emit(name, payload);
  }

  /** The stream as the others see it; `undefined` when it has ended. */
  get stream(): Stream | undefined {
    return this.#publication.stream;
  }

  /** What is sent, for a preview of one's own. */
  get mediaStream(): MediaStream {
    return this.#publication.mediaStream;
  }

  /** Whether sound is sent. */
  get hasAudio(): boolean {
    return this.#publication.isOn("audio");
  }

  /** Whether pictures are sent. */
  get hasVideo(): boolean {
    return this.#publication.isOn("video");
  }

  /** Switches the sound on or off, also after a moderator has; resolves when the gateway knows. Without a source nothing happens. */
  publishAudio(on: boolean): Promise<void> {
    return this.#publication.switch("audio", on);
  }

  /** Switches the picture on or off, likewise. */
  publishVideo(on: boolean): Promise<void> {
    return this.#publication.switch("video", on);
  }
}
