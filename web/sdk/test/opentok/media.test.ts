import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Publisher, Session, Stream, Subscriber } from "../../src/index.js";
import type { Handshake } from "../../src/signaling/wire.js";
import { FakeConnection, FakeStream, FakeTrack, installRtc } from "../support/rtc.js";
import { type Asked, type Peer, refusal, SessionServer, sessionWith } from "../support/session-server.js";
import { until } from "../support/until.js";

let server: SessionServer;
let open: Session[];
/** The streams that this client has published, as the gateway has them. */
let published: Map<string, Stream>;

beforeEach(async () => {
  installRtc();
  FakeConnection.all = [];
  FakeConnection.sections = {};
  server = await SessionServer.start();
  server.identified = { features: ["ice-lite"] };
  open = [];
  published = new Map();
  server.answers.publish = ({ data }) => ({ type: "published", stream: publishes(data), version: 1 });
  server.answers.handshake = (asked, peer) => answerOffer(asked, peer);
});
afterEach(async () => {
  await Promise.all(open.map((session) => session.disconnect()));
  server.stop();
});

function publishes(data: Record<string, unknown>): Stream {
  const stream = { connectionId: "c0", creationTime: 7, layoutClassList: [], ...data } as unknown as Stream;
  published.set(stream.streamId, stream);
  return stream;
}

/** The SFU takes what is offered. */
function answerOffer({ data }: Asked, peer: Peer): undefined {
  const { type, description, negotiation } = data as unknown as Handshake;
  if (type !== "producer" || description?.type !== "offer") return;
  peer.say({ type: "producer", sender: "sfu", roomId: "1_MX4", negotiation, description: answer() });
}

const answer = () => ({ type: "answer", sdp: "a=ice-ufrag:sfu\r\na=fingerprint:sha-256 SFU\r\n" });

async function connected(): Promise<Session> {
  const { session } = sessionWith(server);
  open.push(session);
  await session.connect("token");
  return session;
}

const track = (kind: "audio" | "video") => new FakeTrack(kind) as unknown as MediaStreamTrack;

/** Publishes both halves. */
function publish(session: Session, name = "mine"): Promise<Publisher> {
  return session.publish({ name, audioSource: track("audio"), videoSource: track("video") });
}

/** The handshakes with an offer of this client's own, the last one last. */
const offers = () =>
  server
    .asked("handshake")
    .map(({ data }) => data as unknown as Handshake)
    .filter(({ description }) => description?.type === "offer");

/** Somebody else's stream. */
function other(streamId = "abcdefgh~ben"): Stream {
  return {
    streamId,
    connectionId: "ben",
    creationTime: 3,
    name: "ben's",
    hasAudio: true,
    hasVideo: true,
    videoType: "camera",
    layoutClassList: [],
  };
}

describe("publishing", () => {
  test("tells the gateway of the stream, and the SFU which sections are part of it", async () => {
    const session = await connected();
    const publisher = await publish(session);
    const streamId = publisher.stream?.streamId;
    expect(streamId).toMatch(/^[a-z0-9]{8}~c0$/);
    expect(server.asked("publish").map(({ data }) => data)).toEqual([
      {
        streamId,
        name: "mine",
        hasAudio: true,
        hasVideo: true,
        videoType: "camera",
        videoDimensions: { width: 1280, height: 720 },
      },
    ]);
    expect(offers().at(-1)).toMatchObject({
      type: "producer",
      sender: "c0",
      roomId: "1_MX4",
      streams: { "0": streamId, "1": streamId },
      subscriptions: "explicit",
    });
    expect([publisher.hasAudio, publisher.hasVideo]).toEqual([true, true]);
  });

  test("is repeated under the same id while it is refused for reasons that pass", async () => {
    const session = await connected();
    let refusals = 2;
    server.answers.publish = ({ data }) =>
      refusals-- > 0
        ? refusal(429, "too_many_requests")
        : { type: "published", stream: publishes(data), version: 1 };
    await publish(session);
    const ids = server.asked("publish").map(({ data }) => data.streamId);
    expect(ids.length).toBe(3);
    expect(new Set(ids).size).toBe(1);
  });

  test("that the gateway refuses for good sends nothing, and lets go of nothing that is the application's", async () => {
    const session = await connected();
    server.answers.publish = () => refusal(429, "stream_limit_exceeded", 1605);
    const sent = track("audio");
    const failed = session.publish({ audioSource: sent, videoSource: false });
    await expect(failed).rejects.toMatchObject({ code: "stream_limit_exceeded", otc: { number: 1605 } });
    expect(sent.readyState).toBe("live");
    await until("an offer without it", () => offers().at(-1)?.streams === undefined);
  });

  test("that no SFU takes fails with OpenTok's number, and the stream is taken back", async () => {
    const session = await connected();
    server.answers.handshake = ({ data }, peer) => {
      const { negotiation } = data as unknown as Handshake;
      const refused = { code: "room_full", message: "64 are there" };
      const description = { type: "rollback", sdp: "" };
      peer.say({ type: "producer", sender: "sfu", roomId: "1_MX4", negotiation, description, refused });
      return undefined;
    };
    await expect(publish(session)).rejects.toMatchObject({ code: "room_full", otc: { number: 1500 } });
    await until("the end of the stream", () => server.asked("unpublish").length === 1);
  });

  test("by somebody who leaves before the camera is allowed lets go of it", async () => {
    const session = await connected();
    const camera = new FakeTrack("video");
    let allow = () => {};
    const asked = new Promise<void>((resolve) => {
      const getUserMedia = () => {
        resolve();
        return new Promise((opened) => {
          allow = () => opened(new FakeStream([camera]));
        });
      };
      vi.stubGlobal("navigator", { mediaDevices: { getUserMedia } });
    });
    const failed = session.publish({ audioSource: false });
    failed.catch(() => undefined);
    await asked;
    await session.disconnect();
    allow();
    await expect(failed).rejects.toMatchObject({ otc: { number: 1010 } });
    vi.unstubAllGlobals();
    expect(camera.readyState).toBe("ended");
    expect([server.asked("publish"), FakeConnection.all]).toEqual([[], []]);
  });

  test("is refused by the role before anybody is asked for a camera", async () => {
    server.identified = { capabilities: { publish: 0, subscribe: 1 } };
    const session = await connected();
    await expect(publish(session)).rejects.toMatchObject({ status: 403, otc: { number: 1500 } });
    expect(server.asked("publish")).toEqual([]);
  });

  test("a half that is switched off and on is told once each time, the last word last", async () => {
    const session = await connected();
    const publisher = await publish(session);
    await Promise.all([
      publisher.publishAudio(false),
      publisher.publishAudio(true),
      publisher.publishVideo(false),
    ]);
    expect(server.asked("updateStream").at(-1)?.data).toMatchObject({ hasVideo: false });
    expect(publisher.stream).toMatchObject({ hasAudio: true, hasVideo: false });
    expect(publisher.mediaStream.getVideoTracks()[0]?.enabled).toBe(false);
    const asked = server.asked("updateStream").length;
    await publisher.publishVideo(false);
    expect(server.asked("updateStream").length, "what is known already").toBe(asked);
  });

  test("a moderator's mute is told, and is the publisher's to undo", async () => {
    const session = await connected();
    const publisher = await publish(session);
    const muted: string[] = [];
    publisher.on("muteForced", ({ stream }) => muted.push(stream.name));
    server.peer.say({ type: "muteForced", streams: [{ streamId: publisher.stream?.streamId, version: 2 }] });
    await until("the mute", () => muted.length === 1);
    expect(publisher.hasAudio).toBe(false);
    expect(publisher.mediaStream.getAudioTracks()[0]?.enabled).toBe(false);
    await publisher.publishAudio(true);
    expect(server.asked("updateStream").map(({ data }) => data.hasAudio)).toEqual([true]);
  });

  test("in a muted session begins without sound", async () => {
    const session = await connected();
    server.answers.publish = ({ data }) => ({
      type: "published",
      stream: publishes({ ...data, hasAudio: false }),
      version: 1,
    });
    const publisher = await publish(session);
    expect(publisher.hasAudio).toBe(false);
    expect(publisher.mediaStream.getAudioTracks()[0]?.enabled).toBe(false);
  });

  test("ends when it is told so, and when somebody else ends it", async () => {
    const session = await connected();
    const [mine, theirs] = [await publish(session, "mine"), await publish(session, "theirs")];
    const ended: string[] = [];
    for (const publisher of [mine, theirs])
      publisher.on("streamDestroyed", ({ stream, reason }) => ended.push(`${stream.name} ${reason}`));
    await session.unpublish(mine);
    expect(server.asked("unpublish").length).toBe(1);
    const streamIds = [theirs.stream?.streamId];
    server.peer.say({ type: "streamDestroyed", streamIds, reason: "forceUnpublished", version: 3 });
    await until("the end", () => ended.length === 2);
    expect(ended).toEqual(["mine clientDisconnected", "theirs forceUnpublished"]);
    await expect(session.unpublish(theirs)).rejects.toMatchObject({ otc: { number: 1113 } });
    expect(server.asked("unpublish").length, "nobody needs to be told").toBe(1);
    await until("an offer of nothing", () => offers().at(-1)?.streams === undefined);
  });

  test("tells that its pictures have another size when that lasts, once", async () => {
    const session = await connected();
    const camera = new FakeTrack("video");
    await session.publish({ audioSource: false, videoSource: camera as unknown as MediaStreamTrack });
    const updates = () => server.asked("updateStream").map(({ data }) => data.videoDimensions);
    const sizes = [0, 1, 2].map((step) => ({ width: 720, height: 1280 + step }));
    // A window that is being made larger.
    for (const size of sizes) {
      camera.size = size;
      await new Promise((resolve) => setTimeout(resolve, 700));
    }
    await until("the size", () => updates().length > 0, 5_000);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(updates()).toEqual([sizes.at(-1)]);
    // One that the gateway does not take is not told again.
    server.answers.updateStream = () => refusal(400, "bad_message");
    camera.size = { width: 20_000, height: 1 };
    await until("the size", () => updates().length === 2, 5_000);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(updates().length).toBe(2);
  });

  test("of a screen ends when the person stops sharing it by the browser's button", async () => {
    const session = await connected();
    await publish(session, "camera");
    const screen = new FakeTrack("video");
    const videoSource = screen as unknown as MediaStreamTrack;
    const publisher = await session.publish({
      audioSource: track("audio"),
      videoSource,
      videoType: "screen",
    });
    const announced = () => FakeConnection.all[0]?.channels.features?.sent.at(-1)?.features;
    expect(announced()).toMatchObject({ screen: publisher.mediaStream.id });
    const ended: string[] = [];
    publisher.on("streamDestroyed", ({ reason }) => ended.push(reason));
    screen.end();
    await until("the end of the stream", () => server.asked("unpublish").length === 1);
    expect(ended).toEqual(["mediaStopped"]);
    await expect(session.unpublish(publisher)).rejects.toMatchObject({ otc: { number: 1113 } });
  });

  test("goes on after a lost socket, but for what has ended meanwhile", async () => {
    const session = await connected();
    const [kept, lost] = [await publish(session, "kept"), await publish(session, "lost")];
    const ended: string[] = [];
    lost.on("streamDestroyed", ({ reason }) => ended.push(reason));
    const muted: string[] = [];
    kept.on("muteForced", ({ stream }) => muted.push(stream.name));
    server.identified = {
      ...server.identified,
      connection: { connectionId: "c0", creationTime: 100, data: "" },
      streams: [{ ...kept.stream, hasAudio: false, version: 5 }],
    };
    server.peer.socket.terminate();
    await until("the end of one", () => ended.length === 1 && muted.length === 1);
    expect([ended, muted]).toEqual([["mediaStopped"], ["kept"]]);
    await kept.publishAudio(true);
    expect(server.asked("publish").length).toBe(2);
    await until("an offer of the other", () => Object.keys(offers().at(-1)?.streams ?? {}).length === 2);
  });
});

describe("subscribing", () => {
  /** The SFU offers somebody's media. */
  async function offered(streams: Record<string, string>): Promise<FakeConnection> {
    const description = { type: "offer", sdp: "a=ice-ufrag:ben\r\na=fingerprint:sha-256 BEN\r\n" };
    const before = FakeConnection.all.length;
    server.peer.say({
      type: "consumer",
      sender: "sfu",
      roomId: "1_MX4",
      remotePeerId: "ben",
      negotiation: 1,
      description,
      streams,
    });
    return until("a consumer", () => FakeConnection.all[before]);
  }

  async function subscribed(session: Session): Promise<Subscriber> {
    server.peer.say({ type: "streamCreated", stream: other(), version: 1 });
    await until("the stream", () => session.streams.size === 1);
    return session.subscribe("abcdefgh~ben");
  }

  test("asks the gateway, and has a connection without media of one's own", async () => {
    const session = await connected();
    const subscriber = await subscribed(session);
    expect(server.asked("subscribe").at(-1)?.data).toEqual({
      streamId: "abcdefgh~ben",
      hasAudio: true,
      hasVideo: true,
    });
    await until("an offer", () => offers()[0]?.subscriptions === "explicit");
    await subscriber.subscribeToVideo(false);
    expect(server.asked("subscribe").at(-1)?.data).toMatchObject({ hasAudio: true, hasVideo: false });
    await session.unsubscribe(subscriber);
    expect(server.asked("unsubscribe").length).toBe(1);
    await expect(session.unsubscribe(subscriber)).rejects.toMatchObject({ otc: { number: 1112 } });
  });

  test("waits for an SFU where there is none yet", async () => {
    server.identified = {};
    const session = await connected();
    await subscribed(session);
    expect(offers(), "that would be one more that nobody hears").toEqual([]);
    const asked = server.asked("subscribe").length;
    server.peer.say({ type: "sfuConnect", roomId: "1_MX4" });
    await until("an offer", () => offers().length === 1);
    await until("the subscription once more", () => server.asked("subscribe").length > asked);
  });

  test("gets the tracks that the SFU says are the stream's, and loses them with it", async () => {
    const session = await connected();
    const subscriber = await subscribed(session);
    const told: string[] = [];
    subscriber.on("connected", () => told.push("connected"));
    subscriber.on("destroyed", ({ reason }) => told.push(reason));
    FakeConnection.sections = {
      a: new FakeTrack("audio"),
      v: new FakeTrack("video"),
      x: new FakeTrack("video"),
    };
    await offered({ a: "abcdefgh~ben", v: "abcdefgh~ben", x: "ijklmnop~ben" });
    await until("the tracks", () => subscriber.mediaStream.getTracks().length === 2);
    expect(told).toEqual(["connected"]);
    server.peer.say({
      type: "streamDestroyed",
      streamIds: ["abcdefgh~ben"],
      reason: "clientDisconnected",
      version: 2,
    });
    await until("the end", () => told.length === 2);
    expect(told[1]).toBe("clientDisconnected");
    expect(subscriber.mediaStream.getTracks()).toEqual([]);
  });

  /** A subscriber whose tracks have come, and what it is told. */
  async function receiving(session: Session) {
    const subscriber = await subscribed(session);
    const told: string[] = [];
    subscriber.on("connected", () => told.push("connected"));
    subscriber.on("disconnected", () => told.push("disconnected"));
    FakeConnection.sections = { v: new FakeTrack("video") };
    const consumer = await offered({ v: "abcdefgh~ben" });
    await until("the track", () => told.length === 1);
    const [track] = subscriber.mediaStream.getTracks();
    return { consumer, told, track: () => subscriber.mediaStream.getTracks()[0] === track };
  }

  /** What the SFU says of somebody on the channel. */
  const says = (presence: string) =>
    FakeConnection.all[0]?.channels.features?.says({ id: "ben", features: {}, presence });

  test("is disconnected while the SFU hears nothing of the publisher, with the picture that there was", async () => {
    const session = await connected();
    const { told, track } = await receiving(session);
    for (const presence of ["lost", "lost", "gone", "here", "here"]) says(presence);
    expect(told).toEqual(["connected", "disconnected", "connected"]);
    expect(track()).toBe(true);
  });

  test("tells who speaks, once each time, until they are lost or the SFU is", async () => {
    const session = await connected();
    await receiving(session);
    const told: string[] = [];
    session.on("speaking", ({ connectionId, speaking }) => told.push(`${connectionId} ${speaking}`));
    const features = FakeConnection.all[0]?.channels.features;
    const speaks = (id: string, speaking: boolean) => features?.says({ id, features: { speaking } });
    for (const speaking of [false, true, true, false]) speaks("ben", speaking);
    speaks("c0", true);
    expect(told.splice(0)).toEqual(["ben true", "ben false", "c0 true"]);
    speaks("ben", true);
    features?.says({ id: "ben", features: { speaking: true }, presence: "lost" });
    expect(told.splice(0)).toEqual(["ben true", "ben false"]);
    server.peer.say({ type: "sfuDisconnect", roomId: "1_MX4", claimAfterMs: 0 });
    await until("the end of the call", () => told.length === 1);
    expect(told).toEqual(["c0 false"]);
  });

  test("is disconnected while its own connection is interrupted, unless the publisher is lost all the same", async () => {
    const session = await connected();
    const { consumer, told, track } = await receiving(session);
    consumer.become("disconnected");
    consumer.become("connected");
    expect(told).toEqual(["connected", "disconnected", "connected"]);
    says("lost");
    consumer.become("disconnected");
    consumer.become("connected");
    expect(told.slice(3)).toEqual(["disconnected"]);
    says("here");
    expect(told.slice(4)).toEqual(["connected"]);
    expect(track()).toBe(true);
  });

  test("is disconnected with the SFU, whose last picture stays open until another one offers", async () => {
    const session = await connected();
    const { consumer, told, track } = await receiving(session);
    const first = FakeConnection.all[0];
    server.peer.say({ type: "sfuDisconnect", roomId: "1_MX4", claimAfterMs: 0 });
    await until("the end of the call", () => first?.signalingState === "closed");
    expect([told, track()]).toEqual([["connected", "disconnected"], true]);
    expect(consumer.signalingState, "a closed one's picture is black").not.toBe("closed");
    server.peer.say({ type: "sfuConnect", roomId: "1_MX4" });
    await until("a call", () => FakeConnection.all.length === 3);
    FakeConnection.sections = { v: new FakeTrack("video") };
    await offered({ v: "abcdefgh~ben" });
    await until("the track", () => told.length === 3);
    expect(told[2]).toBe("connected");
    expect([consumer.signalingState, track()]).toEqual(["closed", false]);
  });

  test("to what is not there, or by a role that may not, is refused at once", async () => {
    const session = await connected();
    await expect(session.subscribe("abcdefgh~ben")).rejects.toMatchObject({ otc: { number: 1535 } });
    server.identified = { capabilities: { publish: 1, subscribe: 0 } };
    const deaf = await connected();
    await expect(deaf.subscribe("abcdefgh~ben")).rejects.toMatchObject({ otc: { number: 1501 } });
    expect(server.asked("subscribe")).toEqual([]);
  });
});

describe("an encryption secret", () => {
  /** What the worker is asked, in order; `says` is its answer. */
  class FakeWorker {
    static latest: FakeWorker;
    readonly asked: { type: string; id: number; secret: string }[] = [];
    onmessage: ((event: { data: unknown }) => void) | null = null;
    constructor() {
      FakeWorker.latest = this;
    }
    postMessage(message: FakeWorker["asked"][number]): void {
      this.asked.push(message);
    }
    says(data: Record<string, unknown>): void {
      this.onmessage?.({ data });
    }
    terminate(): void {}
  }

  beforeEach(() => {
    vi.stubGlobal("Worker", FakeWorker);
    vi.stubGlobal("RTCRtpScriptTransform", class {});
    server.identified = { features: ["ice-lite"], e2ee: true };
  });
  afterEach(() => void vi.unstubAllGlobals());

  async function encrypted(): Promise<Session> {
    const { session } = sessionWith(server, { encryptionSecret: "the first one" });
    open.push(session);
    await session.connect("token");
    return session;
  }

  const asked = () => FakeWorker.latest.asked.map(({ secret }) => secret);

  test("that is changed before the worker is there is the one that counts", async () => {
    const session = await encrypted();
    const publishing = publish(session);
    const changed = session.setEncryptionSecret("the second one");
    FakeWorker.latest.says({ type: "loaded" });
    await until("the secrets", () => asked().length === 2);
    expect(asked()).toEqual(["the first one", "the second one"]);
    for (const { id } of FakeWorker.latest.asked) FakeWorker.latest.says({ type: "ready", id });
    await changed;
    await publishing;
    expect(asked().length, "nothing of before is said again").toBe(2);
  });

  test("that is changed while the first is being set is the one that counts, and nothing is sent before", async () => {
    const session = await encrypted();
    const publishing = publish(session);
    FakeWorker.latest.says({ type: "loaded" });
    await until("the first secret", () => asked().length === 1);
    const changed = session.setEncryptionSecret("the second one");
    // Another publication meanwhile asks for no older one.
    const other = publish(session, "other");
    await until("the second secret", () => asked().includes("the second one"));
    expect([server.asked("publish"), offers()]).toEqual([[], []]);
    for (const { id } of FakeWorker.latest.asked) FakeWorker.latest.says({ type: "ready", id });
    await changed;
    await Promise.all([publishing, other]);
    expect(asked().at(-1)).toBe("the second one");
    expect(asked().filter((secret) => secret === "the first one").length).toBe(1);
  });

  test("that cannot be used publishes nothing, and the next one may", async () => {
    const session = await encrypted();
    const publishing = publish(session);
    FakeWorker.latest.says({ type: "loaded" });
    await until("the secret", () => asked().length === 1);
    FakeWorker.latest.says({ type: "failed", id: FakeWorker.latest.asked[0]?.id ?? 0 });
    await expect(publishing).rejects.toMatchObject({ otc: { number: 6001 } });
    expect(server.asked("publish")).toEqual([]);
    const again = publish(session);
    FakeWorker.latest.says({ type: "loaded" });
    await until("the secret", () => asked().length === 1);
    FakeWorker.latest.says({ type: "ready", id: FakeWorker.latest.asked[0]?.id ?? 0 });
    await again;
  });
});

test("without a connection there is nothing to publish or subscribe to", async () => {
  const { session } = sessionWith(server);
  await expect(session.publish()).rejects.toMatchObject({ otc: { number: 1010 } });
  await expect(session.subscribe("abcdefgh~ben")).rejects.toMatchObject({ otc: { number: 1010 } });
});
