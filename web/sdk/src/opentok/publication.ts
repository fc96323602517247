import type { LocalTrack, Slot, TrackSource } from "../media/producer.js";
import type { Message, Stream, VersionedStream } from "../signaling/wire.js";
import type { SessionError } from "./errors.js";
import type { PublisherEvents, PublisherOptions, StreamDestroyReason } from "./types.js";
import { Wanted } from "./wanted.js";

/** The two halves of a stream. */
export type Half = "audio" | "video";

/** How often it is seen whether pictures have another size, in milliseconds. One that lasts for as long is told. */
const LOOK_MS = 1_000;

type Size = NonNullable<Stream["videoDimensions"]>;

/** What a publication needs of the session. */
export interface PublicationHooks {
  /** Asks the gateway. Throws a {@link SessionError}. */
  request(action: string, data: Record<string, unknown>): Promise<Message>;
  /** Whether there is a socket. */
  up(): boolean;
  /** This slot sends another track, or that of another stream. */
  sends(slot: Slot, local: LocalTrack | undefined): Promise<void>;
  /** The screen is not shared any more: the person has said so to the browser. */
  stopped(): void;
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
  readonly #streamId: string;
  /** As the gateway knows it. */
  #stream: Stream | undefined;
  /** The gateway may know it. */
  #asked = false;
  /** The version of the last mute by a moderator. */
  #mutedBy = 0;
  /** A change is under way, of which nothing says whether it came before the mute or after it. */
  #changing = false;
  #doubt = false;
  #ended = false;
  readonly #looking: ReturnType<typeof setInterval> | undefined;
  /** The pictures' size as it was seen last, and as it was told last. */
  #seen: Size | undefined;
  #told: Size | undefined;

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
    if (!sent.video) return;
    this.#looking = setInterval(() => this.#look(), LOOK_MS);
    if (this.isScreen) sent.video.track.addEventListener("ended", () => this.#ended || hooks.stopped());
  }

  /** The stream as the gateway knows it; `undefined` until it is published, and when it has ended. */
  get stream(): Stream | undefined {
    return this.#stream;
  }

  /** The id that it has, or is being published under. */
  get streamId(): string {
    return this.#streamId;
  }

  /** Whether it is a screen. */
  get isScreen(): boolean {
    return this.#options.videoType === "screen";
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

  /** There is a socket again; `listed`: the stream as the gateway has it now. */
  up(listed: VersionedStream | undefined): void {
    if (listed && !listed.hasAudio && this.#stream?.hasAudio) this.muted(listed.version);
    this.#wanted.resume();
  }

  /** A moderator has switched its sound off, at this version of the connection's streams. It may be told again, and late. */
  muted(version: number): void {
    if (version <= this.#mutedBy) return;
    this.#mutedBy = version;
    if (this.#stream) this.#silenced(this.#stream);
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
    clearInterval(this.#looking);
    for (const slot of slots) void this.#hooks.sends(slot, undefined);
    for (const sent of Object.values(this.#sent)) if (sent.owned) sent.track.stop();
    this.#lose(reason);
  }

  /** There is no session any more to ask. */
  close(reason: StreamDestroyReason, error: SessionError): void {
    this.ended(reason);
    this.#wanted.end(error);
  }

  /** Sees whether a phone has been turned, or a window made larger, since it was told. */
  #look(): void {
    const size = this.#size;
    const lasts = isSame(size, this.#seen);
    this.#seen = size;
    if (!lasts || !this.#stream || isSame(size, this.#told)) return;
    void this.#wanted.changed().catch(() => undefined);
  }

  /** The size of the pictures that are captured; `undefined` until there is one. */
  get #size(): Size | undefined {
    const { width, height } = this.#sent.video?.track.getSettings() ?? {};
    return width && height ? { width, height } : undefined;
  }

  #lose(reason: StreamDestroyReason): void {
    const stream = this.#stream;
    this.#stream = undefined;
    if (stream) this.tell("streamDestroyed", { stream, reason });
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
    const size = this.#size;
    this.#told = size;
    if (this.#stream) {
      const before = this.#stream;
      const changed = {
        ...(size && !isSame(size, before.videoDimensions) && { videoDimensions: size }),
        ...((this.#doubt || before.hasAudio !== hasAudio) && { hasAudio }),
        ...(before.hasVideo !== hasVideo && { hasVideo }),
      };
      if (Object.keys(changed).length === 0) return;
      this.#doubt = false;
      this.#changing = true;
      try {
        await this.#hooks.request("updateStream", { streamId, ...changed });
      } finally {
        this.#changing = false;
      }
      const muted = this.#stream !== before && { hasAudio: false };
      if (this.#stream) this.#stream = { ...before, ...changed, ...muted };
      return;
    }
    this.#asked = true;
    const answer = await this.#hooks.request("publish", {
      streamId,
      name,
      hasAudio,
      hasVideo,
      videoType,
      ...(size && { videoDimensions: size }),
    });
    if (answer.type === "published") this.#published(answer, hasAudio);
  }

  #published({ stream, version }: Message<"published">, askedForAudio: boolean): void {
    if (this.#ended) return;
    this.#stream = stream;
    this.tell("streamCreated", { stream });
    // The session is muted, or a moderator was quicker than the answer.
    if (askedForAudio && (!stream.hasAudio || this.#mutedBy > version)) this.#silenced(stream);
  }

  /** The gateway has its sound as switched off, which the person did not do. */
  #silenced(stream: Stream): void {
    const audio = this.#sent.audio;
    if (!audio) return;
    audio.track.enabled = false;
    this.#on.audio = false;
    this.#stream = { ...stream, hasAudio: false };
    if (this.#changing) {
      this.#doubt = true;
      void this.#wanted.changed().catch(() => undefined);
    }
    this.tell("muteForced", { stream: this.#stream });
  }

  #slot(half: Half): Slot {
    return `${this.#streamId} ${half}`;
  }

  #source(half: Half): TrackSource {
    if (this.isScreen) return half === "audio" ? "screenAudio" : "screen";
    return half === "audio" ? "microphone" : "camera";
  }
}

function isSame(one: Size | undefined, other: Size | undefined): boolean {
  return one?.width === other?.width && one?.height === other?.height;
}
