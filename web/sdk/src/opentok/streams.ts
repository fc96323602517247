import { remember } from "../recent.js";
import type { Message, Stream, VersionedStream } from "../signaling/wire.js";
import type { StreamDestroyReason, StreamPropertyChange } from "./types.js";

/** Streams that have ended and are remembered, so that a late word of them does not bring them back. */
const MOST_ENDED = 15_000;
/** Streams that are not known yet of which a change is kept. */
const MOST_EARLY = 256;

/** One change of what others publish. */
export type StreamChange =
  | { type: "streamCreated"; stream: Stream }
  | { type: "streamDestroyed"; stream: Stream; reason: StreamDestroyReason }
  | ({ type: "streamPropertyChanged"; stream: Stream } & StreamPropertyChange);

interface Entry {
  stream: Stream;
  /** The version of the last change of each property; of the others that with which the stream was told. */
  readonly versions: Map<string, number>;
  version: number;
}

/** The properties that may change. */
const PROPERTIES = ["hasAudio", "hasVideo", "videoType", "videoDimensions"] as const;

/**
 * What the others publish (docs/PROTOCOL.md, "Streams"). It is told in any order and from two sources, events and whole lists: a
 * stream is created at most once, and when it has ended it stays so.
 */
export class Streams {
  readonly #own: string;
  readonly #entries = new Map<string, Entry>();
  readonly #present = new Map<string, Stream>();
  readonly #ended = new Set<string>();
  /** Changes of streams that are not known yet. */
  readonly #early = new Map<string, Message<"streamPropertyChanged">[]>();
  /** Streams that an event has told of since the list that is under way was asked for. */
  readonly #fresh = new Set<string>();

  /** `own`: this client's `connectionId`, whose streams are not looked after here. */
  constructor(own: string) {
    this.#own = own;
  }

  /** The streams there are, by id. Live. */
  get present(): ReadonlyMap<string, Stream> {
    return this.#present;
  }

  /** A list is being asked for: events from here on may be newer than what it says. */
  expectList(): void {
    this.#fresh.clear();
  }

  /** A stream has begun. */
  created(stream: Stream, version: number): StreamChange[] {
    const changes = this.#add(stream, version);
    if (changes.length > 0) this.#fresh.add(stream.streamId);
    return changes;
  }

  /** Properties have changed. */
  changed(message: Message<"streamPropertyChanged">): StreamChange[] {
    const { streamId } = message.stream;
    const entry = this.#entries.get(streamId);
    if (entry)
      return message.changes.flatMap(({ changedProperty, newValue }) =>
        this.#set(entry, changedProperty, newValue, message.version),
      );
    if (this.#ended.has(streamId) || this.#isOwn(streamId)) return [];
    const early = this.#early.get(streamId) ?? [];
    this.#early.delete(streamId);
    this.#early.set(streamId, [...early, message]);
    const [oldest] = this.#early.keys();
    if (this.#early.size > MOST_EARLY && oldest !== undefined) this.#early.delete(oldest);
    return [];
  }

  /** A moderator has switched a stream's sound off. */
  muted(streamId: string, version: number): StreamChange[] {
    const changes = [{ changedProperty: "hasAudio", oldValue: true, newValue: false }];
    return this.changed({ type: "streamPropertyChanged", stream: { streamId }, changes, version });
  }

  /** Streams have ended, which may not have begun as far as we know. */
  destroyed(streamIds: readonly string[], reason: StreamDestroyReason): StreamChange[] {
    return streamIds.flatMap((streamId): StreamChange[] => {
      remember(this.#ended, streamId, MOST_ENDED);
      this.#early.delete(streamId);
      const entry = this.#entries.get(streamId);
      if (!entry) return [];
      this.#entries.delete(streamId);
      this.#present.delete(streamId);
      return [{ type: "streamDestroyed", stream: entry.stream, reason }];
    });
  }

  /** A stay has ended, and all that was published in it; `next`: when the next stay of the same connection began, if there is one. */
  left(connectionId: string, reason: StreamDestroyReason, next = Number.POSITIVE_INFINITY): StreamChange[] {
    const its = [...this.#present.values()].filter(
      (stream) => stream.connectionId === connectionId && stream.creationTime < next,
    );
    return this.destroyed(
      its.map(({ streamId }) => streamId),
      reason,
    );
  }

  /** The streams there are, all of them. What is known and not in it has ended, unless an event told of it since it was asked for. */
  list(streams: readonly VersionedStream[]): StreamChange[] {
    const listed = new Set(streams.map(({ streamId }) => streamId));
    const missing = [...this.#present.keys()].filter((id) => !listed.has(id) && !this.#fresh.has(id));
    return [
      ...this.destroyed(missing, "networkDisconnected"),
      ...streams.flatMap(({ version, ...stream }) => {
        const entry = this.#entries.get(stream.streamId);
        if (!entry) return this.#add(stream, version);
        return PROPERTIES.flatMap((name) => this.#set(entry, name, stream[name], version));
      }),
    ];
  }

  #isOwn(streamId: string): boolean {
    return streamId.endsWith(`~${this.#own}`);
  }

  #add(stream: Stream, version: number): StreamChange[] {
    const { streamId } = stream;
    if (this.#isOwn(streamId) || this.#ended.has(streamId) || this.#entries.has(streamId)) return [];
    const entry: Entry = { stream, version, versions: new Map() };
    this.#entries.set(streamId, entry);
    this.#present.set(streamId, stream);
    const early = this.#early.get(streamId) ?? [];
    this.#early.delete(streamId);
    return [
      { type: "streamCreated", stream },
      ...early.sort((a, b) => a.version - b.version).flatMap((message) => this.changed(message)),
    ];
  }

  #set(entry: Entry, property: string, newValue: unknown, version: number): StreamChange[] {
    const name = PROPERTIES.find((known) => known === property);
    if (!name || version <= (entry.versions.get(name) ?? entry.version)) return [];
    entry.versions.set(name, version);
    const oldValue = entry.stream[name];
    if (JSON.stringify(oldValue) === JSON.stringify(newValue)) return [];
    entry.stream = { ...entry.stream, [name]: newValue };
    this.#present.set(entry.stream.streamId, entry.stream);
    return [
      { type: "streamPropertyChanged", stream: entry.stream, changedProperty: name, oldValue, newValue },
    ];
  }
}
