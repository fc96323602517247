import type { Capabilities, Connection, PublisherOptions, SessionEvents, Stream } from "@arbiter/client";

/** Events that a test makes happen. */
class Scripted<Events> {
  readonly #listeners = new Map<keyof Events, Set<(payload: never) => void>>();

  on<Name extends keyof Events>(name: Name, listener: (payload: Events[Name]) => void): () => void {
    const all = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, all.add(listener as never));
    return () => all.delete(listener as never);
  }

  tell<Name extends keyof Events>(name: Name, payload: Events[Name]): void {
    for (const listener of this.#listeners.get(name) ?? [])
      (listener as (payload: Events[Name]) => void)(payload);
  }
}

/** What a test publishes, or is subscribed to. */
type HalfEvents = Record<string, unknown>;

/** What is published. */
export class ScriptedPublisher extends Scripted<HalfEvents> {
  hasAudio = true;
  hasVideo = true;
  readonly mediaStream = new MediaStream();
  stream: Stream | undefined = streamOf("own~me", "me", "Ann");
  publishAudio = async (on: boolean) => {
    this.hasAudio = on;
  };
  publishVideo = async (on: boolean) => {
    this.hasVideo = on;
  };
}

/** What is received of a stream. */
export class ScriptedSubscriber extends Scripted<HalfEvents> {
  readonly mediaStream = new MediaStream();
}

const MAY: Record<string, Capabilities> = {
  moderator: { publish: 1, subscribe: 1, signal: 1, forceDisconnect: 1, forceUnpublish: 1, forceMute: 1 },
  publisher: { publish: 1, subscribe: 1, signal: 1, forceDisconnect: 0, forceUnpublish: 0, forceMute: 0 },
  subscriber: { publish: 0, subscribe: 1, signal: 1, forceDisconnect: 0, forceUnpublish: 0, forceMute: 0 },
};

/** A session that does what a test says, in place of one that needs a gateway. Same interface as `Session`. */
export class ScriptedSession extends Scripted<SessionEvents> {
  /** The one that has connected last. */
  static latest: ScriptedSession;
  /** The role of the next that connects. */
  static role = "publisher";
  /** What `connect` fails with. */
  static refusal: (Error & { code: string }) | undefined;
  static reset(): void {
    ScriptedSession.role = "publisher";
    ScriptedSession.refusal = undefined;
  }

  /** What was called, as `name(arguments)`. */
  readonly calls: string[] = [];
  readonly connections = new Map<string, Connection>();
  readonly streams = new Map<string, Stream>();
  readonly subscribers = new Map<string, ScriptedSubscriber>();
  publisher: ScriptedPublisher | undefined;
  /** What is published of a screen. */
  screen: ScriptedPublisher | undefined;
  /** What sharing one fails with. */
  screenRefusal: (Error & { code: string }) | undefined;
  /** What is published begins without sound. */
  muted = false;
  connection: Connection | undefined;
  capabilities: Capabilities | undefined;

  connect = async (token: () => Promise<string>) => {
    ScriptedSession.latest = this;
    this.calls.push(`connect(${await token()})`);
    if (ScriptedSession.refusal) throw ScriptedSession.refusal;
    this.connection = connectionOf("me", `role=${ScriptedSession.role}`);
    this.capabilities = MAY[ScriptedSession.role];
  };
  disconnect = async () => {
    if (this.connection) this.tell("sessionDisconnected", { reason: "clientDisconnected" });
    this.connection = undefined;
  };
  publish = async ({ name, audioSource, videoSource, videoType }: PublisherOptions) => {
    this.calls.push(`publish(${[name, ...(videoType ? [videoType] : [])]})`);
    if (videoType === "screen") {
      if (this.screenRefusal) throw this.screenRefusal;
      this.screen = new ScriptedPublisher();
      this.screen.stream = streamOf("screen~me", "me", "Ann");
      return this.screen;
    }
    this.publisher = new ScriptedPublisher();
    this.publisher.hasAudio = audioSource !== false && !this.muted;
    this.publisher.hasVideo = videoSource !== false;
    return this.publisher;
  };
  unpublish = async (publisher: ScriptedPublisher) => {
    this.calls.push(`unpublish(${publisher.stream?.streamId})`);
    publisher.tell("streamDestroyed", { reason: "clientDisconnected" });
  };
  subscribe = async (streamId: string) => {
    this.calls.push(`subscribe(${streamId})`);
    const subscriber = new ScriptedSubscriber();
    this.subscribers.set(streamId, subscriber);
    return subscriber;
  };
  forceMuteStream = async ({ streamId }: Stream) => void this.calls.push(`forceMuteStream(${streamId})`);
  forceUnpublish = async ({ streamId }: Stream) => void this.calls.push(`forceUnpublish(${streamId})`);
  forceDisconnect = async (id: string) => void this.calls.push(`forceDisconnect(${id})`);
  forceMuteAll = async (but: Stream[]) =>
    void this.calls.push(`forceMuteAll(${but.map(({ streamId }) => streamId)})`);
  disableForceMute = async () => void this.calls.push("disableForceMute()");

  /** Somebody comes. */
  comes(id: string, data = "role=publisher"): void {
    const connection = connectionOf(id, data);
    this.connections.set(id, connection);
    this.tell("connectionCreated", { connection, resumed: false });
  }

  /** A moderator mutes everybody, or ends that. */
  mutes(active: boolean): void {
    this.muted = active;
    this.tell("muteForced", { active });
  }

  /** Somebody who is there publishes. */
  publishes(id: string, name: string, more: Partial<Stream> = {}): void {
    const stream = { ...streamOf(`${name}~${id}`, id, name), ...more };
    this.streams.set(stream.streamId, stream);
    this.tell("streamCreated", { stream });
  }
}

function connectionOf(connectionId: string, data: string): Connection {
  return { connectionId, creationTime: 1, data } as Connection;
}

function streamOf(streamId: string, connectionId: string, name: string): Stream {
  return {
    ...{ streamId, connectionId, name, creationTime: 1, layoutClassList: [] },
    ...{ hasAudio: true, hasVideo: true, videoType: "camera" },
  };
}
