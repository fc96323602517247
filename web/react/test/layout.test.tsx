import { readFileSync } from "node:fs";
import { fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import { StrictMode } from "react";
import { describe, expect, it, vi } from "vitest";
import { Chat, useArbiter } from "../src/index.ts";
import { Lesson } from "./examples/Lesson.tsx";
import { ScriptedRoom } from "./scriptedRoom.ts";

const button = (name: string | RegExp) => screen.getByRole("button", { name });
const tiles = (where: string) =>
  [...document.querySelectorAll(`${where} [data-peer]`)].map((tile) => tile.getAttribute("data-peer"));

/** The README's layout, in a call. */
async function lesson(): Promise<ScriptedRoom> {
  render(
    <StrictMode>
      <Lesson httpUrl="http://h" signalUrl="ws://s" path="/lesson" name="Ann" />
    </StrictMode>,
  );
  await screen.findByText("Ready to join?");
  fireEvent.click(button("Join"));
  await screen.findByLabelText("Video call");
  return ScriptedRoom.latest;
}

describe("another layout of the parts", () => {
  it("is what the README shows, in thirty lines", () => {
    const example = readFileSync("test/examples/Lesson.tsx", "utf8");
    expect(readFileSync("README.md", "utf8")).toContain(`\`\`\`tsx\n${example}\`\`\`\n`);
    expect(example.trimEnd().split("\n").length).toBeLessThanOrEqual(30);
  });

  it("shows everybody, and large whoever speaks or shares a screen", async () => {
    const room = await lesson();
    expect(tiles("main")).toEqual(["me"]);
    room.comes("ben");
    await waitFor(() => expect(tiles("aside")).toEqual(["me", "ben"]));
    room.comes("ben", { features: { audio: true, video: false, name: "ben", speaking: true } });
    await waitFor(() => expect(tiles("main")).toEqual(["ben"]));
    room.comes("cem", { screen: new MediaStream() });
    await waitFor(() => expect(document.querySelector("main [data-kind=screen]")).not.toBeNull());
    // What is heard comes with the banners: nobody is silent for having no place in the layout.
    expect(document.querySelectorAll("audio")).toHaveLength(1);
  });

  it("has the buttons that it wants and no others, and the keys", async () => {
    const room = await lesson();
    expect(within(screen.getByRole("group", { name: "Controls" })).getAllByRole("button")).toHaveLength(2);
    room.calls.length = 0;
    fireEvent.click(button("Microphone"));
    await waitFor(() => expect(room.calls).toHaveLength(1));
    fireEvent.keyDown(document.body, { key: "v" });
    await waitFor(() => expect(room.calls).toHaveLength(2));
    expect(room.calls.map((call) => call.split("(")[0])).toEqual(["setMicrophone", "setCamera"]);
  });

  it("has a chat that stays, is read as it comes, and leaves the focus where it is", async () => {
    const room = await lesson();
    expect(screen.queryByRole("button", { name: "Close chat" })).toBeNull();
    expect(document.activeElement).toBe(screen.getByLabelText("Video call"));
    room.comes("ben");
    room.say("ben", "Hello");
    await screen.findByText("Hello");
    const message = screen.getByLabelText("Message");
    fireEvent.change(message, { target: { value: "Hi" } });
    fireEvent.keyDown(message, { key: "Enter" });
    await waitFor(() => expect(room.calls).toContain("sendChat(Hi)"));
    fireEvent.keyDown(message, { key: "Escape" });
    screen.getByLabelText("Message");
  });

  it("ends with the words that the component has, and goes on from there", async () => {
    const room = await lesson();
    fireEvent.click(button("Leave"));
    await screen.findByText("You left the call");
    fireEvent.click(button("Rejoin"));
    await screen.findByLabelText("Video call");
    room.fail({ code: "replaced", message: "x", fatal: true });
    await screen.findByRole("alert");
  });
});

it.each([
  ["a part", () => <Chat />],
  ["useArbiter", () => <>{useArbiter().stage}</>],
])("%s without a provider says what is missing", (_, Part) => {
  const said = vi.spyOn(console, "error").mockReturnValue();
  expect(() => render(<Part />)).toThrow("<ArbiterProvider>");
  said.mockRestore();
});
