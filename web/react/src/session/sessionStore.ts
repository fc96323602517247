import {
  type Capabilities,
  type Connection,
  type DisconnectReason,
  type Publisher,
  Session,
  type SessionError,
  type SessionOptions,
  type Stream,
  type Subscriber,
  type TokenSource,
} from "@arbiter/client";
import { type Acquired, acquire, type Chosen } from "../media/acquire.ts";
import { remembered } from "../media/remembered.ts";

/** Somebody else's stream. */
export interface RemoteStream {
  readonly stream: Stream;
  /** What is received of it; `undefined` until it has been subscribed to, and for a role that may not. */
  readonly media: MediaStream | undefined;
  /** Its tracks have come. */
  readonly connected: boolean;
  /** They came, and do not any more: the picture is frozen. */
  readonly lost: boolean;
}

/** This person's own stream. */
export interface OwnStream {
  readonly media: MediaStream;
  readonly audio: boolean;
  readonly video: boolean;
  /** The gateway knows it, and the others can receive it. */
  readonly published: boolean;
}

/** What is known about a session at one moment. A change makes another object. */
export interface SessionSnapshot {
  readonly state: "new" | "connecting" | "connected" | "reconnecting" | "ended";
  /** Why it has ended; `undefined` when it never began. */
  readonly reason: DisconnectReason | undefined;
  /** What went wrong last, also what did not end it. */
  readonly error: SessionError | undefined;
  readonly connection: Connection | undefined;
  readonly capabilities: Capabilities | undefined;
  /** The others, in the order in which they came. */
  readonly connections: readonly Connection[];
  readonly streams: readonly RemoteStream[];
  readonly own: OwnStream | undefined;
  /** The screen that this person shares. */
  readonly screen: MediaStream | undefined;
  /** Who speaks, by `connectionId`; this person too. */
  readonly speaking: ReadonlySet<string>;
  /** What is wrong with this person's camera and microphone. */
  readonly problems: Acquired["problems"];
  /** What is published now begins without sound. */
  readonly muted: boolean;
  /** What a moderator has done to this person's stream, until they have answered it. Another one is another object. */
  readonly moderated: { readonly by: "mute" | "unpublish" } | undefined;
}

const NEW: SessionSnapshot = {
  state: "new",
  reason: undefined,
  error: undefined,
  connection: undefined,
  capabilities: undefined,
  connections: [],
  streams: [],
  own: undefined,
  screen: undefined,
  speaking: new Set(),
  problems: {},
  muted: false,
  moderated: undefined,
};

/** What a subscription has come to. */
interface Subscription {
  subscriber: Subscriber | undefined;
  connected: boolean;
  lost: boolean;
}

/** A `Session` as something that React can read, which subscribes to everything and publishes a camera and a screen. */
export class SessionStore {
  readonly session: Session;
  readonly #token: TokenSource;
  #snapshot = NEW;
  readonly #listeners = new Set<() => void>();
  readonly #subscriptions = new Map<string, Subscription>();
  #publisher: Publisher | undefined;
  #screen: Publisher | undefined;
  /** The person is being asked for a screen. */
  #choosing = false;
  /** Counts what ends a stream of one's own: media that comes for an older one is stopped at once. */
  #life = 0;

  constructor(options: SessionOptions, token: TokenSource) {
    this.#token = token;
    this.session = new Session(options);
    const look = () => this.#look();
    const { session } = this;
    session.on("connectionCreated", look);
    session.on("connectionDestroyed", look);
    session.on("streamCreated", look);
    session.on("streamDestroyed", look);
    session.on("streamPropertyChanged", look);
    session.on("sessionReconnecting", () => this.#update({ state: "reconnecting" }));
    session.on("sessionReconnected", () => {
      this.#update({ state: "connected" });
      look();
    });
    session.on("speaking", ({ connectionId, speaking }) => {
      const others = [...this.#snapshot.speaking].filter((id) => id !== connectionId);
      this.#update({ speaking: new Set(speaking ? [...others, connectionId] : others) });
    });
    session.on("muteForced", look);
    session.on("sessionDisconnected", ({ reason, error }) => this.#ended(reason, error));
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly snapshot = (): SessionSnapshot => this.#snapshot;

  /** Connects, and publishes if the role allows it. Never rejects. `name`: what the others see. */
  readonly join = async (name: string): Promise<void> => {
    const { state } = this.#snapshot;
    if (state !== "new" && state !== "ended") return;
    this.#update({ ...NEW, state: "connecting" });
    try {
      await this.session.connect(this.#token);
    } catch (error) {
      this.#ended(undefined, error as SessionError);
      return;
    }
    const { connection, capabilities } = this.session;
    this.#update({ state: "connected", connection, capabilities });
    this.#look();
    if (capabilities?.publish === 1) await this.publish(name);
  };

  readonly leave = (): void => {
    this.#endOwn();
    void this.session.disconnect();
  };

  /** Publishes camera and microphone, or the one that there is. */
  readonly publish = async (name: string): Promise<void> => {
    if (this.#snapshot.own) return;
    const life = this.#life;
    const { tracks, problems } = await acquire(["audio", "video"], remembered<Chosen>("devices") ?? {});
    if (life !== this.#life || this.#snapshot.own || tracks.length === 0) {
      for (const track of tracks) track.stop();
      this.#update({ problems });
      return;
    }
    const media = new MediaStream(tracks);
    const [audio] = media.getAudioTracks();
    const [video] = media.getVideoTracks();
    const own = { media, audio: !!audio, video: !!video, published: false };
    this.#update({ own, problems, moderated: undefined });
    try {
      const publisher = await this.session.publish({
        name,
        audioSource: audio ?? false,
        videoSource: video ?? false,
      });
      if (life !== this.#life) {
        await this.session.unpublish(publisher);
        return;
      }
      this.#follow(publisher);
      // The session is muted.
      if (audio && !publisher.hasAudio) this.#update({ moderated: { by: "mute" } });
    } catch (error) {
      if (life !== this.#life) return;
      this.#endOwn();
      this.#failed(error);
    }
  };

  readonly unpublish = async (): Promise<void> => {
    const publisher = this.#publisher;
    this.#endOwn();
    if (publisher) await this.attempt(() => this.session.unpublish(publisher));
  };

  /** Shares a screen that the browser asks the person for, beside the camera; or stops that. */
  readonly toggleScreen = async (name: string): Promise<void> => {
    const screen = this.#screen;
    if (screen) await this.attempt(() => this.session.unpublish(screen));
    else if (!this.#choosing) await this.#shareScreen(name);
  };

  async #shareScreen(name: string): Promise<void> {
    this.#choosing = true;
    try {
      const publisher = await this.session.publish({ name, videoType: "screen", audioSource: true });
      this.#screen = publisher;
      publisher.on("streamDestroyed", ({ reason }) => {
        this.#screen = undefined;
        this.#update({ screen: undefined });
        if (reason === "forceUnpublished") this.#update({ moderated: { by: "unpublish" } });
      });
      this.#update({ screen: publisher.mediaStream });
    } catch (error) {
      // Whoever chooses none, or leaves meanwhile, knows that.
      const { code } = error as SessionError;
      if (code !== "media_refused" && this.#snapshot.state !== "ended") this.#failed(error);
    } finally {
      this.#choosing = false;
    }
  }

  readonly setAudio = (on: boolean): Promise<void> => this.#switch((publisher) => publisher.publishAudio(on));
  readonly setVideo = (on: boolean): Promise<void> => this.#switch((publisher) => publisher.publishVideo(on));

  /** Mutes all but this person, who has something to say. */
  readonly muteAll = (): Promise<void> => {
    const own = [this.#publisher?.stream, this.#screen?.stream];
    return this.session.forceMuteAll(own.filter((stream) => stream !== undefined));
  };

  /** Runs something that may go wrong, and keeps the error for the page to show. */
  readonly attempt = async (action: () => Promise<unknown>): Promise<void> => {
    try {
      await action();
    } catch (error) {
      this.#failed(error);
    }
  };

  async #switch(change: (publisher: Publisher) => Promise<void>): Promise<void> {
    const publisher = this.#publisher;
    if (!publisher) return;
    const done = this.attempt(() => change(publisher));
    // What the person wants is so at once; the gateway is told.
    this.#lookAtOwn();
    if (publisher.hasAudio) this.#update({ moderated: undefined });
    await done;
    this.#lookAtOwn();
  }

  #follow(publisher: Publisher): void {
    this.#publisher = publisher;
    publisher.on("muteForced", () => {
      this.#lookAtOwn();
      this.#update({ moderated: { by: "mute" } });
    });
    publisher.on("streamCreated", () => this.#lookAtOwn());
    publisher.on("streamDestroyed", ({ reason }) => {
      if (publisher !== this.#publisher) return;
      // A place that was lost is taken again, and the stream with it.
      if (reason === "networkDisconnected") {
        this.#lookAtOwn();
        return;
      }
      this.#endOwn();
      if (reason === "forceUnpublished") this.#update({ moderated: { by: "unpublish" } });
    });
    this.#lookAtOwn();
  }

  #lookAtOwn(): void {
    const { own } = this.#snapshot;
    const publisher = this.#publisher;
    if (!own || !publisher) return;
    const published = publisher.stream !== undefined;
    this.#update({ own: { ...own, audio: publisher.hasAudio, video: publisher.hasVideo, published } });
  }

  /** Nothing is published any more, and camera and microphone are off. */
  #endOwn(): void {
    this.#life += 1;
    this.#publisher = undefined;
    for (const track of this.#snapshot.own?.media.getTracks() ?? []) track.stop();
    this.#update({ own: undefined });
  }

  /** Shows who is there and what is published, and subscribes to what is new. */
  #look(): void {
    const { session } = this;
    for (const id of this.#subscriptions.keys()) if (!session.streams.has(id)) this.#subscriptions.delete(id);
    // A session takes subscriptions once it is connected.
    if (this.#snapshot.capabilities?.subscribe === 1)
      for (const id of session.streams.keys()) if (!this.#subscriptions.has(id)) void this.#receive(id);
    this.#update({
      muted: session.muted,
      connections: [...session.connections.values()],
      streams: [...session.streams.values()].map((stream) => {
        const { subscriber, connected, lost } = this.#subscriptions.get(stream.streamId) ?? NOTHING;
        return { stream, media: subscriber?.mediaStream, connected, lost };
      }),
    });
  }

  async #receive(streamId: string): Promise<void> {
    const subscription: Subscription = { ...NOTHING };
    this.#subscriptions.set(streamId, subscription);
    const become = (change: Partial<Subscription>) => {
      Object.assign(subscription, change);
      this.#look();
    };
    try {
      const subscriber = await this.session.subscribe(streamId);
      subscriber.on("connected", () => become({ connected: true, lost: false }));
      subscriber.on("disconnected", () => become({ lost: true }));
      subscriber.on("error", (error) => {
        become({ lost: true });
        this.#failed(error);
      });
      become({ subscriber, connected: subscriber.mediaStream.getTracks().length > 0 });
    } catch (error) {
      // It has ended in the meantime, or the session has.
      if (this.session.streams.has(streamId)) this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    this.#update({ error: error as SessionError });
  }

  #ended(reason: DisconnectReason | undefined, error: SessionError | undefined): void {
    this.#endOwn();
    this.#screen = undefined;
    this.#subscriptions.clear();
    // Who left before the connection was there left, too.
    const why = error?.code === "left" ? "clientDisconnected" : reason;
    this.#update({ ...NEW, state: "ended", reason: why, error });
  }

  #update(change: Partial<SessionSnapshot>): void {
    this.#snapshot = { ...this.#snapshot, ...change };
    for (const listener of this.#listeners) listener();
  }
}

const NOTHING: Subscription = { subscriber: undefined, connected: false, lost: false };
