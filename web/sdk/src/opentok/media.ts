import { Encryption } from "../encryption/encryption.js";
import { RoomError } from "../errors.js";
import type { Log } from "../logger.js";
import type { PeerMediaEvent } from "../media/consumers.js";
import { mediaDevices, openDevice, openScreen } from "../media/devices.js";
import type { LocalTrack, Slot } from "../media/producer.js";
import { CAMERA } from "../media/simulcast.js";
import { Call, type CallEvent, type CallSignaling } from "../room/call.js";
import type { ConnectionEvent, SignalingConnection } from "../signaling/connection.js";
import { Handshakes } from "../signaling/handshakes.js";
import type { SignalingEvent } from "../signaling/signaling.js";
import type {
  Message,
  SessionIdentified,
  Stream,
  StreamDestroyReason,
  VersionedStream,
} from "../signaling/wire.js";
import { Direct } from "./direct.js";
import { fromRoomError, SessionError, sessionError } from "./errors.js";
import { type Half, Publication } from "./publication.js";
import { Publisher } from "./publisher.js";
import { Subscriber } from "./subscriber.js";
import { Subscription } from "./subscription.js";
import type { PublisherOptions, SubscriberOptions } from "./types.js";

/** How long publishing may take, in milliseconds: an SFU may have to be started for it. */
const PUBLISH_MS = 90_000;
/** Between how many clients the media of a relayed session goes. */
const MOST_RELAYED = 2;

/** What media needs of the connection to the session. */
export interface MediaHooks {
  sessionId: string;
  rtcConfiguration: (iceServers: readonly RTCIceServer[]) => RTCConfiguration;
  signaling: SignalingConnection;
  /** Asks the gateway. Throws a {@link SessionError}. */
  request(action: string, data: Record<string, unknown>): Promise<Message>;
  /** A stream of somebody else's, as it is now. */
  stream(streamId: string): Stream | undefined;
  /** The encryption secret, if there is one. */
  secret(): string | undefined;
  /** How many of the others have been there for longer. */
  before(): number;
  log: Log;
}

/** Somebody who waits for a publication's media to be taken. */
interface Publishing {
  resolve(): void;
  reject(error: SessionError): void;
}

/** What a client of a session publishes and receives, over one {@link Call} after the other. */
export class Media {
  readonly #hooks: MediaHooks;
  readonly #handshakes: Handshakes;
  readonly #publications = new Map<Publisher, Publication>();
  readonly #publishing = new Map<Publication, Publishing>();
  readonly #subscriptions = new Map<Subscriber, Subscription>();
  /** What is received of each peer, by stream. */
  readonly #received = new Map<string, ReadonlyMap<string, readonly RTCRtpReceiver[]>>();
  #identified: SessionIdentified | undefined;
  /** In a session that is encrypted end to end, as soon as there is media. */
  #encryption: Encryption | undefined;
  #starting: Promise<Encryption> | undefined;
  #call: Call | undefined;
  /** In a relayed session, in place of calls. */
  #direct: Direct | undefined;
  #emit: ((event: SignalingEvent) => void) | undefined;
  #busy: (() => void) | undefined;
  /** Whether the session has an SFU. Without one only those who publish ask for it. */
  #served = false;
  #ended = false;

  constructor(hooks: MediaHooks) {
    this.#hooks = hooks;
    this.#handshakes = new Handshakes({
      socket: () => hooks.signaling.socket,
      forgotten: () => hooks.signaling.renew(),
      refused: (error) => this.#emit?.({ type: "refused", error }),
      busy: () => this.#busy?.(),
      log: hooks.log,
    });
  }

  /** A socket is identified. `streams`: those that there are; `renewed`: it takes the place of one that still works. */
  up(identified: SessionIdentified, streams: readonly VersionedStream[], renewed: boolean): void {
    this.#identified = identified;
    this.#served = identified.features.length > 0;
    if (!renewed) this.#handshakes.broken();
    this.#emit?.({ type: "up", identified, renewed });
    this.#handshakes.flush();
    this.#connect();
    this.#direct?.reachabilityChanged();
    const listed = new Map(streams.map((stream) => [stream.streamId, stream]));
    for (const publication of this.#publications.values()) {
      const stream = listed.get(publication.streamId);
      if (publication.stream && !stream) this.#end([publication.streamId], "mediaStopped");
      else publication.up(stream);
    }
    if (!renewed) for (const subscription of this.#subscriptions.values()) subscription.again();
  }

  /** The socket broke. */
  down(): void {
    this.#emit?.({ type: "down" });
    this.#direct?.reachabilityChanged();
  }

  /** Takes what of a socket's messages concerns media. */
  hear(event: ConnectionEvent): void {
    switch (event.type) {
      case "error":
        this.#handshakes.failed(event);
        return;
      case "ack":
        this.#handshakes.acknowledged(event.requestId);
        return;
      case "sfuConnect":
        this.#served = true;
        this.#emit?.(event);
        this.#connect();
        for (const subscription of this.#subscriptions.values()) subscription.again();
        return;
      case "producer":
      case "consumer":
        if (this.#direct) this.#direct.handle(event);
        else this.#emit?.(event);
        return;
      case "subscription":
        this.#direct?.wanted(event);
        return;
      case "sfuDisconnect":
        this.#emit?.(event);
        return;
      case "muteForced":
        for (const { streamId, version } of event.streams ?? [])
          for (const publication of this.#of([streamId])) publication.muted(version);
        return;
      case "streamDestroyed":
        this.#end(event.streamIds, event.reason);
    }
  }

  /** Somebody else's stream has ended. */
  streamEnded({ streamId }: Stream, reason: StreamDestroyReason): void {
    for (const [subscriber, subscription] of this.#subscriptions) {
      if (subscription.streamId !== streamId) continue;
      this.#subscriptions.delete(subscriber);
      subscription.close(reason, gone());
    }
  }

  /** Somebody's stay has ended. */
  left(connectionId: string): void {
    this.#received.delete(connectionId);
    this.#call?.forget(connectionId);
    this.#direct?.forget(connectionId);
  }

  /** Publishes; resolves when the gateway has the stream and the SFU takes its media. */
  async publish(options: PublisherOptions): Promise<Publisher> {
    if (this.#identified?.capabilities.publish === 0)
      throw sessionError("mayNotPublish", "Your role does not allow to publish.");
    if (this.#identified?.mediaMode === "relayed" && this.#hooks.before() >= MOST_RELAYED)
      throw sessionError("relayedFull", "The media of a relayed session goes between two others.");
    await this.#encrypts();
    const sent = await open(options);
    // Whoever was asked for a camera may have left before saying yes.
    if (this.#ended) {
      for (const { track, owned } of Object.values(sent)) if (owned) track.stop();
      throw gone();
    }
    const publication = new Publication(this.#newStreamId(), sent, options, {
      request: this.#hooks.request,
      up: () => this.#hooks.signaling.socket !== undefined,
      sends: async (slot, local) => {
        this.#direct?.sends(slot);
        await this.#call?.producer?.set(slot, local);
      },
    });
    const publisher = new Publisher(publication);
    this.#publications.set(publisher, publication);
    try {
      const taken = this.#taken(publication);
      this.#connect();
      // From client to client there is nobody yet to agree.
      if (this.#direct) this.#publishing.get(publication)?.resolve();
      for (const [slot, local] of publication.tracks) void this.#call?.producer?.set(slot, local);
      await Promise.all([publication.begin(), taken]);
      return publisher;
    } catch (error) {
      this.#publications.delete(publisher);
      void publication.end().catch(() => undefined);
      throw error;
    } finally {
      this.#publishing.delete(publication);
    }
  }

  /** Ends what a publisher publishes. */
  async unpublish(publisher: Publisher): Promise<void> {
    const publication = this.#publications.get(publisher);
    if (!publication)
      throw sessionError("publisherUnknown", "The publisher is not of this session, or has ended.");
    this.#publications.delete(publisher);
    await publication.end();
  }

  /** Subscribes to a stream; resolves when the SFU has been told. */
  async subscribe(streamId: string, options: SubscriberOptions): Promise<Subscriber> {
    if (this.#identified?.capabilities.subscribe === 0)
      throw sessionError("mayNotSubscribe", "Your role does not allow to subscribe.");
    const stream = this.#hooks.stream(streamId);
    if (!stream) throw sessionError("streamUnknown", "There is no such stream.");
    await this.#encrypts();
    if (this.#ended) throw gone();
    const subscription = new Subscription(stream, options, {
      request: this.#hooks.request,
      up: () => this.#hooks.signaling.socket !== undefined,
      stream: () => this.#hooks.stream(streamId),
    });
    const subscriber = new Subscriber(subscription);
    this.#subscriptions.set(subscriber, subscription);
    this.#connect();
    this.#sort(subscription);
    try {
      await subscription.begin();
      return subscriber;
    } catch (error) {
      this.#subscriptions.delete(subscriber);
      throw error;
    }
  }

  /** Ends a subscription. */
  async unsubscribe(subscriber: Subscriber): Promise<void> {
    const subscription = this.#subscriptions.get(subscriber);
    if (!subscription)
      throw sessionError("subscriberUnknown", "The subscriber is not of this session, or has ended.");
    this.#subscriptions.delete(subscriber);
    await subscription.end();
  }

  /** The encryption secret is another one. */
  async secretChanged(): Promise<void> {
    const secret = this.#hooks.secret();
    // Also one that is still starting with the secret of before: the last one counts.
    const encryption = await this.#starting;
    if (secret !== undefined) await encryption?.setSecret(secret).catch(unencrypted);
  }

  /** The session is over. */
  end(reason: StreamDestroyReason): void {
    this.#ended = true;
    this.#handshakes.end();
    for (const publication of this.#publications.values()) publication.close(reason, gone());
    for (const subscription of this.#subscriptions.values()) subscription.close(reason, gone());
    for (const { reject } of this.#publishing.values()) reject(gone());
    this.#publications.clear();
    this.#subscriptions.clear();
    this.#direct?.close();
    this.#hangUp();
    void this.#starting?.then((encryption) => encryption.close()).catch(() => undefined);
  }

  /** Sees that media is encrypted, where it has to be. */
  async #encrypts(): Promise<void> {
    const secret = this.#hooks.secret();
    if (!this.#identified?.e2ee || this.#encryption || secret === undefined) return;
    if (!Encryption.supported)
      throw sessionError("encryptionUnsupported", "This browser cannot encrypt media from end to end.");
    this.#starting ??= Encryption.start({
      sessionId: this.#hooks.sessionId,
      onTrouble: (streamId, trouble) => {
        for (const subscription of this.#subscriptions.values())
          if (subscription.streamId === streamId) subscription.readable(trouble === "recovered");
      },
    });
    try {
      const encryption = await this.#starting;
      await encryption.setSecret(secret);
      this.#encryption = encryption;
    } catch (error) {
      this.#starting = undefined;
      unencrypted(error);
    }
  }

  /** What a sender sends is encrypted, if it has to be: nothing goes out otherwise. */
  #sends(sender: RTCRtpSender, { streamId = "" }: LocalTrack): void {
    if (!this.#identified?.e2ee) return;
    if (!this.#encryption) throw new Error("Nothing can be encrypted.");
    this.#encryption.encrypt(sender, streamId);
  }

  /** An id that a stream of this client's has not had. */
  #newStreamId(): string {
    const own = this.#identified?.connection.connectionId ?? "";
    const letters = crypto.getRandomValues(new Uint8Array(8));
    return `${Array.from(letters, (byte) => (byte % 36).toString(36)).join("")}~${own}`;
  }

  #of(streamIds: readonly string[]): Publication[] {
    return [...this.#publications.values()].filter(({ streamId }) => streamIds.includes(streamId));
  }

  /** Streams of this client's own have ended. */
  #end(streamIds: readonly string[], reason: StreamDestroyReason): void {
    for (const [publisher, publication] of this.#publications) {
      if (!streamIds.includes(publication.streamId)) continue;
      this.#publications.delete(publisher);
      this.#publishing.get(publication)?.reject(notPublished("The stream has ended."));
      publication.close(reason, gone());
    }
  }

  /** Has a call, if there is any use for one: whoever publishes claims an SFU with it. */
  #connect(): void {
    if (this.#identified?.mediaMode === "relayed") {
      this.#direct ??= this.#directly(this.#identified.connection.connectionId);
      return;
    }
    const wanted = this.#publications.size > 0 || (this.#served && this.#subscriptions.size > 0);
    const identified = this.#identified;
    if (this.#call || !wanted || !identified) return;
    const { sessionId, signaling, rtcConfiguration, log } = this.#hooks;
    const call: Call = new Call(
      {
        roomId: sessionId,
        peerId: identified.connection.connectionId,
        rtcConfiguration,
        simulcast: true,
        explicitSubscriptions: true,
        // Only Arbiter's own serves sessions.
        iceLite: true,
        tracks: () => this.#tracks,
        sends: (sender, local) => this.#sends(sender, local),
        signaling: (emit, busy) => {
          this.#emit = emit;
          this.#busy = busy;
          return this.#over(signaling);
        },
        log,
      },
      (event) => this.#on(call, event),
    );
    this.#call = call;
    void call.enter(true);
    for (const subscription of this.#subscriptions.values()) subscription.again();
  }

  #directly(own: string): Direct {
    const { sessionId, signaling, rtcConfiguration, log } = this.#hooks;
    return new Direct({
      roomId: sessionId,
      own,
      config: () => rtcConfiguration(this.#identified?.iceServers ?? []),
      subscribed: (peerId) =>
        [...this.#subscriptions.values()].some(({ stream }) => stream.connectionId === peerId),
      tracks: () => this.#tracks,
      up: () => signaling.socket !== undefined,
      send: (handshake) => this.#handshakes.send(handshake),
      settle: (about) => this.#handshakes.settle(about),
      emit: (event) => this.#hear(event),
      log,
    });
  }

  /** A call's way to the gateway: the session's own, which neither begins nor ends with a call. */
  #over(signaling: SignalingConnection): CallSignaling {
    return {
      get connectionId() {
        return signaling.connectionId;
      },
      get up() {
        return signaling.socket !== undefined;
      },
      open: async () => {
        if (this.#identified && signaling.socket)
          this.#emit?.({ type: "up", identified: this.#identified, renewed: false });
      },
      send: (handshake) => this.#handshakes.send(handshake),
      settle: (about) => this.#handshakes.settle(about),
      leave: async () => undefined,
      leaveNow: () => undefined,
    };
  }

  get #tracks(): ReadonlyMap<Slot, LocalTrack> {
    return new Map([...this.#publications.values()].flatMap(({ tracks }) => [...tracks]));
  }

  #hangUp(): void {
    this.#call?.leaveNow();
    this.#call = undefined;
    this.#emit = undefined;
    this.#busy = undefined;
    this.#received.clear();
    for (const subscription of this.#subscriptions.values()) subscription.receives([]);
  }

  #on(call: Call, event: CallEvent): void {
    if (call !== this.#call) return;
    switch (event.type) {
      case "connected":
      case "answered":
        this.#settle();
        return;
      case "opened":
      case "announce":
        this.#announce();
        return;
      case "message":
        if (event.channel === "features") this.#told(event.message);
        return;
      case "received":
        this.#hear(event);
        return;
      case "roomLost":
        // The next offer claims another SFU.
        this.#served = false;
        this.#hangUp();
        this.#connect();
        return;
      case "failed":
        this.#failed(event.error);
        return;
      case "error":
        for (const { reject } of this.#publishing.values()) reject(unpublished(event.error));
    }
  }

  /** What comes of what others send. */
  #hear(event: PeerMediaEvent): void {
    if (event.type !== "received") return;
    for (const [streamId, receivers] of event.streams)
      for (const receiver of receivers) this.#encryption?.decrypt(receiver, streamId);
    this.#received.set(event.peerId, event.streams);
    for (const subscription of this.#subscriptions.values()) this.#sort(subscription);
  }

  /** Tells the SFU who this is: what it says of speaking, and of who is lost, goes to those it knows. */
  #announce(): void {
    const publications = [...this.#publications.values()];
    const isOn = (half: Half) => publications.some((publication) => publication.isOn(half));
    this.#call?.send("features", {
      id: this.#identified?.connection.connectionId,
      features: { audio: isOn("audio"), video: isOn("video"), screen: null },
      connectionId: this.#call.connectionId,
    });
  }

  /** What the SFU says of somebody's media. */
  #told({ id, presence }: Record<string, unknown>): void {
    const alive = presence !== "lost" && presence !== "gone";
    for (const subscription of this.#subscriptions.values())
      if (subscription.stream.connectionId === id) subscription.alive(alive);
  }

  #sort(subscription: Subscription): void {
    const receivers = this.#received.get(subscription.stream.connectionId)?.get(subscription.streamId);
    subscription.receives(receivers?.map(({ track }) => track) ?? []);
  }

  /** Media does not come about, or not again. */
  #failed(error: RoomError): void {
    const why = unpublished(error);
    for (const { reject } of this.#publishing.values()) reject(why);
    this.#hangUp();
    for (const [publisher, publication] of this.#publications) {
      if (this.#publishing.has(publication)) continue;
      this.#publications.delete(publisher);
      publication.ended("mediaStopped");
      void publication.end().catch(() => undefined);
    }
    for (const subscription of this.#subscriptions.values()) subscription.failed(why);
  }

  /** Resolves when the SFU has agreed to take what is published. */
  #taken(publication: Publication): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(notPublished("No media connection came about in time.")),
        PUBLISH_MS,
      );
      const done = (then: () => void) => {
        clearTimeout(timer);
        then();
      };
      this.#publishing.set(publication, {
        resolve: () => done(resolve),
        reject: (error) => done(() => reject(error)),
      });
    });
  }

  #settle(): void {
    const producer = this.#call?.producer;
    if (!producer?.connected) return;
    for (const [publication, { resolve }] of this.#publishing)
      if ([...publication.tracks.keys()].every((slot) => producer.isAgreed(slot))) resolve();
  }
}

/** Gets what is to be published. */
async function open(
  options: PublisherOptions,
): Promise<Partial<Record<Half, { track: MediaStreamTrack; owned: boolean }>>> {
  const { audioSource = options.videoType !== "screen", videoSource = true, videoType = "camera" } = options;
  if (audioSource === false && videoSource === false)
    throw sessionError("badParameter", "audioSource, videoSource: one of them must not be false");
  try {
    if (videoType === "screen" && videoSource === true) return await openedScreen(audioSource);
    const video = await opened(videoSource, (id) => openDevice("videoinput", id, asked(options)));
    try {
      const audio = await opened(audioSource, (id) => openDevice("audioinput", id));
      return { ...(audio && { audio }), ...(video && { video }) };
    } catch (error) {
      if (video?.owned) video.track.stop();
      throw error;
    }
  } catch (error) {
    throw error instanceof RoomError ? fromRoomError(error) : error;
  }
}

async function opened(
  source: boolean | string | MediaStreamTrack,
  device: (id: string | undefined) => Promise<MediaStreamTrack>,
): Promise<{ track: MediaStreamTrack; owned: boolean } | undefined> {
  if (source === false) return undefined;
  if (source instanceof MediaStreamTrack) return { track: source, owned: false };
  return { track: await device(source === true ? undefined : source), owned: true };
}

async function openedScreen(audioSource: boolean | string | MediaStreamTrack) {
  mediaDevices();
  const [screen, audio] = [
    await openScreen(),
    await opened(audioSource === true ? false : audioSource, (id) => openDevice("audioinput", id)),
  ];
  const [video] = screen.getVideoTracks();
  const [sound] = audioSource === false ? [] : screen.getAudioTracks();
  for (const track of screen.getTracks()) if (track !== video && track !== sound) track.stop();
  if (!video) throw notPublished("The screen has no picture.");
  const heard = audio ?? (sound && { track: sound, owned: true });
  return { video: { track: video, owned: true }, ...(heard && { audio: heard }) };
}

/** What a camera is asked for. Throws for a resolution that is none. */
function asked({ resolution, frameRate = 30 }: PublisherOptions): MediaTrackConstraints {
  if (resolution === undefined) return { ...CAMERA, frameRate: { ideal: frameRate } };
  const [, width, height] = /^(\d{1,5})x(\d{1,5})$/.exec(resolution) ?? [];
  if (width === undefined || height === undefined)
    throw sessionError("badParameter", "resolution: must be as 1280x720");
  return {
    width: { ideal: Number(width) },
    height: { ideal: Number(height) },
    frameRate: { ideal: frameRate },
  };
}

function gone(): SessionError {
  return sessionError("notConnected", "The session, or the stream, is over.");
}

/** What encrypting fails with, as an error of a session. */
function unencrypted(error: unknown): never {
  throw sessionError(
    "encryptionUnsupported",
    error instanceof Error ? error.message : "Nothing can be encrypted.",
  );
}

function notPublished(message: string): SessionError {
  return sessionError("notPublished", message);
}

/** Why nothing is published, with OpenTok's number for that. */
function unpublished({ code, message }: RoomError): SessionError {
  const { status, otc } = notPublished(message);
  return new SessionError({ status, code, message, otc });
}
