import WebSocket from "ws";
import { until } from "./until.js";

/** A message of the gateway's. */
export type Message = Record<string, unknown> & { type: string };

/** A client of a session with nothing between it and the wire. */
export class Member {
  /** What came, and nobody has asked for yet. */
  readonly messages: Message[] = [];
  readonly #socket: WebSocket;
  #closed = false;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (text) => this.messages.push(JSON.parse(String(text))));
    socket.on("close", () => {
      this.#closed = true;
    });
  }

  /** Opens a socket. */
  static async open(signalUrl: string): Promise<Member> {
    const socket = new WebSocket(signalUrl);
    const member = new Member(socket);
    await new Promise((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("error", reject);
    });
    return member;
  }

  /** Opens a socket and enters a session; answers with the first thing that is said. */
  static async enter(
    signalUrl: string,
    identify: { sessionId: string; apiKey: string; token: string; id?: string; e2eeReady?: boolean },
  ): Promise<{ member: Member; answer: Message }> {
    const member = await Member.open(signalUrl);
    const { sessionId, ...rest } = identify;
    member.send("identify", { type: "client", roomId: sessionId, ...rest });
    const answer = await member.next((message) => message.type === "identified" || message.type === "error");
    return { member, answer };
  }

  /** Sends a request. */
  send(action: string, data: object): void {
    this.#socket.send(JSON.stringify({ action, data }));
  }

  /** Takes the first message that fits. */
  async next(fits: (message: Message) => boolean): Promise<Message> {
    return until("a message", () => {
      const at = this.messages.findIndex(fits);
      return at < 0 ? undefined : this.messages.splice(at, 1)[0];
    });
  }

  /** Publishes a stream; answers with its id. */
  async publish(stream: object): Promise<string> {
    this.send("publish", stream);
    const { stream: published } = await this.next(({ type }) => type === "published");
    return (published as { streamId: string }).streamId;
  }

  /** Takes the next signal, without its id, which the gateway makes up. */
  async signal(): Promise<unknown> {
    const { signal } = await this.next((message) => message.type === "signal");
    const { id, ...rest } = signal as { id: string };
    if (!/^[0-9a-f]{16}$/.test(id)) throw new Error(`a signal's id: ${id}`);
    return rest;
  }

  /** Waits for the gateway to close the socket. */
  async closed(): Promise<void> {
    await until("the end of the socket", () => this.#closed);
  }

  /** Closes it. */
  leave(): void {
    this.#socket.close();
  }
}
