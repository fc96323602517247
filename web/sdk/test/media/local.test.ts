import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { LocalMedia } from "../../src/media/local.js";
import { FakeStream, FakeTrack, installRtc } from "../support/rtc.js";
import { until } from "../support/until.js";

/** The devices of a machine, and what was opened. */
class Devices extends EventTarget {
  readonly opened: FakeTrack[] = [];
  readonly screens: FakeStream[] = [];
  present = ["mic1", "mic2", "cam1", "cam2"];
  refuse: string | undefined;
  /** The person has answered the browser's question. */
  allowed: Promise<void> = Promise.resolve();

  async getUserMedia({ audio, video }: MediaStreamConstraints): Promise<FakeStream> {
    await this.allowed;
    if (this.refuse) throw new DOMException("", this.refuse);
    const wanted = ((audio ?? video) as MediaTrackConstraints).deviceId as { exact: string } | undefined;
    const kind = audio ? "audio" : "video";
    const deviceId = wanted?.exact ?? this.present.find((id) => id.startsWith(audio ? "mic" : "cam"));
    if (!deviceId || !this.present.includes(deviceId)) throw new DOMException("", "OverconstrainedError");
    const track = new FakeTrack(kind, deviceId);
    this.opened.push(track);
    return new FakeStream([track]);
  }

  async getDisplayMedia(): Promise<FakeStream> {
    await this.allowed;
    if (this.refuse) throw new DOMException("", this.refuse);
    const stream = new FakeStream([new FakeTrack("video"), new FakeTrack("audio")]);
    this.screens.push(stream);
    return stream;
  }

  async enumerateDevices(): Promise<{ deviceId: string }[]> {
    return this.present.map((deviceId) => ({ deviceId }));
  }

  unplug(deviceId: string): void {
    this.present = this.present.filter((id) => id !== deviceId);
    this.dispatchEvent(new Event("devicechange"));
  }
}

let devices: Devices;
beforeEach(() => {
  installRtc();
  devices = new Devices();
  vi.stubGlobal("navigator", { mediaDevices: devices });
});
afterEach(() => void vi.unstubAllGlobals());

function local() {
  const told: string[] = [];
  const media = new LocalMedia({
    sends: async (slot, sent) =>
      void told.push(`${slot} ${sent ? (sent.track as unknown as FakeTrack).deviceId : "-"}`),
    changed: () => undefined,
    failed: ({ code, fatal }) => told.push(`${fatal ? "fatal" : "error"} ${code}`),
  });
  return { media, heard: () => told.splice(0) };
}

describe("a microphone", () => {
  test("is opened when it is first wanted, and muted without being closed", async () => {
    const { media, heard } = local();
    await media.switch("microphone", true);
    expect(heard()).toEqual(["microphone mic1"]);
    await media.switch("microphone", false);
    expect(media.isOn("microphone")).toBe(false);
    expect(devices.opened[0]?.readyState).toBe("live");
    await media.switch("microphone", true);
    expect(media.isOn("microphone")).toBe(true);
    expect([devices.opened.length, heard()]).toEqual([1, []]);
  });

  test("is opened once, however quickly it is clicked", async () => {
    const { media } = local();
    await Promise.all([media.switch("microphone", true), media.switch("microphone", true)]);
    expect(devices.opened).toHaveLength(1);
  });

  test("that is chosen while it is muted is muted too", async () => {
    const { media, heard } = local();
    await media.switch("microphone", true);
    await media.switch("microphone", false);
    await media.select("audioinput", "mic2");
    expect(heard()).toEqual(["microphone mic1", "microphone mic2"]);
    expect(media.isOn("microphone")).toBe(false);
    expect(devices.opened[0]?.readyState).toBe("ended");
  });

  test("that is chosen before it is on is the one that is opened", async () => {
    const { media, heard } = local();
    await media.select("audioinput", "mic2");
    expect(heard()).toEqual([]);
    await media.switch("microphone", true);
    expect(heard()).toEqual(["microphone mic2"]);
  });
});

describe("a camera", () => {
  test("that is off is closed, so that its light goes out, and opened again", async () => {
    const { media, heard } = local();
    await media.switch("camera", true, "cam2");
    await media.switch("camera", false);
    expect(devices.opened[0]?.readyState).toBe("ended");
    expect(media.camera).toBeUndefined();
    await media.switch("camera", true);
    expect(heard()).toEqual(["camera cam2", "camera -", "camera cam2"]);
  });

  test("and microphone are one stream for all time", async () => {
    const { media } = local();
    await media.switch("camera", true);
    const before = media.camera;
    await media.switch("microphone", true);
    await media.switch("camera", false);
    await media.switch("camera", true);
    expect(media.camera).toBe(before);
    expect(media.camera?.getTracks()).toHaveLength(2);
  });

  test.each([
    ["NotAllowedError", "media_refused"],
    ["NotFoundError", "media_missing"],
    ["OverconstrainedError", "media_missing"],
    ["NotReadableError", "media_busy"],
  ])("that answers %s is %s, and does not end the call", async (name, code) => {
    const { media } = local();
    devices.refuse = name;
    await expect(media.switch("camera", true)).rejects.toMatchObject({ code, fatal: false });
    devices.refuse = undefined;
    await media.switch("camera", true);
    expect(media.isOn("camera")).toBe(true);
  });

  test("needs a page with TLS", async () => {
    vi.stubGlobal("navigator", {});
    await expect(local().media.switch("camera", true)).rejects.toMatchObject({ code: "media_refused" });
  });
});

describe("a device that is unplugged", () => {
  test("gives way to the default one", async () => {
    const { media, heard } = local();
    await media.switch("camera", true, "cam2");
    devices.unplug("cam2");
    await until("the other camera", () => devices.opened.length === 2);
    await until("the track", () => heard().includes("camera cam1"));
    expect(media.isOn("camera")).toBe(true);
  });

  test("gives way also where only its track says so, and muted if it was", async () => {
    const { media } = local();
    await media.switch("microphone", true, "mic2");
    await media.switch("microphone", false);
    devices.present = ["mic1"];
    devices.opened[0]?.end();
    await until(
      "the other microphone",
      () => devices.opened.length === 2 && media.camera?.getTracks().length === 1,
    );
    expect(media.isOn("microphone")).toBe(false);
  });

  test("is off when there is no other, and the person is told", async () => {
    const { media, heard } = local();
    await media.switch("camera", true);
    heard();
    devices.refuse = "NotFoundError";
    devices.unplug("cam1");
    await until("the error", () => media.camera === undefined);
    await until("the word", () => heard().includes("error media_missing"));
  });

  test("gives way when it is wanted again, though it was chosen", async () => {
    const { media, heard } = local();
    await media.select("videoinput", "cam2");
    devices.unplug("cam2");
    await media.switch("camera", true);
    await media.switch("microphone", true, "mic9");
    expect(heard()).toEqual(["camera cam1", "microphone mic1"]);
  });

  test("before the call has it gives way too, or is off, and is never shown as on", async () => {
    const { media, heard } = local();
    const given = [new FakeTrack("audio", "mic2"), new FakeTrack("video", "cam2")];
    for (const track of given) track.stop();
    devices.present = ["mic1"];
    await media.adopt(new FakeStream(given) as unknown as MediaStream);
    await until("the word", () => heard().includes("error media_missing"));
    expect([media.isOn("microphone"), media.isOn("camera")]).toEqual([true, false]);
    expect([...media.tracks.values()].map(({ track }) => track.readyState)).toEqual(["live"]);
  });

  test("is looked for once, though the browser says several times that something has changed", async () => {
    const { media, heard } = local();
    await media.switch("camera", true, "cam2");
    heard();
    devices.unplug("cam2");
    for (let times = 0; times < 4; times++) devices.dispatchEvent(new Event("devicechange"));
    devices.opened[0]?.end();
    await until("the other camera", () => heard().includes("camera cam1"));
    await new Promise((resolve) => setImmediate(resolve));
    expect([devices.opened.length, heard()]).toEqual([2, []]);
  });

  test("is told from one whose name the browser keeps to itself, and from a list that cannot be read", async () => {
    const { media, heard } = local();
    await media.switch("camera", true);
    heard();
    devices.present = ["", ""];
    devices.dispatchEvent(new Event("devicechange"));
    devices.enumerateDevices = () => Promise.reject(new DOMException("", "InvalidStateError"));
    devices.dispatchEvent(new Event("devicechange"));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([devices.opened.length, heard(), media.isOn("camera")]).toEqual([1, [], true]);
  });

  test("that is not in use is of no concern", async () => {
    const { media, heard } = local();
    await media.switch("camera", true);
    heard();
    devices.unplug("cam2");
    devices.unplug("mic1");
    await media.switch("camera", true);
    expect([devices.opened.length, heard()]).toEqual([1, []]);
  });
});

test("a device that is allowed no more is off, and the person is told", async () => {
  const { media, heard } = local();
  await media.switch("microphone", true);
  devices.refuse = "NotAllowedError";
  devices.opened[0]?.end();
  await until("the word", () => heard().includes("error media_refused"));
  expect(media.isOn("microphone")).toBe(false);
});

test("a track of one's own that ends is off, and no device takes its place", async () => {
  const { media, heard } = local();
  const own = new FakeTrack("video", "canvas");
  await media.set("camera", own as unknown as MediaStreamTrack);
  own.end();
  await until("the end", () => heard().includes("camera -"));
  expect([media.isOn("camera"), media.camera, devices.opened.length]).toEqual([false, undefined, 0]);
});

describe("a screen", () => {
  test("is shared with its sound, for sharp text, and stopped", async () => {
    const { media, heard } = local();
    await media.share();
    expect(heard()).toEqual(["screen default", "screenAudio default"]);
    expect(devices.screens[0]?.getVideoTracks()[0]?.contentHint).toBe("detail");
    expect(media.screen).toBe(devices.screens[0]);
    await media.stopSharing();
    expect(heard()).toEqual(["screen -", "screenAudio -"]);
    expect(devices.screens[0]?.getTracks().map(({ readyState }) => readyState)).toEqual(["ended", "ended"]);
  });

  test("is stopped by the browser's own button too", async () => {
    const { media, heard } = local();
    await media.share();
    heard();
    devices.screens[0]?.getVideoTracks()[0]?.end();
    await until("the end", () => heard().includes("screen -"));
    expect(media.screen).toBeUndefined();
  });

  test("of one's own stays one's own to stop, and another takes its place", async () => {
    const { media, heard } = local();
    const own = new FakeStream([new FakeTrack("video", "own")]);
    await media.share(own as unknown as MediaStream);
    await media.share();
    expect(own.getTracks()[0]?.readyState).toBe("live");
    expect(heard().filter((line) => line.startsWith("screen "))).toEqual([
      "screen own",
      "screen -",
      "screen default",
    ]);
  });

  test("that is refused is an error, and nothing else", async () => {
    const { media, heard } = local();
    devices.refuse = "NotAllowedError";
    await expect(media.share()).rejects.toMatchObject({ code: "media_refused", fatal: false });
    expect(heard()).toEqual([]);
  });
});

test("what is allowed after everything was let go of is closed at once", async () => {
  const { media, heard } = local();
  let allow = () => {};
  devices.allowed = new Promise((resolve) => {
    allow = resolve;
  });
  const given = new FakeTrack("audio");
  const pending = [media.switch("camera", true), media.share()];
  // The browser asks.
  await new Promise((resolve) => setImmediate(resolve));
  pending.push(media.adopt(new FakeStream([given]) as unknown as MediaStream), media.switch("camera", true));
  media.stop();
  allow();
  await Promise.all(pending);
  expect(given.readyState).toBe("ended");
  expect(devices.screens[0]?.getTracks().map(({ readyState }) => readyState)).toEqual(["ended", "ended"]);
  expect(devices.opened.map(({ readyState }) => readyState)).toEqual(["ended"]);
  expect([heard(), media.camera, media.screen]).toEqual([[], undefined, undefined]);
});

test("a stream that is given away is stopped as a whole, though a call is left while only half of it is taken", async () => {
  let go = () => {};
  const sending = new Promise<void>((resolve) => {
    go = resolve;
  });
  const media = new LocalMedia({ sends: () => sending, changed: () => undefined, failed: () => undefined });
  const given = [new FakeTrack("audio"), new FakeTrack("video")];
  const adopted = media.adopt(new FakeStream(given) as unknown as MediaStream);
  await until("the microphone", () => media.isOn("microphone"));
  media.stop();
  go();
  await adopted;
  expect(given.map(({ readyState }) => readyState)).toEqual(["ended", "ended"]);
  expect(media.camera).toBeUndefined();
});

test("a stream that is given away is stopped at the end, a track that is lent is not", async () => {
  const { media } = local();
  const given = new FakeTrack("audio");
  const lent = new FakeTrack("video");
  await media.adopt(new FakeStream([given]) as unknown as MediaStream);
  await media.set("camera", lent as unknown as MediaStreamTrack);
  expect([...media.tracks.keys()]).toEqual(["microphone", "camera"]);
  media.stop();
  expect([given.readyState, lent.readyState]).toEqual(["ended", "live"]);
  expect(media.tracks.size).toBe(0);
});
