import type { LocalTrack, Slot, TrackSource } from "../media/producer.js";
import type { Message, Stream } from "../signaling/wire.js";
import type { SessionError } from "./errors.js";
import type { PublisherEvents, PublisherOptions, StreamDestroyReason } from "./types.js";
import { Wanted } from "./wanted.js";

/** The two halves of a stream. */
export type Half = "audio" | "video";

/** What a publication needs of the session. */
export interface PublicationHooks {
  /** Asks the gateway. Throws a {@link SessionError}. */
  request(action: string, data: Record<string, unknown>): Promise<Message>;
  /** Whether there is a socket. */
  up(): boolean;
  /** This slot sends another track, or that of another stream. */
  sends(slot: Slot, local: LocalTrack | undefined): Promise<void>;
}

/** A track that is published. */
interface Sent {
  readonly track: MediaStreamTrack;
  /** The track is this library's to stop. */
  readonly owned: boolean;
}

/** What is published as one stream, whatever becomes of sockets and SFUs. */
export class Publication {
  /** As the others get it, and for the publisher's own preview. */
  readonly mediaStream = new MediaStream();
  /** Told of what happens to it. */
  tell: <Name extends keyof PublisherEvents>(name: Name, payload: PublisherEvents[Name]) => void = () =>
    undefined;
  readonly #options: PublisherOptions;
  readonly #hooks: PublicationHooks;
  readonly #sent: Readonly<Partial<Record<Half, Sent>>>;
  readonly #wanted: Wanted;
  /** What is on, as the person wants it. */
  readonly #on: Record<Half, boolean>;
  #streamId: string;
  /** As the gateway knows it. */
  #stream: Stream | undefined;
  /** The gateway may know it. */
  #asked = false;
  #ended = false;

  constructor(
    streamId: string,
    sent: Partial<Record<Half, Sent>>,
    options: PublisherOptions,
    hooks: PublicationHooks,
  ) {
    this.#streamId = streamId;
    this.#sent = sent;
    this.#options = options;
    this.#hooks = hooks;
    const { publishAudio = true, publishVideo = true } = options;
    this.#on = { audio: publishAudio && !!sent.audio, video: publishVideo && !!sent.video };
    for (const half of ["audio", "video"] as const) {
      const track = sent[half]?.track;
      if (!track) continue;
      this.mediaStream.addTrack(track);
      track.enabled = this.#on[half];
    }
    this.#wanted = new Wanted(
      () => this.#ask(),
      () => hooks.up(),
    );
  }

  /** The stream as the gateway knows it; `undefined` until it is published, and when it has ended. */
  get stream(): Stream | undefined {
    return this.#stream;
  }

  /** The id that it has, or is being published under. */
  get streamId(): string {
    return this.#streamId;
  }

  /** Whether this half is on. */
  isOn(half: Half): boolean {
    return this.#on[half];
  }

  /** What it sends, by slot. */
  get tracks(): ReadonlyMap<Slot, LocalTrack> {
    const tracks = new Map<Slot, LocalTrack>();
    for (const half of ["audio", "video"] as const) {
      const track = this.#sent[half]?.track;
      if (!track || this.#ended) continue;
      const { mediaStream: stream, streamId } = this;
      tracks.set(this.#slot(half), { source: this.#source(half), track, stream, streamId });
    }
    return tracks;
  }

  /** Publishes it; resolves when the gateway has it. */
  begin(): Promise<void> {
    return this.#wanted.changed();
  }

  /** Switches a half on or off. */
  async switch(half: Half, on: boolean): Promise<void> {
    const sent = this.#sent[half];
    if (!sent || this.#ended) return;
    sent.track.enabled = on;
    this.#on[half] = on;
    await this.#wanted.changed();
  }

  /** There is a socket again. */
  up(): void {
    this.#wanted.resume();
  }

  /** Whose stay has ended publishes it anew in the next one, as another stream. */
  async beginAgain(streamId: string): Promise<void> {
    this.#lose("networkDisconnected");
    this.#streamId = streamId;
    await this.#sendAll();
    await this.#wanted.changed();
  }

  /** A moderator has switched its sound off. */
  muted(): void {
    const stream = this.#stream;
    const audio = this.#sent.audio;
    if (!stream || !audio) return;
    audio.track.enabled = false;
    this.#on.audio = false;
    this.#stream = { ...stream, hasAudio: false };
    this.tell("muteForced", { stream: this.#stream });
  }

  /** Its person ends it; resolves when the gateway knows. */
  async end(): Promise<void> {
    this.ended("clientDisconnected");
    if (this.#asked) await this.#wanted.changed();
  }

  /** It has ended: nothing of it is sent any more. */
  ended(reason: StreamDestroyReason): void {
    if (this.#ended) return;
    const slots = [...this.tracks.keys()];
    this.#ended = true;
    for (const slot of slots) void this.#hooks.sends(slot, undefined);
    for (const sent of Object.values(this.#sent)) if (sent.owned) sent.track.stop();
    this.#lose(reason);
  }

  /** There is no session any more to ask. */
  close(reason: StreamDestroyReason, error: SessionError): void {
    this.ended(reason);
    this.#wanted.end(error);
  }

  #lose(reason: StreamDestroyReason): void {
    const stream = this.#stream;
    this.#stream = undefined;
    if (stream) this.tell("streamDestroyed", { stream, reason });
  }

  async #sendAll(): Promise<void> {
    await Promise.all([...this.tracks].map(([slot, local]) => this.#hooks.sends(slot, local)));
  }

  /** Asks for what the gateway does not know yet. */
  async #ask(): Promise<void> {
    const { name = "", videoType = "camera" } = this.#options;
    const streamId = this.#streamId;
    const { audio: hasAudio, video: hasVideo } = this.#on;
    if (this.#ended) {
      await this.#hooks.request("unpublish", { streamId });
      return;
    }
    if (this.#stream) {
      const before = this.#stream;
      const changed = {
        ...(before.hasAudio !== hasAudio && { hasAudio }),
        ...(before.hasVideo !== hasVideo && { hasVideo }),
      };
      if (Object.keys(changed).length === 0) return;
      await this.#hooks.request("updateStream", { streamId, ...changed });
      if (this.#stream === before) this.#stream = { ...before, ...changed };
      return;
    }
    this.#asked = true;
    const { width, height } = this.#sent.video?.track.getSettings() ?? {};
    const answer = await this.#hooks.request("publish", {
      streamId,
      name,
      hasAudio,
      hasVideo,
      videoType,
      ...(width !== undefined && height !== undefined && { videoDimensions: { width, height } }),
    });
    if (answer.type === "published") this.#published(answer.stream, hasAudio);
  }

  #published(stream: Stream, askedForAudio: boolean): void {
    if (this.#ended || stream.streamId !== this.#streamId) return;
    this.#stream = stream;
    this.tell("streamCreated", { stream });
    // The session is muted.
    if (askedForAudio && !stream.hasAudio) this.muted();
  }

  #slot(half: Half): Slot {
    // Of the tracks, as these stay when the stream becomes another one.
    return `${this.mediaStream.id} ${half}`;
  }

  #source(half: Half): TrackSource {
    if (this.#options.videoType === "screen") return half === "audio" ? "screenAudio" : "screen";
    return half === "audio" ? "microphone" : "camera";
  }
}
