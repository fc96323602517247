import { CODECS, incoming, outgoing } from "./frames.js";
import type { Trouble } from "./messages.js";
import { type Bytes, Opener, Sealer, streamKey } from "./sframe.js";

/** For so long a frame may be unreadable without another that is not, in milliseconds: not all change a secret at the same moment. */
const PATIENCE_MS = 1_000;

/** A frame of `RTCRtpScriptTransform`. */
export interface EncodedFrame {
  data: ArrayBuffer;
  getMetadata(): { mimeType?: string };
}

/** What is done with the frames of one sender or receiver. What cannot be done rightly is not passed on at all. */
export abstract class Transform {
  #stretched: CryptoKey | undefined;
  #streamId: string;
  /** Grows with each change of key: what was derived for an earlier one is not used. */
  #version = 0;

  constructor(streamId: string) {
    this.#streamId = streamId;
  }

  /** What `stretch` made of the secret. Until the key that follows from it is there, no frame passes. */
  async useSecret(stretched: CryptoKey): Promise<void> {
    this.#stretched = stretched;
    await this.#renew();
  }

  /** The frames are another stream's from now on. */
  async useStream(streamId: string): Promise<void> {
    if (streamId === this.#streamId) return;
    this.#streamId = streamId;
    await this.#renew();
  }

  /** What becomes of a frame; nothing if it is not passed on. */
  async apply(frame: EncodedFrame, kind: "audio" | "video"): Promise<Bytes | undefined> {
    const codec = frame.getMetadata().mimeType?.toLowerCase();
    if (codec !== undefined && !CODECS.includes(codec)) return undefined;
    return this.pass(kind, new Uint8Array(frame.data));
  }

  protected abstract pass(kind: "audio" | "video", frame: Bytes): Promise<Bytes | undefined>;

  /** The stream's key, when it is known; what was used before is forgotten at once. */
  protected abstract use(base: CryptoKey | undefined): Promise<void>;

  async #renew(): Promise<void> {
    this.#version += 1;
    const version = this.#version;
    await this.use(undefined);
    if (!this.#stretched) return;
    const base = await streamKey(this.#stretched, this.#streamId);
    if (version === this.#version) await this.use(base);
  }
}

/** Of a sender. */
export class Encrypting extends Transform {
  #sealer: Promise<Sealer> | undefined;

  protected override async pass(kind: "audio" | "video", frame: Bytes): Promise<Bytes | undefined> {
    const sealer = this.#sealer;
    const way = outgoing(kind, frame);
    return sealer && way?.with(await (await sealer).seal(frame, way.clear));
  }

  protected override async use(base: CryptoKey | undefined): Promise<void> {
    this.#sealer = base && Sealer.create(base);
    await this.#sealer;
  }
}

/** Of a receiver. */
export class Decrypting extends Transform {
  #opener: Opener | undefined;
  readonly #tell: (trouble: Trouble) => void;
  #patience: ReturnType<typeof setTimeout> | undefined;
  /** What was said of this key, and what was said last of any. */
  #said: Trouble | undefined;
  #last: Trouble | undefined;

  constructor(streamId: string, tell: (trouble: Trouble) => void) {
    super(streamId);
    this.#tell = tell;
  }

  protected override async pass(kind: "audio" | "video", frame: Bytes): Promise<Bytes | undefined> {
    const opener = this.#opener;
    if (!opener) return undefined;
    const came = incoming(kind, frame);
    const opened = came ? await opener.open(came.sealed, came.clear) : "unreadable";
    // Another secret has come meanwhile: what the one before says of a frame is no news.
    if (opener !== this.#opener || opened === "repeated") return undefined;
    if (opened === "unreadable") {
      this.#unreadable();
      return undefined;
    }
    this.#readable();
    return opened;
  }

  protected override async use(base: CryptoKey | undefined): Promise<void> {
    this.#opener = base && new Opener(base);
    clearTimeout(this.#patience);
    this.#patience = undefined;
    this.#said = undefined;
  }

  #unreadable(): void {
    if (this.#said === "mismatch") return;
    this.#patience ??= setTimeout(() => {
      this.#said = "mismatch";
      this.#last = "mismatch";
      this.#tell("mismatch");
    }, PATIENCE_MS);
  }

  #readable(): void {
    clearTimeout(this.#patience);
    this.#patience = undefined;
    this.#said = undefined;
    if (this.#last !== "mismatch") return;
    this.#last = "recovered";
    this.#tell("recovered");
  }
}
