import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { Session } from "../../src/opentok/session.js";
import type { Connection, SessionOptions } from "../../src/opentok/types.js";
import { until } from "./until.js";

/** A request as it came. */
export interface Asked {
  action: string;
  requestId: string;
  data: Record<string, unknown>;
}

/** One socket of a {@link SessionServer}. */
export interface Peer {
  readonly asked: Asked[];
  readonly socket: WebSocket;
  /** Says something. */
  say(message: Record<string, unknown>): void;
}

type Answer = Record<string, unknown> | undefined;

/** The other end of a session's sockets, which says what the test has it say: what a gateway does not do when it is asked to. */
export class SessionServer {
  readonly #server: WebSocketServer;
  /** Every socket so far. */
  readonly peers: Peer[] = [];
  /** Every frame so far, as text. */
  readonly frames: string[] = [];
  /** Who the next list says is there. */
  connections: Connection[] = [];
  /** When the client's stay began. */
  since = 100;
  /** More of the next `identified`. */
  identified: Record<string, unknown> = {};
  /** Answers in place of the usual ones; `undefined`: none. */
  readonly answers: Record<string, (asked: Asked, peer: Peer) => Answer> = {};

  private constructor(server: WebSocketServer) {
    this.#server = server;
    server.on("connection", (socket) => this.#accept(socket));
  }

  static async start(): Promise<SessionServer> {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
    const started = new SessionServer(server);
    await until("the server", () => server.address());
    return started;
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The last socket. */
  get peer(): Peer {
    const last = this.peers.at(-1);
    if (!last) throw new Error("there is no socket");
    return last;
  }

  /** The requests of one kind, through any socket. */
  asked(action: string): Asked[] {
    return this.peers.flatMap(({ asked }) => asked).filter((each) => each.action === action);
  }

  /** What an identify is answered with. */
  answer(peer: Peer): Record<string, unknown> {
    const [identify] = peer.asked;
    const connectionId = `c${this.peers.indexOf(peer)}`;
    const peerId = identify?.data.id ?? connectionId;
    return {
      type: "identified",
      peerId,
      roomId: identify?.data.roomId,
      connectionId,
      reconnectBefore: Date.now() + 110 * 60_000,
      iceServers: [{ urls: "stun:gateway" }],
      features: [],
      connection: { connectionId: peerId, creationTime: this.since, data: "mine" },
      capabilities: {
        publish: 1,
        subscribe: 1,
        signal: 1,
        forceDisconnect: 0,
        forceUnpublish: 0,
        forceMute: 0,
      },
      connections: this.connections,
      ...this.identified,
    };
  }

  stop(): void {
    for (const client of this.#server.clients) client.terminate();
    this.#server.close();
  }

  #accept(socket: WebSocket): void {
    const peer: Peer = {
      socket,
      asked: [],
      say: (message) => socket.send(JSON.stringify(message)),
    };
    this.peers.push(peer);
    socket.on("message", (text) => {
      this.frames.push(String(text));
      const asked = JSON.parse(String(text)) as Asked;
      peer.asked.push(asked);
      const answers = this.answers[asked.action];
      const answer = answers ? answers(asked, peer) : this.#usual(asked, peer);
      if (answer) peer.say({ requestId: asked.requestId, ...answer });
    });
  }

  #usual({ action, data }: Asked, peer: Peer): Answer {
    switch (action) {
      case "identify":
        return this.answer(peer);
      case "publish": {
        const stream = { connectionId: "c0", creationTime: 7, layoutClassList: [], ...data };
        return { type: "published", stream, version: 1 };
      }
      case "ping":
        return { type: "pong" };
      default:
        return { type: "ack" };
    }
  }
}

/** Refuses a request as the gateway does. */
export function refusal(status: number, code: string, otc?: number): Record<string, unknown> {
  const numbered = otc === undefined ? {} : { otc: { number: otc, name: `OTC_${otc}` } };
  return { type: "error", status, code, message: `it is ${code}`, ...numbered };
}

/** A session with that server, and what it told. */
export function sessionWith(server: { url: string }, options: Partial<SessionOptions> = {}) {
  const session = new Session({ url: server.url, apiKey: "47000001", sessionId: "1_MX4", ...options });
  const told: string[] = [];
  session.on("sessionConnected", () => told.push("connected"));
  session.on("sessionReconnecting", () => told.push("reconnecting"));
  session.on("sessionReconnected", ({ missed }) =>
    told.push(missed > 0 ? `reconnected, ${missed} missed` : "reconnected"),
  );
  session.on("sessionDisconnected", ({ reason, error }) =>
    told.push(`over ${reason} ${error?.code ?? ""}`.trim()),
  );
  session.on("connectionCreated", ({ connection, resumed }) =>
    told.push(`+${connection.connectionId}${resumed ? " is back" : ""}`),
  );
  session.on("connectionDestroyed", ({ connection, reason }) =>
    told.push(`-${connection.connectionId} ${reason}`),
  );
  session.on("signal", ({ type, data, from }) =>
    told.push(`${from?.connectionId ?? "server"}: ${type} ${data}`),
  );
  return { session, told };
}
