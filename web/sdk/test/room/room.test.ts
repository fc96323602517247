import { describe, expect, test, vi } from "vitest";
import { useCalls } from "../support/person.js";
import { FakeStream, FakeTrack } from "../support/rtc.js";
import { until } from "../support/until.js";

const { gateway, person, calling } = useCalls();
const camera = () =>
  new FakeStream([new FakeTrack("audio"), new FakeTrack("video")]) as unknown as MediaStream;

describe("joining", () => {
  test("starts a room when none is free, and says so on the way", async () => {
    const { room, heard, producer } = person({ path: "/start", name: " Ann " });
    const done = room.join(camera());
    const sfu = await gateway().sfu();
    await done;
    expect(heard()).toEqual(["finding", "starting", "joining", "joined"]);
    expect(room.roomId).toBe(sfu.id);
    expect(room.self).toMatchObject({ features: { audio: true, video: true, name: "Ann", screen: null } });
    expect(producer().transceivers.map(({ sender }) => sender.track?.kind)).toEqual(["audio", "video"]);
    expect(producer().channels.features?.sent[0]).toEqual({
      id: room.self.id,
      features: { audio: true, video: true, name: "Ann", screen: null },
      initialConnect: true,
      connectionId: sfu.offers(room.self.id)[0]?.stamp?.connectionId,
    });
  });

  test("costs two messages of ours: who we are, and the offer", async () => {
    const { room } = await calling();
    const { signaling } = await room.statistics();
    expect(signaling).toMatchObject({ sent: 2, received: 2, reconnects: 0 });
  });

  test("works without camera and microphone, which may be added later", async () => {
    const { room, sfu, producer } = await calling();
    expect(producer().transceivers).toEqual([]);
    const track = new FakeTrack("video");
    await room.setTrack("camera", track as unknown as MediaStreamTrack);
    await until("another offer", () => sfu.offers("ann").length === 2);
    expect(sfu.offers("ann").map(({ negotiation }) => negotiation)).toEqual([1, 2]);
    expect(producer().transceivers[0]?.sendEncodings.map(({ rid }) => rid)).toEqual(["l", "m", "h"]);
    await until("the features", () => producer().channels.features?.sent.at(-1)?.features);
    expect(producer().channels.features?.sent.at(-1)).toMatchObject({ features: { video: true } });
  });

  test("of a path as it is meets who asks for just that", async () => {
    const sfu = await gateway().room();
    const { room } = person({ path: "/mix%20one", exactPath: true });
    await room.join();
    expect(room.path).toBe("/mix%20one");
    const found = await fetch(`${gateway().httpUrl}/getRoomId?urlPath=${encodeURIComponent("/mix%20one")}`);
    expect(await found.json()).toMatchObject({ id: sfu.id });
  });

  test("is one joining, however often it is asked for", async () => {
    const sfu = await gateway().room();
    const { room, heard } = person({ path: "/once", peerId: "ann" });
    await Promise.all([room.join(), room.join()]);
    await room.join();
    expect(heard()).toEqual(["finding", "joining", "joined"]);
    expect(sfu.offers("ann")).toHaveLength(1);
  });

  test("fails in words, and may be tried again", async () => {
    const { room, heard } = person({ path: "/nobody", createRooms: false });
    await expect(room.join()).rejects.toMatchObject({ code: "no_room", fatal: true });
    expect(heard()).toEqual(["finding", "failed", "fatal no_room"]);
    const sfu = await gateway().room();
    await room.join();
    expect(room.roomId).toBe(sfu.id);
  });

  test("ends when it is left before it is done", async () => {
    const { room, heard } = person({ path: "/hasty" });
    const joining = room.join();
    joining.catch(() => undefined);
    const sfu = await gateway().sfu();
    await room.leave();
    await expect(joining).rejects.toMatchObject({ code: "left", fatal: false });
    expect(heard().at(-1)).toBe("idle");
    expect(room.state).toBe("idle");
    sfu.leave();
  });

  test("goes on to the next room when the one that the path has is over by then", async () => {
    const over = await gateway().room();
    over.leave();
    const next = await gateway().room();
    const asked = vi.spyOn(globalThis, "fetch");
    asked.mockImplementationOnce(async () => new Response(JSON.stringify({ roomId: over.id })));
    const { room, heard } = person({ path: "/closed-meanwhile" });
    await room.join();
    expect(room.roomId).toBe(next.id);
    expect(heard()).toEqual(["finding", "joining", "joined"]);
    asked.mockRestore();
  });

  test("goes on to the next room when the one that it found is over", async () => {
    const first = await gateway().room();
    const other = person({ path: "/moved", peerId: "bob" });
    await other.room.join();
    first.answers = false;
    const { room } = person({ path: "/moved", peerId: "ann" });
    const joining = room.join();
    await until("the offer", () => first.offers("ann").length > 0);
    first.leave();
    const second = await gateway().sfu();
    await joining;
    expect(room.roomId).toBe(second.id);
  });
});

describe("chat", () => {
  test("goes out, comes in, and waits for the channel", async () => {
    const { room, producer } = await calling({ name: "Ann" });
    const heard: string[] = [];
    room.on("chat", ({ from, sender, content }) => heard.push(`${from} ${sender} ${content}`));
    room.sendChat("hello");
    expect(producer().channels.chat?.sent).toMatchObject([{ sender: "Ann", content: "hello" }]);
    producer().channels.chat?.says({ id: "1", from: "bob", sender: "Bob", content: "hi" });
    producer().channels.chat?.says({ id: "2", from: "bob", sender: "Bob" });
    producer().channels.chat?.says("nonsense");
    expect(heard).toEqual(["ann Ann hello", "bob Bob hi"]);
    const before = producer();
    before.become("failed", "connected");
    const channel = before.channels.chat;
    if (channel) channel.readyState = "closed";
    room.sendChat("still there?");
    await until("another connection", () => producer() !== before);
    await until("the message", () => producer().channels.chat?.sent.length === 1);
    expect(room.chat.map(({ content }) => content)).toEqual(["hello", "hi", "still there?"]);
  });

  test("refuses what no channel takes", async () => {
    const { room } = await calling();
    expect(() => room.sendChat("x".repeat(16_384))).toThrow(
      expect.objectContaining({ code: "too_large", fatal: false }),
    );
    expect(room.chat).toEqual([]);
  });
});

describe("who speaks", () => {
  test("is told of the others and of ourselves", async () => {
    const { room, producer } = await calling();
    const heard: string[] = [];
    room.on("speaking", ({ peerId, speaking }) => heard.push(`${peerId} ${speaking}`));
    const says = (id: string, speaking: boolean) =>
      producer().channels.features?.says({ id, features: { audio: true, video: false, speaking } });
    says("bob", true);
    says("ann", true);
    says("ann", true);
    says("ann", false);
    expect(heard).toEqual(["bob true", "ann true", "ann false"]);
    expect([...room.peers.keys()]).toEqual(["bob"]);
    // What the SFU found out is its own to tell.
    room.setName("Anna");
    expect(producer().channels.features?.sent.at(-1)?.features).not.toHaveProperty("speaking");
  });
});

describe("leaving", () => {
  test("tells the others, closes everything, and lets go of what was given away", async () => {
    const { room, sfu, producer } = await calling();
    const [given, own] = [new FakeTrack("audio"), new FakeTrack("video")];
    await room.setTrack("camera", own as unknown as MediaStreamTrack);
    await room.leave();
    expect(room.state).toBe("idle");
    expect(() => producer()).toThrow();
    expect(own.readyState).toBe("live");
    await sfu.hears("the going", (message) => message.clientId === "ann" && message.reason === "left");
    await room.join(new FakeStream([given]) as unknown as MediaStream);
    await room.leave();
    expect(given.readyState).toBe("ended");
  });

  test("happens by itself when the page is left", async () => {
    const page = new EventTarget();
    vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
    vi.stubGlobal("removeEventListener", page.removeEventListener.bind(page));
    const { room, sfu } = await calling();
    page.dispatchEvent(new Event("pagehide"));
    expect(room.state).toBe("idle");
    await sfu.hears("the going", (message) => message.clientId === "ann" && message.reason === "left");
  });
});
