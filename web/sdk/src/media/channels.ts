import { parseObject } from "../signaling/wire.js";

/** The longest message that a channel takes, in bytes (docs/MEDIA.md, "Data channels"). */
export const LONGEST_MESSAGE = 16_384;

/** The channels of docs/MEDIA.md, and their ids. */
const CHANNELS = { chat: 100, features: 110 } as const;

/** One of the two. */
export type ChannelName = keyof typeof CHANNELS;

/** What the channels tell. */
export type ChannelEvent =
  | { type: "opened"; channel: ChannelName }
  | { type: "message"; channel: ChannelName; message: Record<string, unknown> };

/** Reads and writes the two data channels of a producer connection. */
export class Channels {
  readonly #channels: Record<ChannelName, RTCDataChannel>;

  constructor(connection: RTCPeerConnection, emit: (event: ChannelEvent) => void) {
    const open = (name: ChannelName) => {
      const channel = connection.createDataChannel(name, { negotiated: true, id: CHANNELS[name] });
      channel.onopen = () => emit({ type: "opened", channel: name });
      channel.onmessage = ({ data }) => {
        const message = typeof data === "string" ? parseObject(data) : undefined;
        if (message) emit({ type: "message", channel: name, message });
      };
      return channel;
    };
    this.#channels = { chat: open("chat"), features: open("features") };
  }

  /** Sends a message; says whether the channel took it. */
  send(name: ChannelName, message: Record<string, unknown>): boolean {
    const channel = this.#channels[name];
    if (channel.readyState !== "open") return false;
    try {
      channel.send(JSON.stringify(message));
      return true;
    } catch {
      return false;
    }
  }
}
