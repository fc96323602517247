import { expect, test } from "vitest";
import { cameraLayers, preferredCodecs } from "../../src/media/simulcast.js";

test("a camera's picture goes out in three sizes, from the smallest, each with bits enough", () => {
  const layers = cameraLayers(1280, 720);
  expect(
    layers.map(({ rid, scaleResolutionDownBy, active }) => [rid, scaleResolutionDownBy, active]),
  ).toEqual([
    ["l", 4, true],
    ["m", 2, true],
    ["h", 1, true],
  ]);
  const [low, middle, high] = layers.map(({ maxBitrate }) => maxBitrate / 1_000);
  expect(low).toBeCloseTo(150, 0);
  expect(middle).toBeGreaterThan(400);
  expect(middle).toBeLessThan(600);
  expect(high).toBeGreaterThan(1_500);
  expect(high).toBeLessThan(2_000);
});

test("a small picture goes out in fewer sizes, the largest of them whole", () => {
  const sent = (width: number, height: number) =>
    cameraLayers(width, height)
      .filter(({ active }) => active)
      .map(({ rid, scaleResolutionDownBy }) => `${rid} ${width / scaleResolutionDownBy}`);
  expect(sent(1920, 1080)).toEqual(["l 480", "m 960", "h 1920"]);
  expect(sent(960, 540)).toEqual(["l 240", "m 480", "h 960"]);
  expect(sent(640, 480)).toEqual(["l 320", "m 640"]);
  expect(sent(480, 270)).toEqual(["l 240", "m 480"]);
  expect(sent(320, 240)).toEqual(["l 320"]);
  expect(sent(64, 48)).toEqual(["l 64"]);
});

test("a picture of unknown size is taken for 1280x720", () => {
  expect(cameraLayers()).toEqual(cameraLayers(1280, 720));
});

test("codecs are offered as docs/MEDIA.md lists them, with repair of lost packets", () => {
  const codec = (mimeType: string, sdpFmtpLine?: string) => ({
    mimeType,
    ...(sdpFmtpLine && { sdpFmtpLine }),
  });
  const baseline = codec(
    "video/H264",
    "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
  );
  const all = [
    codec("video/VP9"),
    codec("video/H264", "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f"),
    codec("video/H264", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=640c1f"),
    baseline,
    codec("video/rtx"),
    codec("video/VP8"),
    codec("video/red"),
  ];
  expect(preferredCodecs("video", all)).toEqual([codec("video/VP8"), baseline, codec("video/rtx")]);
  expect(preferredCodecs("audio", [codec("audio/red"), codec("audio/opus"), codec("audio/PCMU")])).toEqual([
    codec("audio/opus"),
  ]);
  expect(preferredCodecs("video", [codec("video/VP9"), codec("video/rtx")])).toEqual([]);
});
