import { expect, it } from "vitest";
import { LocalMedia } from "../src/media/localMedia.ts";
import { levelOf } from "../src/media/useLevel.ts";
import { machine } from "./machine.ts";

const live = () => machine.tracks.filter((track) => track.readyState === "live").map((track) => track.id);

it("camera and microphone are asked for with one prompt", async () => {
  await new LocalMedia().start();
  expect(machine.asked).toEqual(["audio+video"]);
});

it("a machine without a camera still gives its microphone", async () => {
  machine.errors.video = "NotFoundError";
  const media = new LocalMedia();
  await media.start();
  expect(media.snapshot().problems).toEqual({ video: "missing" });
  expect(
    media
      .snapshot()
      .stream?.getTracks()
      .map((track) => track.kind),
  ).toEqual(["audio"]);
});

it("what the person has turned down is not asked for again", async () => {
  machine.errors = { audio: "NotAllowedError", video: "NotAllowedError" };
  const media = new LocalMedia();
  await media.start();
  expect(machine.asked).toEqual(["audio+video"]);
  expect(media.snapshot().problems).toEqual({ audio: "refused", video: "refused" });
  await media.take();
  expect(machine.asked).toEqual(["audio+video"]);
});

it("a camera that the browser always denies does not cost the microphone", async () => {
  machine.errors.video = "NotAllowedError";
  machine.permissions = { camera: "denied", microphone: "granted" };
  const media = new LocalMedia();
  await media.start();
  expect(media.snapshot().problems).toEqual({ video: "refused" });
  expect(live()).toEqual(["audio default"]);
});

it("asking again asks for what was missing", async () => {
  machine.errors.video = "NotReadableError";
  const media = new LocalMedia();
  await media.start();
  expect(media.snapshot().problems).toEqual({ video: "busy" });
  machine.errors = {};
  media.retry();
  await media.start();
  expect(media.snapshot().problems).toEqual({});
  expect(live()).toEqual(["audio default", "video default"]);
});

it("a camera that is switched off is stopped, so that its light goes out", async () => {
  const media = new LocalMedia();
  await media.start();
  media.set("video", false);
  expect(live()).toEqual(["audio default"]);
  expect(media.snapshot().stream?.getVideoTracks()).toEqual([]);
  media.set("video", true);
  await media.start();
  expect(live()).toEqual(["audio default", "video default"]);
});

it("the chosen device is remembered, and another one does when it has been unplugged", async () => {
  const media = new LocalMedia();
  await media.start();
  media.choose("videoinput", "cam-2");
  await media.start();
  expect(live()).toEqual(["audio default", "video cam-2"]);
  media.stop();

  const later = new LocalMedia();
  machine.gone.add("cam-2");
  await later.start();
  expect(machine.asked.slice(-2)).toEqual(["audio+video=cam-2", "audio+video"]);
  expect(live()).toEqual(["audio default", "video default"]);
});

it("what is handed to a call is not stopped with the lobby", async () => {
  const media = new LocalMedia();
  await media.start();
  const taken = media.take();
  media.stop();
  expect((await taken)?.getTracks()).toHaveLength(2);
  media.stop();
  expect(live()).toHaveLength(2);
});

it("a camera that arrives after the lobby has closed is stopped", async () => {
  let answer = () => {};
  machine.prompt = new Promise((resolve) => {
    answer = resolve;
  });
  const media = new LocalMedia();
  const starting = media.start();
  await Promise.resolve();
  media.stop();
  answer();
  await starting;
  expect(machine.tracks).toHaveLength(2);
  expect(live()).toEqual([]);
});

it("of two takes that wait for the same prompt, the newer is handed everything, and nothing is opened twice", async () => {
  let answer = () => {};
  machine.prompt = new Promise((resolve) => {
    answer = resolve;
  });
  const media = new LocalMedia();
  const first = media.take();
  await Promise.resolve();
  media.keep();
  const second = media.take();
  answer();
  expect(await first).toBeUndefined();
  expect((await second)?.getTracks()).toHaveLength(2);
  expect(machine.asked).toEqual(["audio+video"]);
  expect(media.snapshot().stream).toBeUndefined();
});

it("without a secure page there is a reason, not a crash", async () => {
  Object.defineProperty(navigator, "mediaDevices", { configurable: true, value: undefined });
  const media = new LocalMedia();
  await media.start();
  expect(media.snapshot().problems).toEqual({ audio: "insecure", video: "insecure" });
});

it("the level is nothing in silence, all when loud, and between in between", () => {
  expect(levelOf(0)).toBe(0);
  expect(levelOf(0.5)).toBe(1);
  expect(levelOf(0.03)).toBeGreaterThan(0.4);
  expect(levelOf(0.03)).toBeLessThan(0.8);
});
