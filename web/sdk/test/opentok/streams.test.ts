import { describe, expect, test } from "vitest";
import { type StreamChange, Streams } from "../../src/opentok/streams.js";
import type { Message, Stream } from "../../src/signaling/wire.js";
import { type Random, runs } from "../support/random.js";

const stream = (streamId: string, more: Partial<Stream> = {}): Stream => ({
  streamId,
  connectionId: streamId.split("~")[1] ?? "",
  creationTime: 1,
  name: "",
  hasAudio: true,
  hasVideo: true,
  videoType: "camera",
  layoutClassList: [],
  ...more,
});
const change = (streamId: string, property: string, newValue: unknown, version: number) =>
  ({
    type: "streamPropertyChanged",
    stream: { streamId },
    changes: [{ changedProperty: property, oldValue: null, newValue }],
    version,
  }) as Message<"streamPropertyChanged">;
const said = (changes: StreamChange[]) =>
  changes.map((each) => {
    if (each.type === "streamCreated") return `+${each.stream.streamId}`;
    if (each.type === "streamDestroyed") return `-${each.stream.streamId} ${each.reason}`;
    return `${each.stream.streamId} ${each.changedProperty} ${each.oldValue} ${each.newValue}`;
  });

describe("what the others publish", () => {
  test("is created once, and its end wins, also when it comes first", () => {
    const streams = new Streams("me");
    expect(said(streams.created(stream("a~ann"), 1))).toEqual(["+a~ann"]);
    expect(said(streams.created(stream("a~ann"), 1))).toEqual([]);
    expect(said(streams.destroyed(["b~ann"], "clientDisconnected"))).toEqual([]);
    expect(said(streams.created(stream("b~ann"), 2))).toEqual([]);
    expect(said(streams.destroyed(["a~ann"], "mediaStopped"))).toEqual(["-a~ann mediaStopped"]);
    expect(said(streams.list([{ ...stream("a~ann"), version: 1 }]))).toEqual([]);
    expect(streams.present.size).toBe(0);
  });

  test("is not one's own", () => {
    const streams = new Streams("me");
    expect(streams.created(stream("a~me"), 1)).toEqual([]);
    expect(streams.changed(change("a~me", "hasAudio", false, 2))).toEqual([]);
  });

  test("changes in the order of its versions, whatever order they come in", () => {
    const streams = new Streams("me");
    expect(streams.changed(change("a~ann", "hasAudio", false, 3))).toEqual([]);
    expect(said(streams.created(stream("a~ann"), 1))).toEqual(["+a~ann", "a~ann hasAudio true false"]);
    expect(streams.changed(change("a~ann", "hasAudio", true, 2)), "an older one").toEqual([]);
    expect(said(streams.changed(change("a~ann", "hasVideo", false, 2))), "of another property").toEqual([
      "a~ann hasVideo true false",
    ]);
    expect(streams.changed(change("a~ann", "hasVideo", false, 4)), "the same value").toEqual([]);
    expect(streams.changed(change("a~ann", "hasVideo", true, 3)), "older than that").toEqual([]);
    expect(streams.present.get("a~ann")).toMatchObject({ hasAudio: false, hasVideo: false });
  });

  test("is what a list says, but for what was told since it was asked for", () => {
    const streams = new Streams("me");
    streams.created(stream("a~ann"), 1);
    streams.created(stream("b~ben"), 1);
    streams.expectList();
    streams.created(stream("c~cleo"), 1);
    const list = [
      { ...stream("b~ben", { hasAudio: false }), version: 2 },
      { ...stream("d~dora"), version: 1 },
    ];
    expect(said(streams.list(list))).toEqual([
      "-a~ann networkDisconnected",
      "b~ben hasAudio true false",
      "+d~dora",
    ]);
    expect([...streams.present.keys()]).toEqual(["b~ben", "c~cleo", "d~dora"]);
  });

  test("ends with its stay, and not with the stay before it", () => {
    const streams = new Streams("me");
    streams.created(stream("a~ann", { creationTime: 5 }), 1);
    streams.created(stream("b~ann", { creationTime: 15 }), 1);
    expect(said(streams.left("ann", "networkDisconnected", 10))).toEqual(["-a~ann networkDisconnected"]);
    expect(said(streams.left("ann", "clientDisconnected"))).toEqual(["-b~ann clientDisconnected"]);
  });

  test("settles to the same whatever order it is told in, nothing twice and nothing after its end", () => {
    runs(500, (random) => {
      const streams = new Streams("me");
      const told: string[] = [];
      for (const tell of inSomeOrder(random)) told.push(...said(tell(streams)));
      for (const id of ["a~ann", "b~ben", "c~cleo"]) {
        const its = told.filter((line) => line.includes(id));
        expect(its.filter((line) => line.startsWith("+")).length, told.join()).toBeLessThanOrEqual(1);
        const end = its.findIndex((line) => line.startsWith("-"));
        expect(end < 0 || end === its.length - 1, told.join()).toBe(true);
      }
      expect([...streams.present.values()]).toEqual([stream("a~ann", { hasAudio: true, hasVideo: false })]);
    });
  });
});

/** One history of three streams, some of it twice, in an order that is drawn; a list at the end of it or in the midst. */
function inSomeOrder(random: Random): ((streams: Streams) => StreamChange[])[] {
  const events: ((streams: Streams) => StreamChange[])[] = [
    (streams) => streams.created(stream("a~ann"), 1),
    (streams) => streams.changed(change("a~ann", "hasAudio", false, 2)),
    (streams) => streams.changed(change("a~ann", "hasVideo", false, 3)),
    (streams) => streams.changed(change("a~ann", "hasAudio", true, 4)),
    (streams) => streams.created(stream("b~ben"), 1),
    (streams) => streams.destroyed(["b~ben"], "clientDisconnected"),
    (streams) => streams.created(stream("c~cleo"), 1),
    (streams) => streams.changed(change("c~cleo", "hasAudio", false, 2)),
    (streams) => streams.destroyed(["c~cleo"], "networkDisconnected"),
  ];
  const all = [...events, ...events.filter(() => random.chance(0.3))];
  const order: ((streams: Streams) => StreamChange[])[] = [];
  while (all.length > 0) {
    const next = random.draw(all);
    if (next) order.push(next);
  }
  if (random.chance(0.5))
    order.splice(random.below(order.length), 0, (streams) => {
      streams.expectList();
      return streams.list([{ ...stream("a~ann", { hasVideo: false }), version: 4 }]);
    });
  return order;
}
