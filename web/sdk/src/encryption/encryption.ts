import type { FromWorker, ToWorker, TransformOptions, Trouble } from "./messages.js";

/** What {@link Encryption} needs to know, and whom it tells. */
export interface EncryptionOptions {
  /** Goes into the keys: the same secret gives others in another session. */
  sessionId: string;
  /**
   * What comes of a stream could not be read for a second: `mismatch`, once for each secret that is set; or can be read again. A stream's
   * publisher has another secret, or does not encrypt.
   */
  onTrouble(streamId: string, trouble: Trouble): void;
}

/** A sender's or a receiver's transform. */
interface Track {
  id: number;
  kind: string;
  streamId: string;
}

/** Encrypts what a client sends and decrypts what it receives, in a worker of its own. */
export class Encryption {
  readonly #options: EncryptionOptions;
  readonly #worker: Worker;
  readonly #tracks = new WeakMap<RTCRtpSender | RTCRtpReceiver, Track>();
  readonly #byId = new Map<number, Track>();
  /** What of each stream cannot be read: its audio, its video. */
  readonly #unreadable = new Map<string, Set<string>>();
  /** The streams of which that was said since the secret was set. */
  readonly #told = new Set<string>();
  readonly #waiting = new Map<number, { resolve(): void; reject(error: Error): void }>();
  #failed: Error | undefined;
  #ids = 0;

  private constructor(options: EncryptionOptions, worker: Worker) {
    this.#options = options;
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#hear(data);
  }

  /**
   * Starts the worker, where it is {@link supported}. There is nothing to encrypt with before it has loaded: a transform that is made
   * earlier is never heard of in the worker, as an event waits for no listener.
   *
   * @throws Error when the worker cannot be loaded.
   */
  static start(options: EncryptionOptions): Promise<Encryption> {
    return new Promise((resolve, reject) => {
      // In this form bundlers find it.
      const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
      worker.onmessage = () => resolve(new Encryption(options, worker));
      worker.onerror = () => reject(new Error("The worker for end-to-end encryption cannot be loaded."));
    });
  }

  /** Whether this browser can encrypt from end to end: Chromium from 141 on, Firefox and Safari can, on pages that are secure contexts. */
  static get supported(): boolean {
    return typeof RTCRtpScriptTransform === "function" && globalThis.crypto?.subtle !== undefined;
  }

  /**
   * Sets or changes the secret, for all that is sent and received; resolves when it is in use. Until there is one, nothing is sent and
   * nothing shown. What was sent under the one before cannot be read any more.
   *
   * @throws Error when this was closed.
   */
  setSecret(secret: string): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failed) return reject(this.#failed);
      this.#ids += 1;
      this.#waiting.set(this.#ids, { resolve, reject });
      this.#post({ type: "secret", id: this.#ids, secret, sessionId: this.#options.sessionId });
    });
  }

  /**
   * Encrypts what a sender sends, as part of this stream. MUST be called in the task that has made the sender: Chromium (156) never
   * heeds a transform that comes later, and sends in the clear. Called again it says another stream.
   */
  encrypt(sender: RTCRtpSender, streamId: string): void {
    this.#transform(sender, "encrypt", streamId);
  }

  /**
   * Decrypts what a receiver receives, as part of this stream, and shows nothing else. MUST be called in the event `track`: what comes
   * later is not heeded either. Called again it says another stream.
   */
  decrypt(receiver: RTCRtpReceiver, streamId: string): void {
    this.#transform(receiver, "decrypt", streamId);
  }

  /** Ends the worker, and with it all that is sent and received through it. */
  close(): void {
    this.#worker.terminate();
    this.#fail(new Error("The end-to-end encryption is closed."));
  }

  #transform(
    side: RTCRtpSender | RTCRtpReceiver,
    operation: TransformOptions["operation"],
    streamId: string,
  ) {
    const track = this.#tracks.get(side);
    if (track?.streamId === streamId) return;
    if (track) {
      this.#readable(track);
      track.streamId = streamId;
      this.#post({ type: "stream", id: track.id, streamId });
      return;
    }
    this.#ids += 1;
    const options: TransformOptions = { id: this.#ids, operation, streamId };
    const made = { id: options.id, kind: side.track?.kind ?? "", streamId };
    this.#tracks.set(side, made);
    this.#byId.set(made.id, made);
    side.transform = new RTCRtpScriptTransform(this.#worker, options);
  }

  #hear(said: FromWorker): void {
    if (said.type === "loaded") return;
    const waiting = this.#waiting.get(said.id);
    this.#waiting.delete(said.id);
    switch (said.type) {
      case "ready":
        this.#told.clear();
        waiting?.resolve();
        return;
      case "failed":
        waiting?.reject(new Error("The secret cannot be used."));
        return;
      case "trouble": {
        const track = this.#byId.get(said.id);
        if (!track) return;
        if (said.trouble === "recovered") {
          this.#readable(track, true);
          return;
        }
        const { kind, streamId } = track;
        this.#unreadable.set(streamId, (this.#unreadable.get(streamId) ?? new Set()).add(kind));
        if (this.#told.has(streamId)) return;
        this.#told.add(streamId);
        this.#options.onTrouble(streamId, "mismatch");
      }
    }
  }

  #readable({ kind, streamId }: Track, tell = false): void {
    const unreadable = this.#unreadable.get(streamId);
    if (!unreadable?.delete(kind) || unreadable.size > 0) return;
    this.#unreadable.delete(streamId);
    this.#told.delete(streamId);
    if (tell) this.#options.onTrouble(streamId, "recovered");
  }

  #fail(error: Error): void {
    this.#failed = error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message);
  }
}
