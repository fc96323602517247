import { act, fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import { StrictMode, useState } from "react";
import { describe, expect, it, vi } from "vitest";
import { Arbiter, type ArbiterProps } from "../src/index.ts";
import { machine, streamOf } from "./machine.ts";
import { ScriptedRoom } from "./scriptedRoom.ts";

/** In a call, with camera and microphone. */
async function inCall(props: Partial<ArbiterProps> = {}): Promise<ScriptedRoom> {
  render(
    <StrictMode>
      <Arbiter httpUrl="http://h" signalUrl="ws://s" path="/team" name="Ann" autoJoin {...props} />
    </StrictMode>,
  );
  await screen.findByLabelText("Video call");
  const room = ScriptedRoom.latest;
  room.calls.length = 0;
  return room;
}
const button = (name: string | RegExp) => screen.getByRole("button", { name });
const key = (pressed: string, target: Element = document.body) => fireEvent.keyDown(target, { key: pressed });
const tile = (id: string, kind = "person") =>
  document.querySelector(`[data-peer="${id}"][data-kind="${kind}"]`) as HTMLElement;
const announced = () => document.querySelector("[data-announcement]")?.textContent;

it("StrictMode joins once", async () => {
  await inCall();
  expect(ScriptedRoom.inCall).toBe(1);
});

describe("the bar", () => {
  it.each([
    ["Microphone", "m", "setMicrophone(false)"],
    ["Camera", "v", "setCamera(false)"],
    ["Share screen", "s", "shareScreen()"],
  ])("%s, by button and by %s", async (name, shortcut, call) => {
    const room = await inCall();
    fireEvent.click(button(name));
    await waitFor(() => expect(room.calls).toEqual([call]));
    await waitFor(() =>
      expect(button(name).getAttribute("aria-pressed")).toBe(name === "Share screen" ? "true" : "false"),
    );
    key(shortcut);
    await waitFor(() => expect(room.calls).toHaveLength(2));
    await waitFor(() =>
      expect(button(name).getAttribute("aria-pressed")).toBe(name === "Share screen" ? "false" : "true"),
    );
  });

  it("names the chosen device when a device is first used", async () => {
    localStorage.setItem("arbiter.devices", JSON.stringify({ audioinput: "mic-2" }));
    machine.errors.audio = "NotAllowedError";
    const room = await inCall();
    key("m");
    await waitFor(() => expect(room.calls).toEqual(["setMicrophone(true, mic-2)"]));
  });

  it("keys do nothing while somebody is typing, nor with a modifier, nor when the page around has the focus", async () => {
    const outside = document.body.appendChild(document.createElement("button"));
    const room = await inCall();
    key("c");
    key("m", screen.getByLabelText("Message"));
    fireEvent.keyDown(document.body, { key: "m", ctrlKey: true });
    outside.focus();
    key("m", outside);
    expect(room.calls).toEqual([]);
    outside.remove();
    screen.getByLabelText("Video call").focus();
    key("m", screen.getByLabelText("Video call"));
    await waitFor(() => expect(room.calls).toEqual(["setMicrophone(false)"]));
  });

  it("? lists the keys, i shows figures", async () => {
    await inCall();
    key("?");
    within(screen.getByRole("dialog", { name: "Keyboard shortcuts" })).getByText("Microphone on or off");
    key("i");
    await screen.findByText("42 ms");
    key("i");
    expect(screen.queryByText("42 ms")).toBeNull();
  });

  it("leaves, and comes back as muted as before", async () => {
    const onLeave = vi.fn();
    const room = await inCall({ onLeave });
    fireEvent.click(button("Microphone"));
    await waitFor(() => expect(room.self.features.audio).toBe(false));
    fireEvent.click(button("Leave"));
    await screen.findByText("You left the call");
    expect(onLeave).toHaveBeenCalledOnce();
    fireEvent.click(button("Rejoin"));
    await screen.findByLabelText("Video call");
    expect(room.joined?.getTracks().map((track) => track.kind)).toEqual(["video"]);
  });
});

describe("people", () => {
  it("have a tile with their name, their initials while the camera is off, and a sign when they are muted", async () => {
    const room = await inCall();
    act(() => room.comes("b", { features: { audio: false, video: false, name: "Ben Carter" } }));
    expect(tile("b").textContent).toContain("BC");
    within(tile("b")).getByText("Ben Carter");
    within(tile("b")).getByText("Microphone is off.");
    expect(tile("b").querySelector("video")).toBeNull();
    act(() =>
      room.comes("b", {
        features: { audio: true, video: true, name: "Ben Carter" },
        camera: streamOf("video"),
      }),
    );
    expect(tile("b").querySelector("video")).not.toBeNull();
    expect(within(tile("b")).queryByText("Microphone is off.")).toBeNull();
  });

  it("who speaks has a ring, who is cut off says so, the others do not", async () => {
    const room = await inCall();
    act(() => room.comes("b", { features: { audio: true, video: false, speaking: true } }));
    act(() => room.comes("c", { state: "reconnecting" }));
    expect(tile("b").className).toContain("arbiter-speaking");
    expect(tile("c").className).not.toContain("arbiter-speaking");
    within(tile("c")).getByText("Reconnecting…");
    expect(within(tile("b")).queryByText("Reconnecting…")).toBeNull();
  });

  it("one's own picture is mirrored, others' are not", async () => {
    const room = await inCall();
    act(() => room.comes("b", { features: { audio: true, video: true }, camera: streamOf("video") }));
    expect(tile("me").querySelector("video")?.className).toContain("arbiter-mirrored");
    expect(tile("b").querySelector("video")?.className).not.toContain("arbiter-mirrored");
  });

  it("a shared screen gets more place than any person, and is not cut", async () => {
    const room = await inCall();
    act(() => room.comes("b", { screen: streamOf("video") }));
    const area = (element: HTMLElement) =>
      Number.parseFloat(element.style.width) * Number.parseFloat(element.style.height);
    expect(area(tile("b", "screen"))).toBeGreaterThan(4 * area(tile("b")));
    expect(tile("b", "screen").querySelector("video")?.className).toContain("arbiter-whole");
    act(() => room.comes("b", { screen: undefined }));
    expect(tile("b", "screen")).toBeNull();
  });

  it("above sixteen, whoever speaks has a tile and the rest are counted, but all are heard", async () => {
    const room = await inCall();
    for (let at = 0; at < 20; at++) {
      const speaking = at === 19;
      act(() =>
        room.comes(`p${at}`, {
          features: { audio: true, video: false, speaking },
          camera: streamOf("audio"),
        }),
      );
    }
    expect(document.querySelectorAll(".arbiter-tile")).toHaveLength(16);
    screen.getByText("+6");
    expect(tile("me")).not.toBeNull();
    expect(tile("p19")).not.toBeNull();
    for (let at = 0; at < 20; at++)
      act(() => room.comes(`p${at}`, { features: { audio: true, video: false, speaking: true } }));
    expect(tile("me")).not.toBeNull();
    for (let at = 0; at < 20; at++) act(() => room.comes(`p${at}`, { camera: streamOf("audio") }));
    expect(document.querySelectorAll("audio")).toHaveLength(20);
  });

  it("sound that the browser blocks is one click away", async () => {
    machine.autoplay = false;
    const room = await inCall();
    const voice = streamOf("audio");
    act(() => room.comes("b", { camera: voice }));
    const unblock = await screen.findByRole("button", { name: "Turn on sound" });
    machine.autoplay = true;
    fireEvent.click(unblock);
    await waitFor(() => expect(machine.played).toContain(voice));
    expect(screen.queryByRole("button", { name: "Turn on sound" })).toBeNull();
  });

  it("alone, there is a link to invite with", async () => {
    const room = await inCall({ inviteUrl: "https://site.example/team" });
    const written = vi.fn(async () => {});
    Object.defineProperty(navigator, "clipboard", { configurable: true, value: { writeText: written } });
    fireEvent.click(button("Copy link"));
    await screen.findByText("Copied");
    expect(written).toHaveBeenCalledWith("https://site.example/team");
    act(() => room.comes("b"));
    expect(screen.queryByText("Copied")).toBeNull();
  });
});

it("another microphone is told to the room, another loudspeaker to every voice", async () => {
  const sinks: string[] = [];
  HTMLMediaElement.prototype.setSinkId = async (id: string) => void sinks.push(id);
  const room = await inCall();
  act(() => room.comes("b", { camera: streamOf("audio") }));
  const speaker = {
    kind: "audiooutput",
    deviceId: "out-2",
    label: "Desk speaker",
    groupId: "",
  } as MediaDeviceInfo;
  room.deviceList = [...machine.devices, speaker];
  // The list is read again when a device is switched: names come with the first permission.
  key("m");
  fireEvent.click(button("Settings"));
  fireEvent.change(await screen.findByRole("combobox", { name: "Microphone" }), {
    target: { value: "mic-2" },
  });
  await waitFor(() => expect(room.calls).toContain("selectDevice(audioinput, mic-2)"));
  fireEvent.change(screen.getByLabelText("Speaker"), { target: { value: "out-2" } });
  await waitFor(() => expect(sinks).toEqual(["out-2"]));
});

describe("the chat", () => {
  it("counts what is unread until it is open, and gives the focus back when it closes", async () => {
    const room = await inCall();
    act(() => room.comes("b", { features: { audio: true, video: false, name: "Ben" } }));
    act(() => room.say("b", "one"));
    act(() => room.say("b", "two"));
    const open = button("Chat, 2 unread");
    open.focus();
    fireEvent.click(open);
    expect(document.activeElement).toBe(screen.getByLabelText("Message"));
    await waitFor(() => expect(button("Chat")).toBeTruthy());
    act(() => room.say("b", "three"));
    expect(screen.queryByRole("button", { name: /unread/ })).toBeNull();
    fireEvent.keyDown(screen.getByLabelText("Message"), { key: "Escape" });
    expect(screen.queryByRole("dialog")).toBeNull();
    expect(document.activeElement).toBe(open);
  });

  it("Enter sends, Shift+Enter and the Enter of an input method do not, and nothing empty is sent", async () => {
    const room = await inCall();
    key("c");
    const input = screen.getByLabelText("Message") as HTMLTextAreaElement;
    fireEvent.keyDown(input, { key: "Enter" });
    fireEvent.change(input, { target: { value: " Hello " } });
    fireEvent.keyDown(input, { key: "Enter", shiftKey: true });
    fireEvent.keyDown(input, { key: "Enter", isComposing: true });
    expect(room.calls).toEqual([]);
    fireEvent.keyDown(input, { key: "Enter" });
    await waitFor(() => expect(room.calls).toEqual(["sendChat(Hello)"]));
    expect(input.value).toBe("");
    within(screen.getByRole("dialog")).getByText("You");
  });

  it("follows the newest message, unless the person has scrolled up", async () => {
    const room = await inCall();
    key("c");
    const list = document.querySelector(".arbiter-messages") as HTMLElement;
    Object.defineProperty(list, "scrollHeight", { configurable: true, value: 2000 });
    act(() => room.say("b", "one"));
    expect(list.scrollTop).toBe(2000);
    list.scrollTop = 300;
    fireEvent.scroll(list);
    act(() => room.say("b", "two"));
    expect(list.scrollTop).toBe(300);
  });
});

describe("what is told to those who do not see it", () => {
  it("who comes and goes, together and by name", async () => {
    const room = await inCall();
    vi.useFakeTimers();
    // The name arrives a little after the person.
    act(() => room.comes("b", { features: { audio: true, video: false } }));
    act(() => room.comes("b", { features: { audio: true, video: false, name: "Ben" } }));
    act(() => room.comes("c", { features: { audio: true, video: false, name: "Cem" } }));
    act(() => void vi.advanceTimersByTime(1000));
    expect(announced()).toBe("Ben and Cem joined.");
    act(() => room.goes("b"));
    act(() => void vi.advanceTimersByTime(1000));
    expect(announced()).toBe("Ben left.");
  });

  it("messages, and an interruption that lasts", async () => {
    const room = await inCall();
    vi.useFakeTimers();
    act(() => room.comes("b", { features: { audio: true, video: false, name: "Ben" } }));
    act(() => room.say("b", "hello"));
    expect(announced()).toBe("Ben says: hello");
    act(() => room.become("reconnecting"));
    expect(announced()).toBe("Ben says: hello");
    expect(screen.queryByText("Connection lost. Reconnecting…")).toBeNull();
    act(() => void vi.advanceTimersByTime(1_000));
    expect(announced()).toMatch(/Reconnecting/);
    screen.getByText("Connection lost. Reconnecting…");
    const said = [...screen.getAllByRole("status"), ...screen.queryAllByRole("alert")];
    expect(said.filter((element) => element.textContent?.includes("Reconnecting"))).toHaveLength(1);
    act(() => room.become("joined"));
    expect(announced()).toBe("Connected again.");
  });
});

describe("what goes wrong without ending the call", () => {
  it("is a notice that can be closed", async () => {
    const room = await inCall();
    act(() => void room.fail({ code: "media_busy", message: "x", fatal: false }));
    expect(screen.getByRole("alert").textContent).toMatch(/another program/i);
    fireEvent.click(button("Dismiss"));
    expect(screen.queryByRole("alert")).toBeNull();
  });

  it("joining at once without a camera says why, in the call", async () => {
    machine.errors.video = "NotFoundError";
    await inCall();
    expect(screen.getByRole("alert").textContent).toMatch(/no camera found/i);
  });
});

it("a call that the page's own code leaves is a call that was left", async () => {
  const onLeave = vi.fn();
  const room = await inCall({ onLeave });
  await act(() => room.leave());
  await screen.findByText("You left the call");
  expect(onLeave).toHaveBeenCalledOnce();
});

/** A page that renders again for every error, with new callbacks each time. */
function Restless({ errors, rooms }: { errors: string[]; rooms: unknown[] }) {
  const [, again] = useState(0);
  const onError = ({ code }: { code: string }) => {
    errors.push(code);
    if (errors.length < 10) again(errors.length);
  };
  const onRoom = (room: unknown) => rooms.push(room);
  return <Arbiter httpUrl="http://h" signalUrl="ws://s" path="/team" autoJoin {...{ onError, onRoom }} />;
}

it("callbacks that the page makes anew with each render are called once for each thing that happens", async () => {
  const errors: string[] = [];
  const rooms: unknown[] = [];
  render(<Restless {...{ errors, rooms }} />);
  await screen.findByLabelText("Video call");
  act(() => void ScriptedRoom.latest.fail({ code: "media_busy", message: "x", fatal: false }));
  expect(errors).toEqual(["media_busy"]);
  expect(rooms).toEqual([ScriptedRoom.latest]);
});

it("the theme is the page's to choose", async () => {
  await inCall({ theme: "dark" });
  expect(document.querySelector(".arbiter")?.getAttribute("data-theme")).toBe("dark");
});
