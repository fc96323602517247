import { byteLength } from "../bytes.js";
import { mildError } from "../errors.js";
import { newId } from "../ids.js";
import { LONGEST_MESSAGE } from "../media/channels.js";
import type { ChatMessage } from "./types.js";

/** Messages that wait for a channel at most. */
const MOST_WAITING = 100;
/** Messages that are kept at most. */
const MOST_KEPT = 1_000;

/** The chat of a call (docs/MEDIA.md, "chat"). */
export class Chat {
  readonly #send: (message: Record<string, unknown>) => boolean;
  #waiting: Record<string, unknown>[] = [];
  #messages: readonly ChatMessage[] = [];

  /** `send` says whether the channel took the message. */
  constructor(send: (message: Record<string, unknown>) => boolean) {
    this.#send = send;
  }

  /** The last 1,000 messages, our own included. Another array after each. */
  get messages(): readonly ChatMessage[] {
    return this.#messages;
  }

  /** Sends a message, now or when the channel is open. Throws when it is longer than a channel takes. */
  write(content: string, from: string, sender: string): ChatMessage {
    const message = { id: newId(), sender, content };
    // Room for the `from` that the SFU adds.
    const length = byteLength(JSON.stringify({ ...message, from }));
    if (length > LONGEST_MESSAGE) {
      throw mildError("too_large", "The message is too long.");
    }
    if (!this.#send(message)) this.#waiting = [...this.#waiting, message].slice(-MOST_WAITING);
    return this.#keep({ ...message, from, at: new Date() });
  }

  /** Takes a message of the channel; what does not read gives `undefined`. */
  receive({ id, from, sender, content }: Record<string, unknown>): ChatMessage | undefined {
    if (typeof content !== "string") return undefined;
    const text = (value: unknown) => (typeof value === "string" ? value : "");
    return this.#keep({
      id: text(id) || newId(),
      from: text(from),
      sender: text(sender),
      content,
      at: new Date(),
    });
  }

  /** The channel is open: sends what waited. */
  flush(): void {
    const waiting = this.#waiting;
    this.#waiting = waiting.filter((message) => !this.#send(message));
  }

  #keep(message: ChatMessage): ChatMessage {
    this.#messages = [...this.#messages, message].slice(-MOST_KEPT);
    return message;
  }
}
