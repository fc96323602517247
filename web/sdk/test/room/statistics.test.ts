import { expect, test } from "vitest";
import type { Call } from "../../src/room/call.js";
import { Statistics } from "../../src/room/statistics.js";

type Reports = Record<string, unknown>[];

const connection = (reports: () => Reports) => ({
  getStats: async () => new Map(reports().map((report) => [report.id, report])),
});

test("figures are over the time since the last ones, with simulcast's layers added up", async () => {
  let seconds = 0;
  const layer = (rid: string, bytes: number, frameWidth: number) => ({
    id: rid,
    type: "outbound-rtp",
    kind: "video",
    mid: "0",
    timestamp: seconds * 1_000,
    bytesSent: bytes * seconds,
    frameWidth,
    frameHeight: frameWidth / 2,
    framesEncoded: 30 * seconds,
  });
  const own = () => [
    layer("l", 100, 320),
    layer("h", 1_000, 1280),
    { id: "r", type: "remote-inbound-rtp", localId: "h", packetsLost: 3 * seconds, jitter: 0.01 },
    { id: "other", type: "candidate-pair", state: "succeeded", nominated: false, currentRoundTripTime: 9 },
    { id: "pair", type: "candidate-pair", state: "succeeded", nominated: true, currentRoundTripTime: 0.05 },
  ];
  const received = () => [
    {
      id: "a",
      type: "inbound-rtp",
      kind: "audio",
      trackIdentifier: "ta",
      timestamp: seconds * 1_000,
      bytesReceived: 500 * seconds,
      totalAudioEnergy: seconds,
    },
    {
      id: "s",
      type: "inbound-rtp",
      kind: "video",
      trackIdentifier: "ts",
      timestamp: seconds * 1_000,
      framesDecoded: 7,
    },
    { id: "old", type: "inbound-rtp", kind: "video", trackIdentifier: "gone", timestamp: seconds * 1_000 },
  ];
  const streams: Record<string, string> = { ta: "camera", ts: "screen" };
  const call = {
    producer: {
      connection: connection(own),
      sourceOf: (mid: string) => (mid === "0" ? "camera" : undefined),
    },
    consumers: new Map([
      ["bob", { connection: connection(received), streamOf: (track: string) => streams[track] }],
    ]),
  } as unknown as Call;

  const statistics = new Statistics();
  const first = await statistics.read(call, () => "screen");
  expect(first.sent[0]?.bitsPerSecond).toBe(0);
  seconds = 2;
  const second = await statistics.read(call, () => "screen");
  expect(second.roundTrip).toBe(0.05);
  expect(second.sent).toEqual([
    {
      kind: "video",
      source: "camera",
      bitsPerSecond: 8_800,
      packetsLost: 6,
      jitter: 0.01,
      width: 1280,
      height: 640,
      frames: 60,
    },
  ]);
  expect(second.received).toEqual([
    {
      peerId: "bob",
      tracks: [
        { kind: "audio", source: "camera", bitsPerSecond: 4_000, packetsLost: 0, audioEnergy: 2 },
        { kind: "video", source: "screen", bitsPerSecond: 0, packetsLost: 0, frames: 7 },
      ],
    },
  ]);
});

test("there are none without a call", async () => {
  expect(await new Statistics().read(undefined, () => undefined)).toEqual({
    roundTrip: undefined,
    sent: [],
    received: [],
  });
});
