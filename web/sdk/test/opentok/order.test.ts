import { describe, expect, test } from "vitest";
import { type Counted, FIRST_HOLD_MS, HOLD_MS, Order } from "../../src/opentok/order.js";
import { runs } from "../support/random.js";

let texts = 0;
const toAll = (seq: number, data = `text ${texts++}`): Counted => ({ type: "t", data, from: "a", seq });
const toMe = (seq: number): Counted => ({ ...toAll(seq), to: "me" });

describe("the signals of a sender", () => {
  test("come in their order, and a directed one after the one to all whose number it names", () => {
    const order = new Order();
    const [one, two, three, mine] = [toAll(1), toAll(2), toAll(3), toMe(2)];
    expect(order.take(three, 0)).toEqual([]);
    expect(order.take(mine, 10)).toEqual([]);
    expect(order.take(one, 20)).toEqual([one]);
    expect(order.take(two, 30)).toEqual([two, mine, three]);
    expect(order.due).toBeUndefined();
  });

  test("wait a second at most for one that does not come, which is let through when it does", () => {
    const order = new Order();
    const [five, six, four] = [toAll(5), toAll(6), toAll(4)];
    expect(order.take(five, 0)).toEqual([]);
    expect(order.take(six, 500)).toEqual([]);
    expect(order.due).toBe(HOLD_MS);
    expect(order.release(HOLD_MS - 1)).toEqual([]);
    expect(order.release(HOLD_MS)).toEqual([five, six]);
    expect(order.take(four, 1_500)).toEqual([four]);
    const seven = toAll(7);
    expect(order.take(seven, 1_600)).toEqual([seven]);
  });

  test("wait shorter at first if their sender was there before us, and as long as any after that", () => {
    const order = new Order(true);
    const [five, seven] = [toAll(5), toAll(7)];
    expect(order.take(five, 0)).toEqual([]);
    expect(order.release(FIRST_HOLD_MS)).toEqual([five]);
    expect(order.take(seven, 500)).toEqual([]);
    expect(order.due).toBe(500 + HOLD_MS);
  });

  test("are counted from 1 again after a reconnect of theirs", () => {
    const order = new Order();
    for (const seq of [1, 2, 3]) order.take(toAll(seq), 0);
    const [one, two] = [toAll(1), toAll(2)];
    expect(order.take(two, 10)).toEqual([]);
    expect(order.take(one, 20)).toEqual([one, two]);
  });

  test("that say the same under the same number are another count's, and all are heard", () => {
    const order = new Order();
    const [one, again] = [toAll(1, "ping"), toAll(1, "ping")];
    expect(order.take(one, 0)).toEqual([one]);
    expect(order.take(again, 100)).toEqual([again]);
    const [three, two] = [toAll(3, "ping"), toAll(3, "ping")];
    expect(order.take(three, 200)).toEqual([]);
    expect(order.take(two, 300), "what is held is from before").toEqual([three]);
    expect(order.release(1_300)).toEqual([two]);
  });

  test("that are held when their sender goes are heard", () => {
    const order = new Order();
    const [three, two] = [toAll(3), toAll(2)];
    order.take(three, 0);
    order.take(two, 0);
    expect(order.flush()).toEqual([two, three]);
    expect(order.flush()).toEqual([]);
  });
});

/** Feeds arrivals to an order as time passes; says what came out, and when. */
function play(arrivals: { signal: Counted; at: number }[]) {
  const order = new Order();
  const heard: { signal: Counted; at: number }[] = [];
  const hear = (signals: Counted[], at: number) => heard.push(...signals.map((signal) => ({ signal, at })));
  const until = (time: number) => {
    for (let due = order.due; due !== undefined && due <= time; due = order.due)
      hear(order.release(due), due);
  };
  for (const { signal, at } of [...arrivals].sort((a, b) => a.at - b.at)) {
    until(at);
    hear(order.take(signal, at), at);
  }
  until(Number.MAX_SAFE_INTEGER);
  return heard;
}

test("late by less than a second, in any order: all are heard once, as they were sent", () => {
  runs(3_000, (random) => {
    const sent: Counted[] = [];
    const arrivals: { signal: Counted; at: number }[] = [];
    let now = 0;
    let count = 0;
    for (let left = 1 + random.below(30); left > 0; left -= 1) {
      now += random.below(120);
      // Two directed ones with the same number have no order of their own.
      const directed = random.chance(0.3) && sent.at(-1)?.to === undefined;
      if (!directed) count += 1;
      const signal = directed ? toMe(count) : toAll(count);
      sent.push(signal);
      arrivals.push({ signal, at: now + random.below(HOLD_MS) });
    }
    const broadcasts = (signals: Counted[]) => signals.filter(({ to }) => to === undefined);
    const heard = play(arrivals).map(({ signal }) => signal);
    expect(broadcasts(heard)).toEqual(broadcasts(sent));
    expect(heard).toHaveLength(sent.length);
    for (const mine of sent.filter(({ to }) => to !== undefined)) {
      const before = broadcasts(heard.slice(0, heard.indexOf(mine))).length;
      expect(before).toBeGreaterThanOrEqual(mine.seq);
    }
  });
});

test("whatever is lost, late or counted anew: what comes is heard once, and within a second", () => {
  runs(5_000, (random) => {
    const arrivals: { signal: Counted; at: number }[] = [];
    const came = new Map<Counted, number>();
    let now = 0;
    let count = random.chance(0.3) ? random.below(100) : 0;
    for (let left = 1 + random.below(40); left > 0; left -= 1) {
      now += random.chance(0.05) ? random.below(20_000) : random.below(150);
      if (random.chance(0.05)) count = 0;
      const directed = random.chance(0.2);
      if (!directed) count += 1;
      if (random.chance(0.1)) continue;
      const signal = directed ? toMe(count) : toAll(count);
      const at = now + random.below(random.chance(0.1) ? 8_000 : 300);
      arrivals.push({ signal, at });
      came.set(signal, at);
    }
    const heard = play(arrivals);
    expect(new Set(heard.map(({ signal }) => signal)).size).toBe(heard.length);
    expect(heard).toHaveLength(came.size);
    for (const { signal, at } of heard) {
      expect(at - (came.get(signal) ?? Number.NaN)).toBeGreaterThanOrEqual(0);
      expect(at - (came.get(signal) ?? Number.NaN)).toBeLessThanOrEqual(HOLD_MS);
    }
  });
});
