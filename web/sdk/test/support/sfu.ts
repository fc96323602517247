import WebSocket from "ws";
import type { Handshake } from "../../src/signaling/wire.js";
import { until } from "./until.js";

type Message = Handshake & {
  /** The sender's socket, by the gateway's word. */
  stamp?: { connectedAt: number; connectionId: string };
  code?: string;
  clientId?: string;
  reason?: string;
};

/** An SFU that speaks the wire (docs/PROTOCOL.md, docs/MEDIA.md) and does what the test says; of media it has none. */
export class Sfu {
  readonly id: string;
  readonly #url: string;
  readonly #features: string[];
  #socket: WebSocket;
  /** Everything that it was sent. */
  readonly heard: Message[] = [];
  /** Answers every producer offer at once. */
  answers = true;
  /** That of the certificate with which it answers. */
  fingerprint: string;

  private constructor(url: string, id: string, features: string[]) {
    this.#url = url;
    this.id = id;
    this.#features = features;
    this.fingerprint = id;
    this.#socket = new WebSocket(url);
  }

  static async start(url: string, id: string, features = ["candidates", "ice-lite"]): Promise<Sfu> {
    const sfu = new Sfu(url, id, features);
    await sfu.#identify();
    return sfu;
  }

  /** Breaks its socket, as a lost network does. */
  drop(): void {
    this.#socket.terminate();
  }

  /** Comes back after a drop. */
  async back(): Promise<void> {
    this.#socket = new WebSocket(this.#url);
    await this.#identify();
  }

  /** Closes the room. */
  leave(): void {
    this.#socket.send(JSON.stringify({ action: "leave", data: {} }));
  }

  /** Sends a handshake to somebody. */
  send(receiver: string, content: Partial<Handshake>): void {
    const data = { sender: this.id, roomId: this.id, receiver, ...content };
    this.#socket.send(JSON.stringify({ action: "handshake", data }));
  }

  /** The offers of somebody's producer connections so far. */
  offers(sender: string): Message[] {
    return this.heard.filter(
      ({ type, sender: by, description }) => type === "producer" && by === sender && description,
    );
  }

  /** Waits for a message. */
  hears(what: string, check: (message: Message) => boolean): Promise<Message> {
    return until(what, () => this.heard.find(check));
  }

  async #identify(): Promise<void> {
    const socket = this.#socket;
    let identified = false;
    socket.on("error", () => undefined);
    socket.on("message", (data) => {
      const message = JSON.parse(String(data));
      identified ||= message.type === "identified";
      this.heard.push(message);
      if (message.type === "producer" && message.description && this.answers) this.answer(message);
    });
    await until("the SFU's socket", () => socket.readyState === WebSocket.OPEN);
    const data = { type: "sfu", id: this.id, features: this.#features };
    socket.send(JSON.stringify({ action: "identify", data }));
    await until("the SFU's identify", () => identified);
  }

  /** Answers an offer, with a certificate. */
  answer({ sender, negotiation }: Handshake): void {
    const sdp = `a=ice-ufrag:${this.id.slice(0, 8)}\r\na=fingerprint:sha-256 ${this.fingerprint}\r\n`;
    this.send(sender, {
      type: "producer",
      ...(negotiation !== undefined && { negotiation }),
      description: { type: "answer", sdp },
    });
  }
}
