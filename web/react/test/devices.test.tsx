import { act, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { Arbiter, type ArbiterProps } from "../src/index.ts";
import { LocalMedia } from "../src/media/localMedia.ts";
import { machine, streamOf } from "./machine.ts";
import { ScriptedRoom } from "./scriptedRoom.ts";

const open = (props: Partial<ArbiterProps> = {}) =>
  render(<Arbiter httpUrl="http://h" signalUrl="ws://s" path="/a" {...props} />);
const button = (name: string | RegExp) => screen.getByRole("button", { name });
const pressed = (name: string) => button(name).getAttribute("aria-pressed");
const options = (label: string) =>
  [...(screen.getByRole("combobox", { name: label }) as HTMLSelectElement).options].map(({ text }) => text);
const live = () =>
  machine.tracks.filter(({ readyState }) => readyState === "live").map(({ deviceId }) => deviceId);
const happens = (what: () => void) =>
  act(async () => {
    what();
    await new Promise((resolve) => setTimeout(resolve, 20));
  });
const changed = () => machine.changes.dispatchEvent(new Event("devicechange"));
const joinedWith = () =>
  ScriptedRoom.latest.joined?.getTracks().map(({ kind, readyState }) => `${kind} ${readyState}`);
/** The browser asks the person, until the function that comes back is called. */
function prompt(): () => void {
  let answer = () => {};
  machine.prompt = new Promise((resolve) => {
    answer = resolve;
  });
  return () => {
    machine.prompt = undefined;
    answer();
  };
}

describe("in the lobby", () => {
  it("a camera that comes where there was none is used, and listed, and nobody has to ask", async () => {
    machine.unplug("cam-1", "cam-2");
    open();
    expect((await screen.findByRole("alert")).textContent).toMatch(/No camera found.*Connect a camera/);
    await happens(() => machine.plug("videoinput", "cam-3", "New camera"));
    screen.getByLabelText("Your camera");
    expect(screen.queryByRole("alert")).toBeNull();
    expect(options("Camera")).toEqual(["New camera"]);
    expect(live()).toEqual(["mic-1", "cam-3"]);
  });

  it("microphone and camera come one after the other", async () => {
    machine.devices = [];
    open();
    expect((await screen.findByRole("alert")).textContent).toMatch(/No camera and no microphone found/);
    await happens(() => machine.plug("audioinput", "mic-3", "New microphone"));
    expect(screen.getByRole("alert").textContent).toMatch(/No camera found.*hear you/);
    expect([pressed("Microphone"), pressed("Camera")]).toEqual(["true", "false"]);
    await happens(() => machine.plug("videoinput", "cam-3", "New camera"));
    expect(live()).toEqual(["mic-3", "cam-3"]);
  });

  it.each([
    ["whose track the browser ends", (...ids: string[]) => machine.unplug(...ids)],
    [
      "of which only the list tells",
      (...ids: string[]) => {
        machine.devices = machine.devices.filter(({ deviceId }) => !ids.includes(deviceId));
        changed();
      },
    ],
  ])("a device that goes, %s, gives way to another, and then to none", async (_, unplug) => {
    open();
    await screen.findByLabelText("Your camera");
    await happens(() => unplug("cam-1"));
    screen.getByLabelText("Your camera");
    expect([live(), options("Camera")]).toEqual([["mic-1", "cam-2"], ["Desk camera"]]);
    await happens(() => unplug("mic-1"));
    expect([live(), options("Microphone")]).toEqual([["cam-2", "mic-2"], ["Headset"]]);
    await happens(() => unplug("cam-2"));
    expect(screen.getByRole("alert").textContent).toMatch(/No camera found/);
    expect([pressed("Microphone"), pressed("Camera")]).toEqual(["true", "false"]);
    expect(screen.queryByLabelText("Your camera")).toBeNull();
    fireEvent.click(button("Join"));
    await screen.findByLabelText("Video call");
    expect(joinedWith()).toEqual(["audio live"]);
  });

  it("the chosen one goes: another does, and the choice is kept for its return", async () => {
    open();
    await screen.findByLabelText("Your camera");
    fireEvent.change(screen.getByRole("combobox", { name: "Camera" }), { target: { value: "cam-2" } });
    await waitFor(() => expect(live()).toEqual(["mic-1", "cam-2"]));
    await happens(() => machine.unplug("cam-2"));
    expect(live()).toEqual(["mic-1", "cam-1"]);
    await happens(() => machine.plug("videoinput", "cam-2", "Desk camera"));
    // What works is not taken away.
    expect([live(), options("Camera")]).toEqual([
      ["mic-1", "cam-1"],
      ["Built-in camera", "Desk camera"],
    ]);
    expect(JSON.parse(localStorage.getItem("arbiter.devices") ?? "")).toEqual({ videoinput: "cam-2" });
  });

  it("a camera that was chosen last time and is gone does not cost the chosen microphone", async () => {
    localStorage.setItem("arbiter.devices", JSON.stringify({ audioinput: "mic-2", videoinput: "cam-9" }));
    open();
    await screen.findByLabelText("Your camera");
    expect(live()).toEqual(["mic-2", "cam-1"]);
    expect(machine.asked).toEqual(["audio=mic-2+video=cam-9", "audio=mic-2+video"]);
  });

  it("a track that ends by itself, as what it comes from is allowed no more, is off, and it says why", async () => {
    open();
    await screen.findByLabelText("Your camera");
    await happens(() => {
      machine.permit("camera", "denied");
      machine.tracks.find(({ kind }) => kind === "video")?.end();
    });
    expect(screen.getByRole("alert").textContent).toMatch(/Camera is blocked/);
    expect([pressed("Camera"), live()]).toEqual(["false", ["mic-1"]]);
    fireEvent.click(button("Join"));
    await screen.findByLabelText("Video call");
    expect(joinedWith()).toEqual(["audio live"]);
  });

  it("a burst of changes is looked into once, and once more for what came meanwhile", async () => {
    machine.unplug("cam-1", "cam-2");
    open();
    await screen.findByRole("alert");
    machine.asked = [];
    await happens(() => {
      for (let times = 0; times < 10; times++) changed();
    });
    expect(machine.asked).toEqual(["video"]);
    const answer = prompt();
    await happens(changed);
    await happens(() => {
      for (let times = 0; times < 10; times++) changed();
      machine.plug("videoinput", "cam-3", "New camera");
    });
    await happens(answer);
    expect(live()).toEqual(["mic-1", "cam-3"]);
    expect(machine.asked).toEqual(["video", "video"]);
  });

  it("what comes while the browser asks is listed at once, and used when the answer has been given", async () => {
    machine.unplug("cam-1", "cam-2");
    localStorage.setItem("arbiter.devices", JSON.stringify({ audioinput: "mic-2" }));
    const answer = prompt();
    open();
    await happens(() => {});
    await happens(() => machine.plug("audiooutput", "out-1", "Speaker"));
    await happens(() => machine.plug("videoinput", "cam-3", "New camera"));
    expect(options("Camera")).toEqual(["New camera"]);
    await happens(answer);
    screen.getByLabelText("Your camera");
    expect(live()).toEqual(["mic-2", "cam-3"]);
  });

  it("what the person has switched off is not switched on by a device that comes", async () => {
    machine.unplug("cam-1", "cam-2");
    open();
    await screen.findByRole("alert");
    fireEvent.click(button("Camera"));
    fireEvent.click(button("Camera"));
    await happens(() => machine.plug("videoinput", "cam-3", "New camera"));
    expect([pressed("Camera"), live()]).toEqual(["false", ["mic-1"]]);
  });

  it("a list without ids, or that cannot be read, is no device that went", async () => {
    open();
    await screen.findByLabelText("Your camera");
    const tracks = live();
    machine.devices = machine.devices.map((one) => ({ ...one, deviceId: "", label: "" }));
    await happens(changed);
    Object.assign(navigator.mediaDevices, { enumerateDevices: () => Promise.reject(new Error("no")) });
    await happens(changed);
    expect([live(), machine.tracks.length]).toEqual([tracks, 2]);
  });

  it("of two lists that arrive out of order the newer one is shown", async () => {
    open();
    await screen.findByLabelText("Your camera");
    const { mediaDevices } = navigator;
    const { enumerateDevices } = mediaDevices;
    const stale = machine.devices;
    const late: (() => void)[] = [];
    mediaDevices.enumerateDevices = () =>
      new Promise((resolve) => {
        late.push(() => resolve(stale));
      });
    await happens(changed);
    mediaDevices.enumerateDevices = enumerateDevices;
    await happens(() => machine.plug("videoinput", "cam-3", "New camera"));
    expect(options("Camera")).toContain("New camera");
    await happens(() => {
      mediaDevices.enumerateDevices = () => new Promise(() => {});
      for (const resolve of late) resolve();
    });
    expect(options("Camera")).toContain("New camera");
  });

  it.each(["closes", "hands over"])(
    "a list that comes after the lobby %s leads to no question",
    async (how) => {
      machine.unplug("cam-1", "cam-2");
      const { unmount } = open();
      await screen.findByRole("alert");
      const list = machine.devices;
      let late = () => {};
      navigator.mediaDevices.enumerateDevices = () =>
        new Promise((resolve) => {
          late = () => resolve(list);
        });
      const media = new LocalMedia();
      media.set("video", false);
      machine.asked = [];
      await happens(changed);
      if (how === "closes") unmount();
      else fireEvent.click(button("Join"));
      await happens(() => machine.plug("videoinput", "cam-3", "New camera"));
      await happens(() => late());
      expect(machine.asked).toEqual([]);
    },
  );

  it("Join waits for the device that takes the place of one that has just gone", async () => {
    open();
    await screen.findByLabelText("Your camera");
    const answer = prompt();
    await happens(() => machine.unplug("cam-1"));
    fireEvent.click(button("Join"));
    await happens(answer);
    await screen.findByLabelText("Video call");
    expect(joinedWith()).toEqual(["audio live", "video live"]);
    expect(live()).toEqual(["mic-1", "cam-2"]);
  });

  it("a device that comes after a call has taken what there was is the call's to use", async () => {
    machine.unplug("cam-1", "cam-2");
    open();
    await screen.findByRole("alert");
    fireEvent.click(button("Join"));
    await screen.findByLabelText("Video call");
    machine.asked = [];
    await happens(() => machine.plug("videoinput", "cam-3", "New camera"));
    await happens(() => machine.permit("camera", "granted"));
    expect([machine.asked, live()]).toEqual([[], ["mic-1"]]);
  });

  it("nothing is followed after the lobby has closed", async () => {
    machine.unplug("cam-1", "cam-2");
    const { unmount } = open();
    await screen.findByRole("alert");
    unmount();
    machine.asked = [];
    await happens(() => machine.plug("videoinput", "cam-3", "New camera"));
    expect([machine.asked, live()]).toEqual([[], []]);
  });
});

describe("what the person allows in the browser's settings", () => {
  beforeEach(() => {
    machine.permit("camera", "denied");
    machine.permit("microphone", "denied");
  });

  it("is taken without a click, and only that", async () => {
    open();
    expect((await screen.findByRole("alert")).textContent).toMatch(/Camera and microphone are blocked/);
    await happens(() => machine.permit("microphone", "granted"));
    expect(screen.getByRole("alert").textContent).toMatch(/Camera is blocked/);
    expect(live()).toEqual(["mic-1"]);
    await happens(() => machine.permit("camera", "granted"));
    screen.getByLabelText("Your camera");
    expect([screen.queryByRole("alert"), live()]).toEqual([null, ["mic-1", "cam-1"]]);
  });

  it("is not asked for by itself when the browser would only ask again", async () => {
    open();
    await screen.findByRole("alert");
    machine.asked = [];
    await happens(() => machine.permit("camera", "prompt"));
    expect(machine.asked).toEqual([]);
    fireEvent.click(button("Try again"));
    await screen.findByLabelText("Your camera");
  });

  it("is not taken when it has been switched off meanwhile", async () => {
    open();
    await screen.findByRole("alert");
    fireEvent.click(button("Camera"));
    fireEvent.click(button("Camera"));
    await happens(() => machine.permit("camera", "granted"));
    expect(live()).toEqual([]);
  });

  it.each([
    ["has no such list", undefined],
    ["does not know the names", { query: () => Promise.reject(new TypeError("camera")) }],
    [
      "throws",
      {
        query: () => {
          throw new TypeError("camera");
        },
      },
    ],
    ["tells no changes", { query: async () => ({ state: "denied" }) }],
  ])("is had by trying again in a browser that %s", async (_, permissions) => {
    Object.defineProperty(navigator, "permissions", { configurable: true, value: permissions });
    open();
    await screen.findByRole("alert");
    machine.errors = {};
    fireEvent.click(button("Try again"));
    await screen.findByLabelText("Your camera");
    expect(live()).toEqual(["mic-1", "cam-1"]);
  });

  it("is no concern of a lobby that has closed", async () => {
    const { unmount } = open();
    await screen.findByRole("alert");
    unmount();
    machine.asked = [];
    await happens(() => machine.permit("camera", "granted"));
    expect(machine.asked).toEqual([]);
  });
});

describe("in a call", () => {
  /** In a call, with the settings open. */
  async function inCall(): Promise<ScriptedRoom> {
    open({ autoJoin: true });
    await screen.findByLabelText("Video call");
    const room = ScriptedRoom.latest;
    room.deviceList = [...machine.devices, device("audiooutput", "out-1"), device("audiooutput", "out-2")];
    fireEvent.click(button("Settings"));
    await happens(changed);
    return room;
  }
  const device = (kind: MediaDeviceKind, deviceId: string): MediaDeviceInfo => ({
    kind,
    deviceId,
    label: deviceId,
    groupId: "",
    toJSON: () => ({}),
  });

  it("the lists are those of now, also when two arrive out of order", async () => {
    HTMLMediaElement.prototype.setSinkId = async () => {};
    const room = await inCall();
    expect(options("Speaker")).toEqual(["out-1", "out-2"]);
    const stale = room.deviceList;
    let late = () => {};
    vi.spyOn(room, "devices").mockImplementationOnce(
      () =>
        new Promise((resolve) => {
          late = () => resolve(stale);
        }),
    );
    await happens(changed);
    room.deviceList = room.deviceList.filter(({ deviceId }) => deviceId !== "out-2");
    await happens(changed);
    await happens(late);
    expect(options("Speaker")).toEqual(["out-1"]);
  });

  it("a loudspeaker that goes leaves the browser's choice, and is used again when it is back", async () => {
    const sinks: string[] = [];
    HTMLMediaElement.prototype.setSinkId = async function (this: HTMLMediaElement, id: string) {
      sinks.push(id);
      Object.defineProperty(this, "sinkId", { configurable: true, value: id });
    };
    const room = await inCall();
    act(() => room.comes("b", { camera: streamOf("audio") }));
    fireEvent.change(screen.getByRole("combobox", { name: "Speaker" }), { target: { value: "out-2" } });
    await waitFor(() => expect(sinks).toEqual(["out-2"]));
    const all = room.deviceList;
    room.deviceList = all.filter(({ deviceId }) => deviceId !== "out-2");
    await happens(changed);
    expect(sinks).toEqual(["out-2", ""]);
    room.deviceList = all;
    await happens(changed);
    expect(sinks).toEqual(["out-2", "", "out-2"]);
  });

  it("what was missing when it was joined is to be turned on, and there is nothing to join without", async () => {
    machine.unplug("cam-1", "cam-2");
    open({ autoJoin: true });
    await screen.findByLabelText("Video call");
    const { textContent } = screen.getByRole("alert");
    expect(textContent).toMatch(/No camera found\. Connect a camera, and turn it on/);
    expect(textContent).not.toMatch(/join/);
  });

  it("without a secure page a device that is turned on says so", async () => {
    Object.defineProperty(navigator, "mediaDevices", { configurable: true, value: undefined });
    open();
    expect((await screen.findByRole("alert")).textContent).toMatch(/need a secure page.*https/);
    fireEvent.click(button("Join without camera and microphone"));
    await screen.findByLabelText("Video call");
    act(() => void ScriptedRoom.latest.fail({ code: "media_refused", message: "x", fatal: false }));
    const told = screen.getAllByRole("alert").map(({ textContent }) => textContent);
    expect(told).toEqual([expect.stringMatching(/https only/), expect.stringMatching(/https only/)]);
  });
});

it("what ends while the browser asks for the rest is not handed over: another takes its place", async () => {
  const media = new LocalMedia();
  media.set("video", false);
  await media.start();
  const answer = prompt();
  media.prefer({ audio: true, video: true });
  const taken = media.take();
  await happens(() => {});
  await happens(() => machine.unplug("mic-1"));
  answer();
  const stream = await taken;
  expect(stream?.getTracks().map(({ kind, readyState }) => `${kind} ${readyState}`)).toEqual([
    "video live",
    "audio live",
  ]);
  await happens(() => {});
  expect(live()).toEqual(["cam-1", "mic-2"]);
});

it("what is allowed while a call waits for the rest is the call's to use", async () => {
  machine.permit("camera", "denied");
  machine.permissions.microphone = "granted";
  const media = new LocalMedia();
  await media.start();
  expect(media.snapshot().problems).toEqual({ video: "refused" });
  media.set("audio", false);
  const answer = prompt();
  media.set("audio", true);
  await happens(() => {});
  const taken = media.take();
  machine.permit("camera", "granted");
  machine.asked = [];
  answer();
  expect((await taken)?.getTracks()).toHaveLength(1);
  await happens(() => {});
  expect([machine.asked, live()]).toEqual([[], ["mic-1"]]);
});

it("what is called off stops at once what there was, and what is still to come", async () => {
  const media = new LocalMedia();
  media.set("video", false);
  await media.start();
  const answer = prompt();
  media.set("video", true);
  await happens(() => {});
  const attempt = new AbortController();
  const taken = media.take(attempt.signal);
  await happens(() => attempt.abort());
  expect(live()).toEqual([]);
  answer();
  expect(await taken).toBeUndefined();
  await happens(() => {});
  expect([live(), machine.tracks.length]).toEqual([[], 2]);
});
