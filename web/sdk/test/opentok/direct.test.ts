// Media from client to client, in a relayed session.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Publisher, Session, Stream, Subscriber } from "../../src/index.js";
import type { Handshake } from "../../src/signaling/wire.js";
import { FakeConnection, FakeTrack, installRtc } from "../support/rtc.js";
import { SessionServer, sessionWith } from "../support/session-server.js";
import { until } from "../support/until.js";

let server: SessionServer;
let session: Session;

beforeEach(async () => {
  installRtc();
  FakeConnection.all = [];
  FakeConnection.sections = {};
  FakeConnection.automatic = true;
  server = await SessionServer.start();
  server.identified = { mediaMode: "relayed", features: [] };
  server.connections = [{ connectionId: "ben", creationTime: 1, data: "" }];
  ({ session } = sessionWith(server));
  await session.connect("token");
});
afterEach(async () => {
  vi.useRealTimers();
  await session.disconnect();
  server.stop();
});

const track = (kind: "audio" | "video") => new FakeTrack(kind) as unknown as MediaStreamTrack;
const publish = () =>
  session.publish({ name: "mine", audioSource: track("audio"), videoSource: track("video") });

/** Ben wants this of a stream of ours. */
function wants(publisher: Publisher, halves: { hasAudio: boolean; hasVideo: boolean }): void {
  const streamId = publisher.stream?.streamId;
  server.peer.say({ type: "subscription", clientId: "ben", streamId, ...halves });
}

/** What we have sent to Ben of one kind: what concerns our own media, or his. */
const sent = (type: Handshake["type"]) =>
  server
    .asked("handshake")
    .map(({ data }) => data as unknown as Handshake & { receiver: string })
    .filter((handshake) => handshake.type === type);
const offers = () => sent("producer").filter(({ description }) => description?.type === "offer");

/** The next offer after so many, and the connection that it is of. */
async function offered(before: number): Promise<{ offer: Handshake; connection: FakeConnection }> {
  const offer = await until("an offer", () => offers()[before]);
  const connection = FakeConnection.all.find(
    ({ localDescription }) => localDescription?.sdp === offer.description?.sdp,
  );
  if (!connection) throw new Error("no connection has made that offer");
  return { offer, connection };
}

const BEN = "a=ice-ufrag:ben\r\na=fingerprint:sha-256 BEN\r\n";
const says = (type: Handshake["type"], content: Partial<Handshake>) =>
  server.peer.say({ type, sender: "ben", receiver: "c0", roomId: "1_MX4", ...content });
const answers = ({ negotiation }: Handshake, sdp = BEN) =>
  says("consumer", { ...(negotiation && { negotiation }), description: { type: "answer", sdp } });

/** Ben's stream is there, and subscribed to. */
async function subscribed(): Promise<Subscriber> {
  const stream: Stream = {
    ...{ streamId: "abcdefgh~ben", connectionId: "ben", creationTime: 3, name: "ben's" },
    ...{ hasAudio: true, hasVideo: true, videoType: "camera", layoutClassList: [] },
  };
  server.peer.say({ type: "streamCreated", stream, version: 1 });
  await until("the stream", () => session.streams.size === 1);
  return session.subscribe(stream);
}

test("nothing is offered before somebody wants it, and then what they want", async () => {
  const publisher = await publish();
  expect(FakeConnection.all).toEqual([]);
  wants(publisher, { hasAudio: true, hasVideo: false });
  const { offer, connection } = await offered(0);
  expect(offer).toMatchObject({ type: "producer", sender: "c0", receiver: "ben", roomId: "1_MX4" });
  expect(offer.streams).toEqual({ "0": publisher.stream?.streamId });
  expect(offer.subscriptions, "is what an SFU is told").toBeUndefined();
  expect(connection.transceivers.map(({ sender, codecs }) => [sender.track?.kind, codecs])).toEqual([
    ["audio", []],
  ]);
  answers(offer);
  await until("the connection", () => connection.connectionState === "connected");

  // More of it goes over the same connection, and less does.
  wants(publisher, { hasAudio: true, hasVideo: true });
  const more = await offered(1);
  expect(more.connection).toBe(connection);
  expect(Object.keys(more.offer.streams ?? {})).toEqual(["0", "1"]);
  answers(more.offer);
  wants(publisher, { hasAudio: false, hasVideo: false });
  const less = await offered(2);
  expect(less.offer.streams).toBeUndefined();
  expect(connection.transceivers.map(({ direction, sender }) => [direction, sender.track])).toEqual([
    ["inactive", null],
    ["inactive", null],
  ]);
});

test("a stream that begins later goes over the connection that there is, if it is wanted", async () => {
  const first = await publish();
  wants(first, { hasAudio: true, hasVideo: true });
  const { offer, connection } = await offered(0);
  answers(offer);
  const second = await publish();
  expect(connection.transceivers.length, "of a stream that nobody wants").toBe(2);
  wants(second, { hasAudio: true, hasVideo: true });
  const { offer: more } = await offered(1);
  expect(new Set(Object.values(more.streams ?? {})).size).toBe(2);
  answers(more);
  await session.unpublish(first);
  const { offer: less } = await offered(2);
  expect(Object.values(less.streams ?? {})).toEqual([second.stream?.streamId, second.stream?.streamId]);
});

test("what somebody offers is answered to them, by whoever receives", async () => {
  const subscriber = await subscribed();
  const told: string[] = [];
  for (const event of ["connected", "disconnected"] as const) subscriber.on(event, () => told.push(event));
  FakeConnection.sections = { "0": new FakeTrack("audio"), "1": new FakeTrack("video") };
  const streams = { "0": "abcdefgh~ben", "1": "abcdefgh~ben" };
  says("producer", { negotiation: 3, description: { type: "offer", sdp: BEN }, streams });
  await until("an answer", () => sent("consumer").length === 1);
  expect(sent("consumer")[0]).toMatchObject({ sender: "c0", receiver: "ben", negotiation: 3 });
  expect(subscriber.mediaStream.getTracks().length).toBe(2);

  // There is no SFU to say so: the connection itself shows whether Ben is there.
  const [connection] = FakeConnection.all;
  connection?.become("disconnected");
  connection?.become("connected");
  expect(told).toEqual(["connected", "disconnected", "connected"]);
  expect(subscriber.mediaStream.getTracks().length).toBe(2);
});

test("offers that cross are of two connections, neither of which waits for the other", async () => {
  const publisher = await publish();
  await subscribed();
  wants(publisher, { hasAudio: true, hasVideo: true });
  const { offer, connection } = await offered(0);
  // Ben's comes while ours has no answer.
  FakeConnection.sections = { "0": new FakeTrack("video") };
  says("producer", {
    negotiation: 1,
    description: { type: "offer", sdp: BEN },
    streams: { "0": "abcdefgh~ben" },
  });
  await until("our answer", () => sent("consumer").length === 1);
  expect(connection.signalingState, "ours is not taken back").toBe("have-local-offer");
  answers(offer);
  await until("his answer", () => connection.signalingState === "stable");
  expect(FakeConnection.all.map(({ connectionState }) => connectionState)).toEqual([
    "connected",
    "connected",
  ]);
});

test("a connection that its receiver gives back is replaced, and late answers to it count for nothing", async () => {
  const publisher = await publish();
  wants(publisher, { hasAudio: true, hasVideo: true });
  const first = await offered(0);
  says("consumer", { description: { type: "rollback", sdp: "" } });
  const second = await offered(1);
  expect(second.connection).not.toBe(first.connection);
  expect(first.connection.signalingState).toBe("closed");
  expect(second.offer.negotiation).toBeGreaterThan(first.offer.negotiation ?? 0);
  expect(Object.keys(second.offer.streams ?? {})).toEqual(["0", "1"]);
  answers(first.offer, "a=ice-ufrag:old\r\na=fingerprint:sha-256 OLD\r\n");
  answers(second.offer);
  await until("the connection", () => second.connection.connectionState === "connected");
  expect(second.connection.remote).toEqual([BEN]);
});

test("a connection that fails restarts its ICE, and is replaced when that does not help", async () => {
  const publisher = await publish();
  wants(publisher, { hasAudio: true, hasVideo: true });
  const first = await offered(0);
  answers(first.offer);
  await until("the connection", () => first.connection.connectionState === "connected");
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"], shouldAdvanceTime: true });
  FakeConnection.automatic = false;
  first.connection.become("failed");
  await vi.advanceTimersByTimeAsync(3_000);
  const restarted = await offered(1);
  expect(restarted.connection, "the same").toBe(first.connection);
  const ufrag = ({ description }: Handshake) => /ufrag:(\S+)/.exec(description?.sdp ?? "")?.[1];
  expect(ufrag(restarted.offer)).not.toBe(ufrag(first.offer));
  answers(restarted.offer);
  await until("his answer", () => first.connection.signalingState === "stable");
  let second = restarted;
  // A machine that is slow may see it restarted once more before that.
  for (let next = 2; second.connection === first.connection; next += 1) {
    await vi.advanceTimersByTimeAsync(10_000);
    second = await offered(next);
  }
  expect(first.connection.signalingState).toBe("closed");
});

test("who leaves takes the connections along, and may come back", async () => {
  const publisher = await publish();
  wants(publisher, { hasAudio: true, hasVideo: true });
  const { offer, connection } = await offered(0);
  answers(offer);
  const ben = { connectionId: "ben", creationTime: 1, data: "" };
  server.peer.say({ type: "connectionDestroyed", connection: ben, reason: "networkDisconnected" });
  await until("the end of it", () => connection.signalingState === "closed");
  says("consumer", { description: { type: "rollback", sdp: "" } });
  server.peer.say({ type: "connectionCreated", connection: { ...ben, creationTime: 9 } });
  await until("Ben", () => session.connections.size === 1);
  expect(offers().length, "nobody wants anything").toBe(1);
  wants(publisher, { hasAudio: true, hasVideo: true });
  expect((await offered(1)).connection.signalingState).toBe("have-local-offer");
});

test("a third client may not publish, whatever the gateway would say", async () => {
  server.peer.say({
    type: "connectionCreated",
    connection: { connectionId: "eve", creationTime: 2, data: "" },
  });
  await until("Eve", () => session.connections.size === 2);
  await expect(publish()).rejects.toMatchObject({ otc: { number: 1403 } });
  expect(server.asked("publish")).toEqual([]);
});
