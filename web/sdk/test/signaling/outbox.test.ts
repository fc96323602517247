import { describe, expect, test } from "vitest";
import { OLD_MS, Outbox, RECENT_MS } from "../../src/signaling/outbox.js";
import type { Handshake } from "../../src/signaling/wire.js";

const offer = (negotiation: number): Handshake => ({
  type: "producer",
  sender: "a",
  roomId: "r",
  negotiation,
  description: { type: "offer", sdp: "" },
});
const answer = (remotePeerId: string): Handshake => ({
  type: "consumer",
  sender: "a",
  roomId: "r",
  remotePeerId,
  description: { type: "answer", sdp: "" },
});
const candidate: Handshake = { type: "producer", sender: "a", roomId: "r", candidate: { candidate: "x" } };

const sent = (outbox: Outbox, now: number) => outbox.take(now).map(({ message }) => message);

describe("handshakes on their way", () => {
  test("are sent once, in order", () => {
    const outbox = new Outbox();
    outbox.put(offer(1), 0);
    outbox.put(candidate, 0);
    expect(sent(outbox, 0)).toEqual([offer(1), candidate]);
    expect(sent(outbox, 0)).toEqual([]);
  });

  test("are sent again when they may have been lost, and not when that is long ago", () => {
    const outbox = new Outbox();
    outbox.put(offer(1), 0);
    sent(outbox, 0);
    outbox.put(candidate, 4_000);
    sent(outbox, 4_000);
    expect(outbox.recall(RECENT_MS)).toBe(1);
    expect(sent(outbox, RECENT_MS)).toEqual([candidate]);
  });

  test("give way to a later description of the same connection only", () => {
    const outbox = new Outbox();
    outbox.put(answer("b"), 0);
    outbox.put(answer("c"), 0);
    outbox.put(offer(1), 0);
    outbox.put(offer(2), 0);
    expect(sent(outbox, 0)).toEqual([answer("b"), answer("c"), offer(2)]);
  });

  test("are not sent again once they have been answered", () => {
    const outbox = new Outbox();
    outbox.put(offer(1), 0);
    outbox.put(answer("b"), 0);
    sent(outbox, 0);
    outbox.settle({ type: "producer" });
    outbox.recall(1);
    expect(sent(outbox, 1)).toEqual([answer("b")]);
  });

  test("ask for an ack when they are sent again, under the same id, and are until there is one or nobody waits for it", () => {
    const outbox = new Outbox();
    outbox.put(offer(1), 0);
    outbox.put(answer("b"), 0);
    expect(outbox.take(0).map(({ requestId }) => requestId)).toEqual([undefined, undefined]);
    expect(outbox.waits).toBe(false);
    expect(outbox.recall(1_000)).toBe(2);
    const [first, second] = outbox.take(1_000).map(({ requestId }) => requestId as string);
    expect(first).not.toBe(second);
    expect(outbox.waits).toBe(true);
    outbox.answered(second as string);
    for (let now = 10_000; now < OLD_MS; now += 10_000) {
      expect(outbox.recall(now)).toBe(1);
      expect(outbox.take(now)).toMatchObject([{ message: offer(1), requestId: first }]);
    }
    expect(outbox.recall(OLD_MS)).toBe(0);
    expect(outbox.waits).toBe(false);
  });

  test("are bounded while there is no socket: the newest stay", () => {
    const outbox = new Outbox();
    for (let n = 0; n < 1_000; n += 1) outbox.put({ ...candidate, negotiation: n }, 0);
    const messages = sent(outbox, 0);
    expect(messages).toHaveLength(256);
    expect(messages.at(-1)?.negotiation).toBe(999);
  });
});
