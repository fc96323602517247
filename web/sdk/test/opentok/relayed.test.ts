import { afterEach, beforeEach, expect, test } from "vitest";
import type { Session } from "../../src/index.js";
import type { Handshake } from "../../src/signaling/wire.js";
import { FakeConnection, FakeTrack, installRtc } from "../support/rtc.js";
import { SessionServer, sessionWith } from "../support/session-server.js";
import { until } from "../support/until.js";

let server: SessionServer;
let session: Session;

beforeEach(async () => {
  installRtc();
  FakeConnection.all = [];
  server = await SessionServer.start();
  const streams = [
    {
      streamId: "abcdefgh~ben",
      connectionId: "ben",
      creationTime: 3,
      name: "ben's",
      hasAudio: true,
      hasVideo: true,
      videoType: "camera",
      layoutClassList: [],
      version: 1,
    },
  ];
  server.connections = [{ connectionId: "ben", creationTime: 3, data: "" }];
  server.identified = { mediaMode: "relayed", streams };
  ({ session } = sessionWith(server));
  await session.connect("token");
});
afterEach(async () => {
  await session.disconnect();
  server.stop();
});

/** What this client has said to `peer`. */
const said = (peer: string) =>
  server
    .asked("handshake")
    .map(({ data }) => data as unknown as Handshake)
    .filter(({ receiver }) => receiver === peer);

const offer = (sender: string, negotiation: number, fingerprint = sender) => ({
  type: "producer",
  sender,
  receiver: "c0",
  roomId: "1_MX4",
  negotiation,
  description: { type: "offer", sdp: `a=ice-ufrag:u\r\na=fingerprint:sha-256 ${fingerprint}\r\n` },
});

/** Everything that the server has said so far is taken. */
async function settled(): Promise<void> {
  await session.forceDisconnect("nobody");
  await new Promise((resolve) => setTimeout(resolve));
}

test("an offer is taken only of whom this client has subscribed to, and as long as its connection is there", async () => {
  server.peer.say(offer("eve", 1));
  server.peer.say(offer("ben", 1));
  await settled();
  expect(FakeConnection.all, "nobody has been asked for anything").toHaveLength(0);

  const subscriber = await session.subscribe("abcdefgh~ben");
  server.peer.say(offer("eve", 2));
  server.peer.say(offer("ben", 2));
  await until("an answer", () => said("ben").some(({ description }) => description?.type === "answer"));
  await session.unsubscribe(subscriber);
  server.peer.say(offer("ben", 3));
  await until("an answer", () => said("ben").some(({ negotiation }) => negotiation === 3));
  expect(said("eve"), "a stranger learns nothing of this client").toEqual([]);
  expect(FakeConnection.all).toHaveLength(1);

  server.peer.say({
    type: "connectionDestroyed",
    connection: { connectionId: "ben", creationTime: 3 },
    reason: "clientDisconnected",
  });
  server.peer.say(offer("ben", 4, "another"));
  await settled();
  expect(said("ben").some(({ negotiation }) => negotiation === 4)).toBe(false);
});

test("nothing is offered to whom nothing is due", async () => {
  const audio = new FakeTrack("audio") as unknown as MediaStreamTrack;
  const publisher = await session.publish({ audioSource: audio, videoSource: false });
  const streamId = publisher.stream?.streamId;
  const wants = (hasAudio: boolean, hasVideo: boolean, of = streamId) =>
    server.peer.say({ type: "subscription", clientId: "eve", streamId: of, hasAudio, hasVideo });
  wants(false, false);
  wants(false, true);
  wants(true, true, "abcdefgh~c0");
  await settled();
  expect(said("eve")).toEqual([]);
  expect(FakeConnection.all).toHaveLength(0);
  wants(true, false);
  await until("an offer", () => said("eve").length > 0);
  expect(said("eve")[0]).toMatchObject({ type: "producer", streams: { "0": streamId } });
});
