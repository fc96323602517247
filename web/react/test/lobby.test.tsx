import { act, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { describe, expect, it, vi } from "vitest";
import { Arbiter, type ArbiterProps } from "../src/index.ts";
import { adviceFor } from "../src/media/problems.ts";
import { machine } from "./machine.ts";
import { ScriptedRoom } from "./scriptedRoom.ts";

function open(props: Partial<ArbiterProps> = {}) {
  return render(<Arbiter httpUrl="http://h" signalUrl="ws://s" path="/team" {...props} />);
}
const button = (name: string | RegExp) => screen.getByRole("button", { name });
const pressed = (name: string) => button(name).getAttribute("aria-pressed");
const live = () => machine.tracks.filter((track) => track.readyState === "live").map((track) => track.kind);

describe("what is said about camera and microphone", () => {
  it.each([
    [{ audio: "refused", video: "refused" }, /camera and microphone are blocked/i, /address bar/],
    [{ video: "refused" }, /^camera is blocked/i, /address bar/],
    [{ audio: "refused" }, /^microphone is blocked/i, /address bar/],
    [{ audio: "missing", video: "missing" }, /no camera and no microphone found/i, /join without/],
    [{ video: "missing" }, /no camera found/i, /others will hear you/i],
    [{ audio: "missing" }, /no microphone found/i, /others will see you/i],
    [{ video: "busy" }, /camera is in use/i, /another program/i],
    [{ audio: "busy", video: "busy" }, /camera and microphone are in use/i, /close it/i],
    [{ audio: "insecure", video: "insecure" }, /need a secure page/i, /https/],
    [
      { audio: "missing", video: "refused" },
      /no camera and no microphone/i,
      /address bar.*connect a microphone/is,
    ],
  ] as const)("%j", (problems, title, text) => {
    const advice = adviceFor(problems);
    expect(advice?.title).toMatch(title);
    expect(advice?.text).toMatch(text);
  });

  it("is nothing when all is well", () => {
    expect(adviceFor({})).toBeUndefined();
  });
});

describe("the lobby", () => {
  it("shows the camera and names the devices", async () => {
    open();
    await screen.findByLabelText("Your camera");
    await screen.findByRole("option", { name: "Desk camera" });
    expect(screen.getByRole("option", { name: "Headset" })).toBeTruthy();
    expect([pressed("Microphone"), pressed("Camera")]).toEqual(["true", "true"]);
  });

  it("joins without camera and microphone when they are refused, and says what to do", async () => {
    machine.errors = { audio: "NotAllowedError", video: "NotAllowedError" };
    open();
    expect((await screen.findByRole("alert")).textContent).toMatch(/blocked.*address bar/is);
    fireEvent.click(button("Join without camera and microphone"));
    await waitFor(() => expect(ScriptedRoom.latest.state).toBe("joined"));
    expect(ScriptedRoom.latest.joined).toBeUndefined();
  });

  it("tries again when asked to", async () => {
    machine.errors.video = "NotReadableError";
    open();
    await screen.findByRole("alert");
    machine.errors = {};
    fireEvent.click(button("Try again"));
    await screen.findByLabelText("Your camera");
    expect(screen.queryByRole("alert")).toBeNull();
  });

  it("joins with what is on, and nothing else stays open", async () => {
    open();
    await screen.findByLabelText("Your camera");
    fireEvent.click(button("Camera"));
    expect(pressed("Camera")).toBe("false");
    fireEvent.click(button("Join"));
    await waitFor(() =>
      expect(ScriptedRoom.latest.joined?.getTracks().map((track) => track.kind)).toEqual(["audio"]),
    );
    expect(live()).toEqual(["audio"]);
  });

  it("keeps the name for the next time", async () => {
    const first = open();
    fireEvent.change(screen.getByLabelText("Your name"), { target: { value: "Ann" } });
    fireEvent.click(button("Join"));
    await waitFor(() => expect(ScriptedRoom.latest.self.features.name).toBe("Ann"));
    first.unmount();
    open();
    expect((screen.getByLabelText("Your name") as HTMLInputElement).value).toBe("Ann");
  });

  it("lets go of the camera when the component goes", async () => {
    const { unmount } = open();
    await screen.findByLabelText("Your camera");
    unmount();
    expect(live()).toEqual([]);
  });
});

describe("joining", () => {
  it("says what is being waited for, and can be called off", async () => {
    open({ autoJoin: true });
    const room = ScriptedRoom.latest;
    room.onJoin = () => new Promise(() => {});
    await waitFor(() => expect(room.calls).toContain("join()"));
    act(() => room.become("finding"));
    screen.getByText("Finding the room");
    act(() => room.become("starting"));
    screen.getByText("Starting a room");
    screen.getByText("This takes up to a minute the first time.");
    fireEvent.click(button("Cancel"));
    await screen.findByText("Ready to join?");
    expect(room.calls.at(-1)).toBe("leave()");
  });

  it("called off while the browser asks for the camera, joins no more and keeps nothing open", async () => {
    let answer = () => {};
    machine.prompt = new Promise((resolve) => {
      answer = resolve;
    });
    open({ autoJoin: true });
    await screen.findByText(/Your browser asks/);
    fireEvent.click(button("Cancel"));
    machine.prompt = undefined;
    await act(async () => answer());
    await screen.findByLabelText("Your camera");
    expect(ScriptedRoom.latest.calls).not.toContain("join()");
    expect(live()).toEqual(["audio", "video"]);
  });

  it("called off and joined again while the browser asks, joins once, with what was asked for once", async () => {
    let answer = () => {};
    machine.prompt = new Promise((resolve) => {
      answer = resolve;
    });
    open();
    fireEvent.click(button("Join"));
    fireEvent.click(button("Cancel"));
    fireEvent.click(button("Join"));
    await act(async () => answer());
    await screen.findByLabelText("Video call");
    const room = ScriptedRoom.latest;
    expect(room.calls.filter((call) => call === "join()")).toHaveLength(1);
    expect(room.joined?.getTracks().map((track) => track.readyState)).toEqual(["live", "live"]);
    expect(machine.tracks).toHaveLength(2);
  });

  it("the lobby after joining at once was called off has a picture, and lets go of it", async () => {
    const { unmount } = open({ autoJoin: true });
    expect(screen.queryByText("Ready to join?")).toBeNull();
    const room = ScriptedRoom.latest;
    room.onJoin = () => new Promise(() => {});
    await waitFor(() => expect(room.calls).toContain("join()"));
    fireEvent.click(button("Cancel"));
    await screen.findByLabelText("Your camera");
    expect(live()).toEqual(["audio", "video"]);
    unmount();
    expect(live()).toEqual([]);
  });

  it("a failure lets go of camera and microphone, still says why, and trying again asks for them anew", async () => {
    const onLeave = vi.fn();
    open({ autoJoin: true, onLeave });
    await screen.findByLabelText("Video call");
    const room = ScriptedRoom.latest;
    act(() => void room.fail({ code: "media_failed", message: "x", fatal: true }));
    await waitFor(() => expect(room.state).toBe("idle"));
    expect(live()).toEqual([]);
    screen.getByText("No sound and picture came through");
    expect(document.querySelector(".arbiter")?.getAttribute("data-state")).toBe("failed");
    expect(onLeave).not.toHaveBeenCalled();
    fireEvent.click(button("Try again"));
    await screen.findByLabelText("Video call");
    expect(live()).toEqual(["audio", "video"]);
    expect(room.joined?.getTracks()).toHaveLength(2);
  });

  it("a failure lets go of what came in with a joining that never succeeded", async () => {
    open({ autoJoin: true });
    const room = ScriptedRoom.latest;
    room.onJoin = () => {
      throw room.fail({ code: "no_room", message: "x", fatal: true });
    };
    await screen.findByText("No room is free");
    await waitFor(() => expect(live()).toEqual([]));
    screen.getByText("No room is free");
  });

  it("a failure is told in words, and can be tried again", async () => {
    const onError = vi.fn();
    open({ autoJoin: true, onError });
    const room = ScriptedRoom.latest;
    room.onJoin = () => {
      throw room.fail({ code: "no_room", message: "x", fatal: true });
    };
    await screen.findByText("No room is free");
    expect(onError).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: "no_room" }));
    room.onJoin = () => room.become("joined");
    fireEvent.click(button("Try again"));
    await screen.findByLabelText("Video call");
  });

  it.each([
    ["no_room", "No room is free"],
    ["start_failed", "The room did not start"],
    ["unreachable", "No connection"],
    ["media_failed", "No sound and picture came through"],
    ["replaced", "You joined somewhere else"],
    ["peer_in_use", "You are already in this call"],
    ["unauthorized", "You may not join this call"],
    ["room_closed", "The room has closed"],
  ])("%s is %j", async (code, title) => {
    open({ autoJoin: true });
    await waitFor(() => expect(ScriptedRoom.latest.state).toBe("joined"));
    act(() => void ScriptedRoom.latest.fail({ code, message: "x", fatal: true }));
    expect((await screen.findByRole("alert")).textContent).toContain(title);
  });
});
