import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Offerer } from "../../src/media/offerer.js";
import { IncomingOffers } from "../../src/media/offers.js";
import type { Description } from "../../src/signaling/wire.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const ANSWER: Description = { type: "answer", sdp: "answer" };

function offering() {
  let number = 0;
  let made = 0;
  const sent: [number, string][] = [];
  const seen = {
    sent,
    applied: 0,
    rolledBack: 0,
    failed: 0,
    reachable: true,
    applying: async () => undefined as unknown,
  };
  const offerer = new Offerer(
    { next: () => ++number },
    {
      make: async () => ({ description: { type: "offer", sdp: `offer ${++made}` } }),
      send: (negotiation, { description }) => void sent.push([negotiation, description.sdp]),
      apply: async () => {
        await seen.applying();
        seen.applied += 1;
      },
      rollBack: async () => {
        seen.rolledBack += 1;
      },
      reachable: () => seen.reachable,
      failed: () => {
        seen.failed += 1;
      },
    },
  );
  return { offerer, seen };
}

describe("the side that offers", () => {
  test("puts changes that are made together into one offer", async () => {
    const { offerer, seen } = offering();
    offerer.want();
    offerer.want();
    await vi.advanceTimersByTimeAsync(1);
    expect(seen.sent).toEqual([[1, "offer 1"]]);
  });

  test("waits for the answer before it offers again, with a greater number", async () => {
    const { offerer, seen } = offering();
    offerer.want();
    await vi.advanceTimersByTimeAsync(1);
    offerer.want();
    await vi.advanceTimersByTimeAsync(1);
    expect(seen.sent).toHaveLength(1);
    await offerer.answered(1, ANSWER);
    await vi.advanceTimersByTimeAsync(1);
    expect(seen.sent).toEqual([
      [1, "offer 1"],
      [2, "offer 2"],
    ]);
  });

  test("takes back an offer that is refused, does not repeat it, and offers what is new", async () => {
    const { offerer, seen } = offering();
    offerer.want();
    await vi.advanceTimersByTimeAsync(1);
    expect(await offerer.refused(7)).toBe(false);
    expect(await offerer.refused(1)).toBe(true);
    expect(await offerer.refused(1)).toBe(false);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(seen).toMatchObject({ rolledBack: 1, failed: 0, sent: [[1, "offer 1"]] });
    offerer.want();
    await vi.advanceTimersByTimeAsync(1);
    expect(seen.sent).toHaveLength(2);
  });

  test("ignores an answer to an older offer, a repeated one, and one to nothing", async () => {
    const { offerer, seen } = offering();
    expect(await offerer.answered(1, ANSWER)).toBe(false);
    offerer.want();
    await vi.advanceTimersByTimeAsync(1);
    await offerer.answered(1, ANSWER);
    expect(await offerer.answered(1, ANSWER)).toBe(false);
    offerer.want();
    await vi.advanceTimersByTimeAsync(1);
    expect(await offerer.answered(1, ANSWER)).toBe(false);
    expect(await offerer.answered(2, ANSWER)).toBe(true);
    expect(seen.applied).toBe(2);
  });

  test("applies an answer once, though it comes again while it is being applied", async () => {
    const { offerer, seen } = offering();
    offerer.want();
    await vi.advanceTimersByTimeAsync(1);
    const both = Promise.all([offerer.answered(1, ANSWER), offerer.answered(1, ANSWER)]);
    expect(await both).toEqual([true, false]);
    expect(seen.applied).toBe(1);
  });

  test("takes an answer without a number, as original SFUs send it", async () => {
    const { offerer, seen } = offering();
    offerer.want();
    await vi.advanceTimersByTimeAsync(1);
    expect(await offerer.answered(undefined, ANSWER)).toBe(true);
    expect(seen.applied).toBe(1);
  });

  test("repeats an unanswered offer, the same under the same number, and then gives it up", async () => {
    const { offerer, seen } = offering();
    offerer.want();
    await vi.advanceTimersByTimeAsync(3_001);
    expect(seen.sent).toEqual([
      [1, "offer 1"],
      [1, "offer 1"],
    ]);
    await vi.advanceTimersByTimeAsync(8_990);
    expect([seen.sent.length, seen.failed]).toEqual([3, 0]);
    await vi.advanceTimersByTimeAsync(20);
    expect(seen.failed).toBe(1);
  });

  test("does not repeat an offer that has been answered", async () => {
    const { offerer, seen } = offering();
    offerer.want();
    await vi.advanceTimersByTimeAsync(1);
    await offerer.answered(1, ANSWER);
    await vi.advanceTimersByTimeAsync(60_000);
    expect([seen.sent.length, seen.failed]).toEqual([1, 0]);
  });

  test("blames nobody while the SFU cannot be reached", async () => {
    const { offerer, seen } = offering();
    seen.reachable = false;
    offerer.want();
    await vi.advanceTimersByTimeAsync(600_000);
    expect([seen.sent.length, seen.failed]).toEqual([1, 0]);
    seen.reachable = true;
    await vi.advanceTimersByTimeAsync(3_000);
    expect(seen.sent).toHaveLength(2);
  });

  test("says so when the answer cannot be applied", async () => {
    const { offerer, seen } = offering();
    seen.applying = async () => {
      throw new Error("bad SDP");
    };
    offerer.want();
    await vi.advanceTimersByTimeAsync(1);
    expect(await offerer.answered(1, ANSWER)).toBe(false);
    expect(seen.failed).toBe(1);
  });

  test("is silent once it has ended", async () => {
    const { offerer, seen } = offering();
    offerer.want();
    await vi.advanceTimersByTimeAsync(1);
    offerer.end();
    await vi.advanceTimersByTimeAsync(60_000);
    expect([seen.sent.length, seen.failed]).toEqual([1, 0]);
  });
});

describe("the side that answers", () => {
  const a = { fingerprint: "a", ufrag: "1" };
  const b = { fingerprint: "b", ufrag: "1" };

  test("takes a greater number as a negotiation, the same as a repetition, a smaller one as old", () => {
    const offers = new IncomingOffers();
    expect(offers.judge(5, a)).toBe("new");
    expect(offers.judge(7, { ...a, ufrag: "2" })).toBe("again");
    expect(offers.judge(7, a)).toBe("repeated");
    expect(offers.judge(6, a)).toBe("stale");
  });

  test("takes another fingerprint as another connection, whatever its number", () => {
    const offers = new IncomingOffers();
    offers.judge(9, a);
    expect(offers.judge(1, b)).toBe("new");
    expect(offers.judge(2, b)).toBe("again");
  });

  test("ignores what comes late from a connection that has been replaced", () => {
    const offers = new IncomingOffers();
    offers.judge(1, a);
    offers.judge(1, b);
    expect(offers.judge(99, a)).toBe("stale");
    expect(offers.judge(1, b)).toBe("repeated");
  });

  test("ignores what comes late of a peer that is gone, and takes it when it is back", () => {
    const offers = new IncomingOffers();
    offers.judge(1, a);
    offers.retire();
    expect(offers.judge(2, a)).toBe("stale");
    expect(offers.judge(1, b)).toBe("new");
  });

  test("remembers the last 64 connections that have been replaced", () => {
    const offers = new IncomingOffers();
    for (let n = 0; n <= 65; n += 1) offers.judge(1, { fingerprint: `${n}`, ufrag: "1" });
    expect(offers.judge(2, { fingerprint: "1", ufrag: "1" })).toBe("stale");
    expect(offers.judge(2, { fingerprint: "0", ufrag: "1" })).toBe("new");
  });

  test("takes offers without a number as new ones", () => {
    const offers = new IncomingOffers();
    expect(offers.judge(undefined, a)).toBe("new");
    expect(offers.judge(undefined, a)).toBe("again");
  });
});
