import { act, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { Fragment, StrictMode } from "react";
import { describe, expect, it } from "vitest";
import { Arbiter, type ArbiterProps } from "../src/index.ts";
import { machine } from "./machine.ts";
import { ScriptedRoom } from "./scriptedRoom.ts";

function open(first: Partial<ArbiterProps> = {}, Mode = StrictMode) {
  const page = (props: Partial<ArbiterProps>) => (
    <Mode>
      <Arbiter httpUrl="http://h" signalUrl="ws://s" {...props} />
    </Mode>
  );
  const { rerender } = render(page(first));
  return (props: Partial<ArbiterProps>) => rerender(page(props));
}
const button = (name: string) => screen.getByRole("button", { name });
const kinds = (room: ScriptedRoom) => room.joined?.getTracks().map((track) => track.kind);
const liveTracks = () => machine.tracks.filter((track) => track.readyState === "live");

describe("another call", () => {
  it("begins in its lobby, and the old one is left", async () => {
    const change = open({ path: "/a" });
    fireEvent.click(button("Join"));
    await screen.findByLabelText("Video call");
    const first = ScriptedRoom.latest;
    change({ path: "/b" });
    await screen.findByText("Ready to join?");
    screen.getByText("/b");
    await screen.findByLabelText("Your camera");
    await waitFor(() => expect(first.state).toBe("idle"));
    expect(liveTracks()).toHaveLength(2);
  });

  it.each([
    { path: "/b" },
    { path: "/a", httpUrl: "http://other" },
    { path: "/a", signalUrl: "ws://other" },
    { path: "/a", exactPath: true },
  ])("is joined at once with autoJoin: %j", async (other) => {
    const change = open({ path: "/a", autoJoin: true });
    await screen.findByLabelText("Video call");
    const first = ScriptedRoom.latest;
    change({ ...other, autoJoin: true });
    await waitFor(() => expect(first.state).toBe("idle"));
    await screen.findByLabelText("Video call");
    expect(ScriptedRoom.latest).not.toBe(first);
    expect(ScriptedRoom.inCall).toBe(1);
    expect(kinds(ScriptedRoom.latest)).toEqual(["audio", "video"]);
  });

  it("is not one that was left", async () => {
    const change = open({ path: "/a", autoJoin: true });
    await screen.findByLabelText("Video call");
    fireEvent.click(button("Leave"));
    await screen.findByText("You left the call");
    change({ path: "/b" });
    await screen.findByText("Ready to join?");
  });

  it("is what the page's new address means when there is no path", async () => {
    history.pushState(null, "", "/one");
    const change = open();
    screen.getByText("/one");
    fireEvent.click(button("Join"));
    await screen.findByLabelText("Video call");
    history.pushState(null, "", "/two");
    change({});
    await screen.findByText("/two");
  });

  it("finds whoever was muted in the one before still muted", async () => {
    const change = open({ path: "/a", autoJoin: true });
    await screen.findByLabelText("Video call");
    const first = ScriptedRoom.latest;
    fireEvent.click(button("Microphone"));
    await waitFor(() => expect(first.self.features.audio).toBe(false));
    change({ path: "/b", autoJoin: true });
    await waitFor(() => expect(ScriptedRoom.latest.path).toBe("/b"));
    await screen.findByLabelText("Video call");
    expect(kinds(ScriptedRoom.latest)).toEqual(["video"]);
  });

  it("has the picture in its lobby that the browser was asked for by the one before", async () => {
    let answer = () => {};
    machine.prompt = new Promise((resolve) => {
      answer = resolve;
    });
    // StrictMode would close and open the lobby once more.
    const change = open({ path: "/a", autoJoin: true }, Fragment);
    await screen.findByText(/Your browser asks/);
    change({ path: "/b" });
    screen.getByText("Ready to join?");
    await act(async () => answer());
    await screen.findByLabelText("Your camera");
    expect(liveTracks()).toHaveLength(2);
    expect(machine.asked).toEqual(["audio+video"]);
    expect(ScriptedRoom.made.flatMap((room) => room.calls)).not.toContain("join()");
  });
});

describe("the name of the page", () => {
  it("is followed when it comes later", async () => {
    const change = open({ path: "/a", autoJoin: true });
    await screen.findByLabelText("Video call");
    const room = ScriptedRoom.latest;
    change({ path: "/a", autoJoin: true, name: "Ann" });
    await waitFor(() => expect(room.self.features.name).toBe("Ann"));
    // Passing through the field is no choice of a name.
    fireEvent.click(button("Settings"));
    fireEvent.blur(screen.getByLabelText("Your name"));
    change({ path: "/a", autoJoin: true, name: "Anna" });
    await waitFor(() => expect(room.self.features.name).toBe("Anna"));
    expect((screen.getByLabelText("Your name") as HTMLInputElement).value).toBe("Anna");
  });

  it("gives way to what the person has typed, in the lobby or in the call", async () => {
    const change = open({ path: "/a", name: "Ann" });
    fireEvent.change(screen.getByLabelText("Your name"), { target: { value: "Ben" } });
    change({ path: "/a", name: "Anna" });
    fireEvent.click(button("Join"));
    await screen.findByLabelText("Video call");
    const room = ScriptedRoom.latest;
    expect(room.self.features.name).toBe("Ben");
    fireEvent.click(button("Settings"));
    fireEvent.change(screen.getByLabelText("Your name"), { target: { value: "Cem" } });
    fireEvent.keyDown(screen.getByLabelText("Your name"), { key: "Enter" });
    await waitFor(() => expect(room.self.features.name).toBe("Cem"));
    change({ path: "/a", name: "Dora" });
    expect(room.self.features.name).toBe("Cem");
  });
});
