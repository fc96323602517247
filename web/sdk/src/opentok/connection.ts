import { newId } from "../ids.js";
import type { Log } from "../logger.js";
import type { UrlSource } from "../room/types.js";
import { type ConnectionEvent, noTraffic, OLD_MS, SignalingConnection } from "../signaling/connection.js";
import type { Message, SessionIdentified, VersionedStream, WireSignal } from "../signaling/wire.js";
import { SessionError, sessionError } from "./errors.js";
import { Inbox } from "./inbox.js";
import { Media } from "./media.js";
import { dropped, failure, notConnected, Outgoing } from "./outgoing.js";
import { type Change, Roster } from "./roster.js";
import { type StreamChange, Streams } from "./streams.js";
import type {
  Capabilities,
  Connection,
  DisconnectReason,
  Sender,
  SessionEvents,
  SignalOptions,
} from "./types.js";

/**
 * When to ask for the list again after a planned reconnect, in milliseconds: the old socket is gone for sure by then. What it brought
 * last may be newer than the list or older, and an end that was posted to it may have been lost with it.
 */
const ASK_AGAIN_MS = OLD_MS + 1_000;

/** Why it is over when the gateway says so. */
const REASONS: Record<string, DisconnectReason> = {
  replaced: "replaced",
  force_disconnected: "forceDisconnected",
};

/** Who connects to what. */
export interface SessionConnectionOptions {
  url: UrlSource;
  apiKey: string;
  sessionId: string;
  token: () => string | Promise<string>;
  connectionEventsSuppressed: boolean;
  /** The encryption secret, if there is one. */
  secret: () => string | undefined;
  rtcConfiguration: (iceServers: readonly RTCIceServer[]) => RTCConfiguration;
  log: Log;
}

/** Tells an event of the session. */
export type Tell = <Name extends keyof SessionEvents>(name: Name, payload: SessionEvents[Name]) => void;

/** What is known while it lasts: of the last `identified`. */
interface Known {
  connection: Connection;
  capabilities: Capabilities;
  iceServers: RTCIceServer[];
  roster: Roster;
  streams: Streams;
  muted: boolean;
  /** What is muted, or not, by an older version is out of date. */
  muteVersion: number;
}

/** What `connect` waits for. */
interface Connecting {
  resolve(): void;
  reject(error: SessionError): void;
}

type State =
  | { readonly name: "new" | "over" }
  | { readonly name: "connecting"; readonly connecting: Connecting; readonly early: ConnectionEvent[] }
  | { readonly name: "entering"; readonly connecting: Connecting; readonly known: Known }
  | { readonly name: "connected" | "reconnecting"; readonly known: Known };

/**
 * A client's connection to a session, from its connecting to its end; through any number of sockets.
 *
 * ```text
 *       connect           identified         who is there has been told        the socket broke
 *   new ──────▶ connecting ────────▶ entering ────────────────────────▶ connected ◀──────────▶ reconnecting
 *                                                                           identified again
 * ```
 *
 * - `connecting`: what comes before the first `identified` waits for that.
 * - `entering`: lasts while the application is told who is there. Before it is over an end is told by `connect`, and by no event.
 * - `reconnecting`: signals wait, requests fail; what comes on a new socket waits until that is identified, behind what was kept. A planned change of sockets is not told: that stays `connected`.
 * - `over`: from any state, on purpose or not. No event follows the one that tells it.
 */
export class SessionConnection {
  /** What is published and received. */
  readonly media: Media;
  readonly #options: SessionConnectionOptions;
  readonly #listener: Tell;
  readonly #signaling: SignalingConnection;
  readonly #inbox = new Inbox(
    (signal) => this.#deliver(signal),
    (sender) => this.#wasThere(sender),
  );
  readonly #outgoing: Outgoing;
  /** Proves a later socket to be this client's. */
  readonly #resumeToken = newId();
  #state: State = { name: "new" };
  /** The beginning of a list that does not fit into one message. */
  #listed: Connection[] = [];
  /** Likewise of streams. */
  #listedStreams: VersionedStream[] = [];
  /** What was kept while this client was away, and came before `identified`. */
  #kept: Message<"kept">[] = [];
  /** Signals that came on the new socket before that. */
  #early: WireSignal[] = [];
  /** Whose last signals are being delivered. */
  #leaving: Connection | undefined;
  #asking: ReturnType<typeof setTimeout> | undefined;
  /** How many lists were asked for: an answer to any but the last is of no use. */
  #asked = 0;
  /** Requests without an answer yet, but for signals. */
  readonly #requests = new Set<Promise<Message>>();

  constructor(options: SessionConnectionOptions, listener: Tell) {
    this.#options = options;
    this.#listener = listener;
    this.#signaling = new SignalingConnection(
      {
        url: options.url,
        traffic: noTraffic(),
        log: options.log,
        identity: () => this.#identity(),
        handover: () => this.#handover(),
      },
      (event) => this.#on(event),
    );
    this.#outgoing = new Outgoing({
      socket: () => this.#signaling.socket,
      forgotten: () => this.#signaling.renew(),
      log: options.log,
    });
    this.media = new Media({
      sessionId: options.sessionId,
      rtcConfiguration: options.rtcConfiguration,
      signaling: this.#signaling,
      request: (action, data) => this.request(action, data),
      stream: (streamId) => this.#known?.streams.present.get(streamId),
      secret: options.secret,
      speaking: (connectionId, speaking) => this.#tell("speaking", { connectionId, speaking }),
      before: () => {
        const { connection, roster } = this.#known ?? {};
        const others = [...(roster?.present.values() ?? [])];
        return others.filter((other) => other.creationTime < (connection?.creationTime ?? 0)).length;
      },
      log: options.log,
    });
  }

  /** What the gateway said last; `undefined` until it is connected. */
  get known(): Readonly<Known> | undefined {
    return this.#known;
  }

  get #known(): Known | undefined {
    return "known" in this.#state ? this.#state.known : undefined;
  }

  /** Connects. Throws a {@link SessionError}. */
  connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#state = { name: "connecting", connecting: { resolve, reject }, early: [] };
      this.#signaling.open(false).catch((error: unknown) => this.#end("networkDisconnected", failure(error)));
    });
  }

  /** Ends it on purpose, at once or, unless `hasty`, when the gateway knows. */
  async leave(hasty = false): Promise<void> {
    if (this.#state.name === "over") return;
    const left = hasty ? undefined : this.#signaling.leave();
    this.#end("clientDisconnected");
    await left;
  }

  /** Sends a signal; resolves when the gateway has it. */
  async signal(options: SignalOptions): Promise<void> {
    if (!this.#known) throw notConnected();
    await this.#outgoing.send(options);
  }

  /** Asks for something that needs a connection. Throws a {@link SessionError}. */
  async request(action: string, data: Record<string, unknown>): Promise<Message> {
    const { socket } = this.#signaling;
    if (!socket || !this.#known) throw notConnected();
    const answer = socket.request(action, data);
    this.#requests.add(answer);
    try {
      return await answer;
    } catch (error) {
      throw socket.open ? failure(error) : dropped();
    } finally {
      this.#requests.delete(answer);
    }
  }

  async #identity(): Promise<Record<string, unknown>> {
    const { sessionId, apiKey, token, connectionEventsSuppressed, secret } = this.#options;
    return {
      type: "client",
      roomId: sessionId,
      apiKey,
      token: await token(),
      resumeToken: this.#resumeToken,
      ...(this.#known && { id: this.#known.connection.connectionId }),
      ...(connectionEventsSuppressed && { connectionEventsSuppressed }),
      ...(secret() !== undefined && { e2eeReady: true }),
    };
  }

  /** What waits for an answer on the old socket would wait in vain once the next one has its place. */
  async #handover(): Promise<() => void> {
    const release = await this.#outgoing.hold();
    await Promise.allSettled(this.#requests);
    return release;
  }

  #expectList(): void {
    this.#asked += 1;
    clearTimeout(this.#asking);
    this.#listed = [];
    this.#listedStreams = [];
    this.#kept = [];
    this.#known?.roster.expectList();
    this.#known?.streams.expectList();
    if (this.#state.name === "connecting") this.#state.early.length = 0;
  }

  #identified(identified: SessionIdentified, renewed: boolean): void {
    const before = this.#state;
    const { connection, capabilities, iceServers } = identified;
    const roster = this.#known?.roster ?? new Roster(connection.connectionId);
    const streams = this.#known?.streams ?? new Streams(connection.connectionId);
    const { muted = false, muteVersion = 0 } = identified;
    const known = { connection, capabilities, iceServers, roster, streams, muted, muteVersion };
    const first = before.name === "connecting";
    if ("known" in before && before.known.connection.creationTime !== connection.creationTime) {
      // The others have been told that the client was gone.
      this.#end("networkDisconnected", sessionError("over", "The connection was gone for too long."));
      return;
    }
    this.#state = first
      ? { name: "entering", connecting: before.connecting, known }
      : { name: "connected", known };
    // A new socket counts its signals from 1.
    this.#inbox.gone(connection.connectionId);
    if (first) this.#tell("sessionConnected", { connection });
    if (before.name === "reconnecting") {
      const missed = this.#kept.reduce((sum, kept) => sum + (kept.missed ?? 0), 0);
      this.#tell("sessionReconnected", { missed });
    }
    // Whoever has come meanwhile may have sent some of them.
    this.#listedAll(identified);
    const listed = [...this.#listedStreams];
    this.#catchUp();
    this.#list();
    if (renewed) this.#askLater();
    if (first) for (const event of before.early) this.#hear(event, known);
    this.#outgoing.up();
    this.media.up(identified, listed, renewed);
    // Whoever was told may have left.
    if (this.#state.name !== "entering") return;
    this.#state.connecting.resolve();
    this.#state = { name: "connected", known };
  }

  /** The last part of a list. */
  #listedAll({ connections, streams = [] }: SessionIdentified): void {
    this.#listed.push(...connections);
    this.#listedStreams.push(...streams);
  }

  #list(): void {
    this.#apply(this.#known?.roster.list(this.#listed.splice(0)) ?? []);
    this.#applyToStreams(this.#known?.streams.list(this.#listedStreams.splice(0)) ?? []);
  }

  /** Gives on the signals that were kept, and then those that came since. */
  #catchUp(): void {
    for (const { signals } of this.#kept.splice(0)) for (const signal of signals) this.#inbox.take(signal);
    for (const signal of this.#early.splice(0)) this.#inbox.take(signal);
  }

  #askLater(): void {
    if (this.#state.name === "over" || this.#options.connectionEventsSuppressed) return;
    this.#asking = setTimeout(() => this.#askAgain(), ASK_AGAIN_MS);
  }

  /** The same identify again is answered with the list of now. */
  async #askAgain(): Promise<void> {
    const { socket } = this.#signaling;
    let asked = this.#asked;
    try {
      const identity = await this.#identity();
      if (!socket || asked !== this.#asked) return;
      this.#expectList();
      asked = this.#asked;
      const identified = await socket.identify(identity);
      if (asked !== this.#asked) return;
      this.#listedAll(identified as SessionIdentified);
      this.#list();
    } catch {
      if (asked === this.#asked) this.#askLater();
    }
  }

  #down(): void {
    this.#outgoing.down();
    this.media.down();
    if (this.#known) this.#state = { name: "reconnecting", known: this.#known };
    this.#tell("sessionReconnecting", undefined);
  }

  #on(event: ConnectionEvent): void {
    switch (event.type) {
      case "opening":
        this.#expectList();
        return;
      case "up":
        this.#identified(event.identified as SessionIdentified, event.renewed);
        return;
      case "down":
        this.#down();
        return;
      case "failed": {
        const reason = REASONS[event.error.code];
        if (reason) this.#end(reason);
        else this.#end("networkDisconnected", failure(event.error));
        return;
      }
      case "connections":
        this.#listed.push(...event.connections);
        this.#listedStreams.push(...(event.streams ?? []));
        return;
      case "kept":
        this.#kept.push(event);
        if (this.#state.name === "connected") this.#catchUp();
        return;
      default:
        if (this.#state.name === "connecting") this.#state.early.push(event);
        else if (this.#state.name === "reconnecting" && event.type === "signal")
          this.#early.push(event.signal);
        else if (this.#known) this.#hear(event, this.#known);
    }
  }

  /** A message about who and what is there, a signal, or what concerns media. */
  #hear(event: ConnectionEvent, known: Known): void {
    const { roster, streams } = known;
    this.media.hear(event);
    switch (event.type) {
      case "connectionCreated":
        this.#apply(roster.created(event.connection), event.resumed);
        return;
      case "connectionDestroyed":
        this.#applyToStreams(streams.destroyed(event.streams ?? [], event.reason));
        this.#apply(roster.destroyed(event.connection, event.reason));
        return;
      case "streamCreated":
        this.#applyToStreams(streams.created(event.stream, event.version));
        return;
      case "streamDestroyed":
        this.#applyToStreams(streams.destroyed(event.streamIds, event.reason));
        return;
      case "streamPropertyChanged":
        this.#applyToStreams(streams.changed(event));
        return;
      case "muteForced":
        this.#muted(event, known);
        return;
      case "signal":
        this.#inbox.take(event.signal);
    }
  }

  #muted({ active, muteVersion = 0, streams = [] }: Message<"muteForced">, known: Known): void {
    if (active !== undefined && muteVersion > known.muteVersion) {
      known.muteVersion = muteVersion;
      known.muted = active;
      this.#tell("muteForced", { active });
    }
    for (const stream of streams) this.#applyToStreams(known.streams.muted(stream.streamId, stream.version));
  }

  #apply(changes: readonly Change[], resumed = false): void {
    for (const change of changes) {
      if (change.type === "connectionCreated") {
        this.#tell(change.type, { connection: change.connection, resumed });
        continue;
      }
      const { connection, reason } = change;
      const { connectionId } = connection;
      const next = this.#known?.roster.present.get(connectionId)?.creationTime;
      this.#applyToStreams(this.#known?.streams.left(connectionId, reason, next) ?? []);
      this.media.left(connectionId);
      this.#leaving = connection;
      this.#inbox.gone(connection.connectionId);
      this.#leaving = undefined;
      this.#tell(change.type, { connection, reason });
    }
  }

  #applyToStreams(changes: readonly StreamChange[]): void {
    for (const { type, ...change } of changes) {
      if (type === "streamDestroyed" && "reason" in change)
        this.media.streamEnded(change.stream, change.reason);
      this.#tell(type, change as never);
    }
  }

  /** Whether somebody may have sent signals before we came; also of those of whom nothing is known, as events are suppressed. */
  #wasThere(sender: string): boolean {
    const { connection, roster } = this.#known ?? {};
    return (roster?.present.get(sender)?.creationTime ?? 0) <= (connection?.creationTime ?? 0);
  }

  #deliver({ type, data, from }: WireSignal): void {
    const event = { type, data, from: from === null ? null : this.#sender(from) };
    this.#tell("signal", event);
    if (type !== "") this.#tell(`signal:${type}`, event);
  }

  #sender(connectionId: string): Sender {
    const { connection, roster } = this.#known ?? {};
    if (connection?.connectionId === connectionId) return connection;
    if (this.#leaving?.connectionId === connectionId) return this.#leaving;
    return (
      roster?.present.get(connectionId) ??
      this.#listed.find((listed) => listed.connectionId === connectionId) ?? { connectionId }
    );
  }

  #tell<Name extends keyof SessionEvents>(name: Name, payload: SessionEvents[Name]): void {
    if (this.#state.name !== "over") this.#listener(name, payload);
  }

  #end(reason: DisconnectReason, error?: SessionError): void {
    // What had come is told before the end is.
    this.#catchUp();
    this.#inbox.close();
    const state = this.#state;
    if (state.name === "over") return;
    this.#options.log(error ? "error" : "info", "The session is over.", { reason, code: error?.code });
    this.#state = { name: "over" };
    clearTimeout(this.#asking);
    this.#signaling.leaveNow();
    this.#outgoing.end();
    this.media.end(reason === "replaced" ? "clientDisconnected" : reason);
    if ("connecting" in state) state.connecting.reject(error ?? endedBefore(reason));
    else this.#listener("sessionDisconnected", { reason, ...(error && { error }) });
  }
}

/** What `connect` throws when somebody wanted the end. */
function endedBefore(reason: DisconnectReason): SessionError {
  return reason === "clientDisconnected"
    ? new SessionError({ code: "left", message: "The session was left before it was connected." })
    : new SessionError({ code: reason, message: "The connection was ended before it was there." });
}
