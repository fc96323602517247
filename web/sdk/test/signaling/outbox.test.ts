import { describe, expect, test } from "vitest";
import { Outbox, RECENT_MS } from "../../src/signaling/outbox.js";
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

describe("handshakes on their way", () => {
  test("are sent once, in order", () => {
    const outbox = new Outbox();
    outbox.put(offer(1), 0);
    outbox.put(candidate, 0);
    expect(outbox.take(0)).toEqual([offer(1), candidate]);
    expect(outbox.take(0)).toEqual([]);
  });

  test("are sent again when they may have been lost, and not when that is long ago", () => {
    const outbox = new Outbox();
    outbox.put(offer(1), 0);
    outbox.take(0);
    outbox.put(candidate, 4_000);
    outbox.take(4_000);
    expect(outbox.recall(RECENT_MS)).toBe(1);
    expect(outbox.take(RECENT_MS)).toEqual([candidate]);
  });

  test("give way to a later description of the same connection only", () => {
    const outbox = new Outbox();
    outbox.put(answer("b"), 0);
    outbox.put(answer("c"), 0);
    outbox.put(offer(1), 0);
    outbox.put(offer(2), 0);
    expect(outbox.take(0)).toEqual([answer("b"), answer("c"), offer(2)]);
  });

  test("are not sent again once they have been answered", () => {
    const outbox = new Outbox();
    outbox.put(offer(1), 0);
    outbox.put(answer("b"), 0);
    outbox.take(0);
    outbox.settle("producer");
    outbox.recall(1);
    expect(outbox.take(1)).toEqual([answer("b")]);
  });

  test("are given up after five times", () => {
    const outbox = new Outbox();
    outbox.put(offer(1), 0);
    let sent = outbox.take(0).length;
    for (let n = 0; n < 10 && outbox.recall(0); n += 1) sent += outbox.take(0).length;
    expect(sent).toBe(5);
  });

  test("are bounded while there is no socket: the newest stay", () => {
    const outbox = new Outbox();
    for (let n = 0; n < 1_000; n += 1) outbox.put({ ...candidate, negotiation: n }, 0);
    const sent = outbox.take(0);
    expect(sent).toHaveLength(256);
    expect(sent.at(-1)?.negotiation).toBe(999);
  });
});
