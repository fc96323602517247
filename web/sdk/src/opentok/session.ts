import { byteLength } from "../bytes.js";
import { Emitter } from "../emitter.js";
import { logTo } from "../logger.js";
import { SessionConnection } from "./connection.js";
import { SessionError, sessionError } from "./errors.js";
import { rtcConfiguration } from "./ice.js";
import { idOf, notConnected } from "./outgoing.js";
import type { Publisher } from "./publisher.js";
import type { Subscriber } from "./subscriber.js";
import type {
  Capabilities,
  Connection,
  PublisherOptions,
  SessionEvents,
  SessionOptions,
  SignalOptions,
  Stream,
  SubscriberOptions,
  TokenSource,
} from "./types.js";

/** How long an encryption secret may be, in characters. */
const SECRET = { least: 8, most: 256 };
/** The longest report of an issue, in bytes of UTF-8. */
const MOST_REPORT = 8_192;

/**
 * A session as OpenTok has them: a room that tokens admit to. Who is there, signals to all or to one, and what a moderator may do.
 * Everything that can fail throws a `SessionError`.
 */
export class Session extends Emitter<SessionEvents> {
  readonly #options: SessionOptions;
  #secret: string | undefined;
  #connection: SessionConnection | undefined;

  constructor(options: SessionOptions) {
    super();
    this.#options = options;
    this.#secret = options.encryptionSecret;
  }

  /** The session's id. */
  get sessionId(): string {
    return this.#options.sessionId;
  }

  /** What the application has given with the options. */
  get userData(): unknown {
    return this.#options.userData;
  }

  /** Whether a moderator has muted everybody: what is published now begins without sound. */
  get muted(): boolean {
    return this.#known?.muted ?? false;
  }

  /** This client's own connection; `undefined` until it is connected. */
  get connection(): Connection | undefined {
    return this.#known?.connection;
  }

  /** What this client may do; `undefined` until it is connected. */
  get capabilities(): Capabilities | undefined {
    return this.#known?.capabilities;
  }

  /** The others who are there, by `connectionId`. Empty with `connectionEventsSuppressed`. */
  get connections(): ReadonlyMap<string, Connection> {
    return this.#known?.roster.present ?? new Map();
  }

  /** What the others publish, by `streamId`; each as it is now. */
  get streams(): ReadonlyMap<string, Stream> {
    return this.#known?.streams.present ?? new Map();
  }

  /** For `RTCPeerConnection`: the gateway's ICE servers (none until it is connected) and what `iceConfig` says. */
  get rtcConfiguration(): RTCConfiguration {
    return rtcConfiguration(this.#known?.iceServers ?? [], this.#options.iceConfig);
  }

  /**
   * Connects with a token; resolves after `sessionConnected` and the `connectionCreated` of those who are there.
   *
   * @throws SessionError what the gateway says of the token (401), the session (404) or its size (429 `connection_limit_exceeded`), `unreachable` after
   * five attempts, `already_identified` while it is connected, or `left` when `disconnect` was called in the meantime.
   */
  async connect(token: TokenSource): Promise<void> {
    if (this.#connection)
      throw sessionError("illegalState", "The session is connected, or connecting, already.");
    if (this.#secret !== undefined) check(this.#secret);
    const { url, apiKey, sessionId, connectionEventsSuppressed = false } = this.#options;
    const connection = new SessionConnection(
      {
        url,
        apiKey,
        sessionId,
        token: typeof token === "string" ? () => token : token,
        connectionEventsSuppressed,
        secret: () => this.#secret,
        rtcConfiguration: (servers) => rtcConfiguration(servers, this.#options.iceConfig),
        log: logTo(this.#options.logger),
      },
      (name, payload) => {
        if (name === "sessionDisconnected") this.#forget(connection);
        this.emit(name, payload);
      },
    );
    this.#connection = connection;
    globalThis.addEventListener?.("pagehide", this.#pageHidden);
    try {
      await connection.connect();
    } catch (error) {
      this.#forget(connection);
      throw error;
    }
  }

  /** Leaves; resolves when the gateway knows. May be called at any time, and is done when the page is left. */
  async disconnect(): Promise<void> {
    await this.#connection?.leave();
  }

  /**
   * Sends a signal; resolves when the gateway has handed it on. Signals go one at a time, in the order of the calls. While the session
   * reconnects they wait (see {@link SignalOptions.retryAfterReconnect}). One that is refused, as it is over the rate (429), is not sent again.
   *
   * @throws SessionError `bad_message` or `too_large` for what is not a signal, what the gateway says, `unreachable` without an answer for
   * 20 seconds, or `dropped` when it is not to be sent again.
   */
  async signal(options: SignalOptions = {}): Promise<void> {
    if (!this.#connection) throw notConnected();
    await this.#connection.signal(options);
  }

  /**
   * Publishes sound, pictures or both, as one stream; resolves when the others can receive it. Without tracks of the application's own
   * the person is asked for microphone and camera, which the publisher lets go of when it ends. At most 8 at a time.
   *
   * @throws SessionError a device's (`media_refused`, `media_missing`, `media_busy`), without the role (`otc` 1500), `stream_limit_exceeded` (1605), or
   * when no media connection came about (1500; `room_full` and `offer_refused` as in a room).
   */
  async publish(options: PublisherOptions = {}): Promise<Publisher> {
    return this.#media.publish(options);
  }

  /**
   * Ends a publisher; resolves when the gateway knows.
   *
   * @throws SessionError for one that is not of this session, or has ended (`otc` 1113).
   */
  async unpublish(publisher: Publisher): Promise<void> {
    await this.#media.unpublish(publisher);
  }

  /**
   * Receives somebody else's stream; resolves when the SFU has been told. Its tracks come into the subscriber's `mediaStream`.
   *
   * @throws SessionError without the role (`otc` 1501), or for a stream that there is not (1535).
   */
  async subscribe(
    stream: Pick<Stream, "streamId"> | string,
    options: SubscriberOptions = {},
  ): Promise<Subscriber> {
    return this.#media.subscribe(streamIdOf(stream), options);
  }

  /**
   * Ends a subscriber: the SFU sends nothing of the stream any more. Resolves when it has been told.
   *
   * @throws SessionError for one that is not of this session, or has ended (`otc` 1112).
   */
  async unsubscribe(subscriber: Subscriber): Promise<void> {
    await this.#media.unsubscribe(subscriber);
  }

  /**
   * Switches the sound of a stream off, one's own too, until its publisher switches it on again: moderators only. Resolves when the
   * gateway has done so.
   *
   * @throws SessionError without the role (`otc` 1540), or for a stream that there is not (1535).
   */
  async forceMuteStream(stream: Pick<Stream, "streamId"> | string): Promise<void> {
    await this.#request("forceMuteStream", { streamId: streamIdOf(stream) });
  }

  /**
   * Switches the sound of all streams off but these, and has those that are published from now on begin without: moderators only.
   * Resolves when it is under way.
   *
   * @throws SessionError without the role (`otc` 1540).
   */
  async forceMuteAll(excluded: readonly (Pick<Stream, "streamId"> | string)[] = []): Promise<void> {
    await this.#request("forceMuteAll", { excludedStreamIds: excluded.map(streamIdOf) });
  }

  /**
   * Lets what is published from now on begin with sound again: moderators only. Nobody's sound is switched on by it.
   *
   * @throws SessionError without the role (`otc` 1540).
   */
  async disableForceMute(): Promise<void> {
    await this.#request("disableForceMute", {});
  }

  /**
   * Ends somebody else's stream: moderators only.
   *
   * @throws SessionError without the role (`otc` 1530), or for a stream that there is not (1535).
   */
  async forceUnpublish(stream: Pick<Stream, "streamId"> | string): Promise<void> {
    await this.#request("forceUnpublish", { streamId: streamIdOf(stream) });
  }

  /**
   * Ends somebody else's connection: moderators only.
   *
   * @throws SessionError without the role (`otc` 1520), for a connection that there is not, or without a connection of one's own.
   */
  async forceDisconnect(connection: Pick<Connection, "connectionId"> | string): Promise<void> {
    await this.#request("forceDisconnect", { connectionId: idOf(connection) });
  }

  /**
   * Reports that something went wrong, in 1 to 8,192 bytes of UTF-8; gives the id to ask for it by.
   *
   * @throws SessionError `bad_message` for another length, or without a connection.
   */
  async reportIssue(text: string): Promise<string> {
    if (typeof text !== "string" || text === "" || byteLength(text) > MOST_REPORT)
      throw sessionError("badParameter", "text: must be 1 to 8192 bytes of UTF-8");
    const answer = await this.#request("reportIssue", { text });
    if (answer.type !== "issueReported") throw unreported();
    return answer.issueId;
  }

  /**
   * Sets or changes the secret of an end-to-end encrypted session: 8 to 256 characters. It stays in this client. Resolves when what is
   * published and received goes by it: what others encrypt with another one cannot be read any more.
   *
   * @throws SessionError for another length (`otc` 6004), or when nothing can be encrypted (6001).
   */
  async setEncryptionSecret(secret: string): Promise<void> {
    check(secret);
    this.#secret = secret;
    await this.#connection?.media.secretChanged();
  }

  get #known() {
    return this.#connection?.known;
  }

  get #media() {
    if (!this.#connection?.known) throw notConnected();
    return this.#connection.media;
  }

  #request(action: string, data: Record<string, unknown>) {
    if (!this.#connection) throw notConnected();
    return this.#connection.request(action, data);
  }

  readonly #pageHidden = () => {
    void this.#connection?.leave(true);
  };

  #forget(connection: SessionConnection): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    globalThis.removeEventListener?.("pagehide", this.#pageHidden);
  }
}

function check(secret: string): void {
  const length = typeof secret === "string" ? [...secret].length : 0;
  if (length < SECRET.least || length > SECRET.most)
    throw sessionError("encryptionSecret", "encryptionSecret: must be 8 to 256 characters");
}

/** The id of a stream that is given by itself or by its id. */
function streamIdOf(stream: { streamId: string } | string): string {
  const id: unknown = typeof stream === "string" ? stream : stream?.streamId;
  if (typeof id === "string" && id !== "") return id;
  throw sessionError("badParameter", "streamId: must be that of a stream");
}

function unreported(): SessionError {
  return new SessionError({
    status: 500,
    code: "internal_error",
    message: "The gateway did not say the issue's id.",
    otc: { number: 2011, name: "OT_REPORT_ISSUE_ERROR" },
  });
}
