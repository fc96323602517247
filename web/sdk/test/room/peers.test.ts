import { describe, expect, test } from "vitest";
import { useCalls } from "../support/person.js";
import { FakeConnection, FakeStream, FakeTrack } from "../support/rtc.js";
import { until } from "../support/until.js";

const { person, calling } = useCalls();
const sdp = (fingerprint: string, ufrag = "u") =>
  `a=ice-ufrag:${ufrag}\r\na=fingerprint:sha-256 ${fingerprint}\r\n`;
const CONSUMER = { type: "consumer", remotePeerId: "bob" } as const;

describe("a peer's media", () => {
  test("comes with an offer, and is answered", async () => {
    const { room, sfu, heard } = await calling();
    sfu.send("ann", { ...CONSUMER, negotiation: 1, description: { type: "offer", sdp: sdp("bob") } });
    const answer = await sfu.hears(
      "the answer",
      ({ type, description }) => type === "consumer" && !!description,
    );
    expect(answer).toMatchObject({ remotePeerId: "bob", negotiation: 1, description: { type: "answer" } });
    expect(heard()).toEqual(["+bob"]);
    const tracks: string[] = [];
    room.on("track", ({ peer, track, source }) => tracks.push(`${peer.id} ${track.kind} ${source}`));
    const stream = new FakeStream();
    FakeConnection.all.at(-1)?.receives(new FakeTrack("video"), stream);
    expect(tracks).toEqual(["bob video camera"]);
    await until("the connection", () => room.peers.get("bob")?.state === "connected");
    expect(room.peers.get("bob")?.camera).toBe(stream);
  });

  test("that comes in no stream is one picture with its sound, and loses what the peer stops sending", async () => {
    const { room, sfu } = await calling();
    const offer = (negotiation: number) =>
      sfu.send("ann", {
        ...CONSUMER,
        negotiation,
        description: { type: "offer", sdp: sdp("bob", `u${negotiation}`) },
      });
    const answer = (number: number) =>
      sfu.hears(
        "the answer",
        ({ type, negotiation, description }) =>
          type === "consumer" && !!description && negotiation === number,
      );
    offer(1);
    await answer(1);
    const consumer = FakeConnection.all.at(-1);
    const [sound, picture] = [new FakeTrack("audio"), new FakeTrack("video")];
    consumer?.receives(sound);
    consumer?.receives(picture);
    const tracks = () => room.peers.get("bob")?.camera?.getTracks() as unknown;
    expect(tracks()).toEqual([sound, picture]);
    const before = room.peers.get("bob")?.camera;
    consumer?.loses(picture);
    offer(2);
    await answer(2);
    await until("the picture's going", () => room.peers.get("bob")?.camera !== before);
    expect(tracks()).toEqual([sound]);
    consumer?.loses(sound);
    offer(3);
    await answer(3);
    await until("the sound's going", () => room.peers.get("bob")?.camera === undefined);
  });

  test("survives messages that come late, twice and in another order", async () => {
    const { sfu } = await calling();
    const answers = () => sfu.heard.filter(({ type, description }) => type === "consumer" && description);
    const offer = (negotiation: number) => ({ type: "offer" as const, sdp: sdp("bob", `u${negotiation}`) });
    const candidate = { candidate: "candidate:1 1 udp 1 192.0.2.1 9 typ host", usernameFragment: "u2" };
    sfu.send("ann", { ...CONSUMER, candidates: [candidate] });
    sfu.send("ann", { ...CONSUMER, negotiation: 2, description: offer(2) });
    await until("an answer", () => answers().length === 1);
    sfu.send("ann", { ...CONSUMER, negotiation: 1, description: offer(1) });
    sfu.send("ann", { ...CONSUMER, negotiation: 2, description: offer(2) });
    await until("the answer again", () => answers().length === 2);
    expect(answers().map(({ negotiation }) => negotiation)).toEqual([2, 2]);
    const consumer = FakeConnection.all.at(-1);
    expect(consumer?.remote).toHaveLength(1);
    await until("the candidate", () => consumer?.candidates.length);
    expect(consumer?.candidates).toEqual([candidate]);
  });

  test("is given back when it cannot be taken, and taken anew", async () => {
    const { sfu } = await calling();
    const unreadable = { type: "offer" as const, sdp: `${sdp("bob")}unreadable` };
    sfu.send("ann", { ...CONSUMER, negotiation: 1, description: unreadable });
    await sfu.hears("the rollback", ({ description }) => description?.type === "rollback");
    sfu.send("ann", { ...CONSUMER, negotiation: 1, description: { type: "offer", sdp: sdp("bob2") } });
    await sfu.hears(
      "the answer",
      ({ type, description }) => type === "consumer" && description?.type === "answer",
    );
  });

  test("is given back when its connection fails, unless our own has", async () => {
    const { sfu, producer } = await calling();
    const rollbacks = () => sfu.heard.filter(({ description }) => description?.type === "rollback").length;
    sfu.send("ann", { ...CONSUMER, negotiation: 1, description: { type: "offer", sdp: sdp("bob") } });
    await sfu.hears("the answer", ({ type }) => type === "consumer");
    const consumer = FakeConnection.all.at(-1);
    producer().become("disconnected");
    consumer?.become("failed");
    // What was sent before this answer has arrived with it.
    sfu.send("ann", {
      ...CONSUMER,
      remotePeerId: "cid",
      negotiation: 1,
      description: { type: "offer", sdp: sdp("c") },
    });
    await sfu.hears("the other answer", ({ remotePeerId }) => remotePeerId === "cid");
    expect(rollbacks()).toBe(0);
    producer().become("connected");
    expect(rollbacks()).toBe(0);
    consumer?.become("failed");
    await until("the rollback", () => rollbacks() === 1);
    expect(rollbacks()).toBe(1);
  });

  test("of somebody who is gone does not come back with a late message", async () => {
    const { room, sfu, producer, heard } = await calling();
    sfu.send("ann", { ...CONSUMER, negotiation: 1, description: { type: "offer", sdp: sdp("bob") } });
    await until("bob", () => room.peers.has("bob"));
    const consumer = FakeConnection.all.at(-1);
    producer().channels.features?.says({ id: "bob", features: {}, presence: "gone" });
    expect(heard()).toEqual(["+bob", "-bob left"]);
    expect(consumer?.connectionState).toBe("closed");
    sfu.send("ann", { ...CONSUMER, negotiation: 2, description: { type: "offer", sdp: sdp("bob") } });
    sfu.send("ann", {
      ...CONSUMER,
      remotePeerId: "cid",
      negotiation: 1,
      description: { type: "offer", sdp: sdp("c") },
    });
    await sfu.hears("the answer for cid", ({ remotePeerId }) => remotePeerId === "cid");
    expect(heard()).toEqual(["+cid"]);
    // Ours, bob's and cid's: none for what came late.
    expect(FakeConnection.all).toHaveLength(3);
  });

  test("goes when the gateway says that the peer left", async () => {
    const { room, sfu, heard } = await calling({ path: "/both" });
    const bob = person({ path: "/both", peerId: "bob" });
    await bob.room.join();
    sfu.send("ann", { ...CONSUMER, negotiation: 1, description: { type: "offer", sdp: sdp("bob") } });
    await until("bob", () => room.peers.has("bob"));
    await bob.room.leave();
    await until("bob's going", () => !room.peers.has("bob"));
    expect(heard()).toEqual(["+bob", "-bob left"]);
  });
});
