import { byteLength } from "../bytes.js";
import { Emitter } from "../emitter.js";
import { logTo } from "../logger.js";
import { SessionConnection } from "./connection.js";
import { SessionError, sessionError } from "./errors.js";
import { rtcConfiguration } from "./ice.js";
import { idOf, notConnected } from "./outgoing.js";
import type {
  Capabilities,
  Connection,
  SessionEvents,
  SessionOptions,
  SignalOptions,
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
        e2eeReady: () => this.#secret !== undefined,
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
   * Sets or changes the secret of an end-to-end encrypted session: 8 to 256 characters. It stays in this client.
   *
   * @throws SessionError for another length (`otc` 6004).
   */
  async setEncryptionSecret(secret: string): Promise<void> {
    check(secret);
    this.#secret = secret;
  }

  get #known() {
    return this.#connection?.known;
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

function unreported(): SessionError {
  return new SessionError({
    status: 500,
    code: "internal_error",
    message: "The gateway did not say the issue's id.",
    otc: { number: 2011, name: "OT_REPORT_ISSUE_ERROR" },
  });
}
