import { act, cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import { StrictMode } from "react";
import { describe, expect, it } from "vitest";
import { ArbiterSession } from "../src/index.ts";
import { dataOf } from "../src/session/members.ts";
import { machine } from "./machine.ts";
import { ScriptedSession } from "./scriptedSession.ts";

const button = (name: string | RegExp) => screen.getByRole("button", { name });
const row = (id: string) => within(document.querySelector(`[data-connection="${id}"]`) as HTMLElement);
const tile = (id: string) => document.querySelector(`.arbiter-tile[data-peer="${id}"]`) as HTMLElement;

/** In a session, with the list of people open. */
async function inSession(role: string): Promise<ScriptedSession> {
  ScriptedSession.role = role;
  render(
    <StrictMode>
      <ArbiterSession signalUrl="ws://s" apiKey="47000001" sessionId="1_x" token="secret" name="Ann" />
    </StrictMode>,
  );
  fireEvent.click(button("Join"));
  await screen.findByLabelText("Session");
  if (!screen.queryByRole("dialog")) fireEvent.click(button(/^People/));
  const session = ScriptedSession.latest;
  if (role !== "subscriber") await screen.findByRole("button", { name: "Stop publishing" });
  await waitFor(() => expect(screen.queryByText("Publishing…")).toBeNull());
  return session;
}

/** Ben is there, and publishes. */
async function withBen(role: string): Promise<ScriptedSession> {
  const session = await inSession(role);
  await act(async () => {
    session.comes("ben");
    session.publishes("ben", "Ben");
  });
  session.calls.length = 0;
  return session;
}

describe("a session", () => {
  it("is joined by a click, under one's name, and what others publish is subscribed to", async () => {
    const session = await inSession("publisher");
    await act(async () => {
      session.comes("ben");
      session.publishes("ben", "Ben");
    });
    expect(session.calls).toEqual(["connect(secret)", "publish(Ann)", "subscribe(Ben~ben)"]);
    expect(row("ben").getByText("Ben")).toBeDefined();
    expect(row("me").getByText("Ann (you)")).toBeDefined();
  });

  it("asks a subscriber for nothing, and gives it nothing to publish or moderate with", async () => {
    const session = await withBen("subscriber");
    expect(machine.asked).toEqual([]);
    expect(session.publisher).toBeUndefined();
    for (const name of [/^Publish/, "Microphone", "Mute all", /^Mute/, /^Remove/])
      expect(screen.queryByRole("button", { name })).toBeNull();
    expect(row("ben").getByRole("slider", { name: "Volume of Ben" })).toBeDefined();
  });

  it("marks a picture whose publisher is lost, until it is back", async () => {
    const session = await withBen("subscriber");
    const subscriber = session.subscribers.get("Ben~ben");
    act(() => subscriber?.tell("connected", undefined));
    expect(tile("ben").textContent).not.toContain("Connection lost");
    act(() => subscriber?.tell("disconnected", undefined));
    expect(tile("ben").textContent).toContain("Connection lost");
    expect(tile("ben").querySelector("video"), "frozen, not gone").not.toBeNull();
    act(() => subscriber?.tell("connected", undefined));
    expect(tile("ben").textContent).not.toContain("Connection lost");
  });

  it("goes on while it reconnects, and says so", async () => {
    const session = await withBen("publisher");
    act(() => session.tell("sessionReconnecting", undefined));
    expect(
      await screen.findByText("Connection lost. Reconnecting…", undefined, { timeout: 3_000 }),
    ).toBeDefined();
    expect(tile("ben")).not.toBeNull();
    act(() => session.tell("sessionReconnected", { missed: 0 }));
    expect(screen.queryByText("Connection lost. Reconnecting…")).toBeNull();
  });

  it.each([
    ["forceDisconnected", "You were removed", undefined],
    ["replaced", "You joined somewhere else", "Join again"],
    ["clientDisconnected", "You left the session", "Join again"],
  ] as const)("that ends as %s says why", async (reason, title, again) => {
    const session = await withBen("publisher");
    act(() => session.tell("sessionDisconnected", { reason }));
    expect(screen.getByRole("heading", { name: title })).toBeDefined();
    expect(screen.queryByRole("button")?.textContent).toBe(again);
    expect(
      machine.tracks.map(({ readyState }) => readyState),
      "camera and microphone",
    ).toEqual(["ended", "ended"]);
  });

  it("that refuses a token says what to do, and may be tried again", async () => {
    ScriptedSession.refusal = Object.assign(new Error("x"), { code: "unauthorized" });
    render(<ArbiterSession signalUrl="ws://s" apiKey="47000001" sessionId="1_x" token="secret" />);
    fireEvent.click(button("Join"));
    expect(await screen.findByRole("heading", { name: "This link does not work" })).toBeDefined();
    ScriptedSession.refusal = undefined;
    fireEvent.click(button("Try again"));
    expect(await screen.findByLabelText("Session")).toBeDefined();
  });

  it("gives a screen most of the place, and says whose it is", async () => {
    const session = await withBen("subscriber");
    await act(async () => session.publishes("ben", "", { streamId: "screen~ben", videoType: "screen" }));
    act(() => session.subscribers.get("screen~ben")?.tell("connected", undefined));
    expect(document.querySelector(".arbiter-staged")?.textContent).toContain("Ben's screen");
    expect(row("ben").getAllByText("Ben"), "one person").toHaveLength(1);
  });

  it("marks who speaks, oneself too, but no screen and nobody who is muted", async () => {
    const session = await withBen("publisher");
    await act(async () => {
      session.publishes("ben", "", { streamId: "screen~ben", videoType: "screen" });
      session.comes("eve");
      session.publishes("eve", "Eve", { hasAudio: false });
    });
    const speaking = () =>
      [...document.querySelectorAll(".arbiter-speaking .arbiter-name-text")].map((name) => name.textContent);
    const speaks = (connectionId: string, speaking: boolean) =>
      act(() => session.tell("speaking", { connectionId, speaking }));
    for (const id of ["me", "ben", "eve"]) speaks(id, true);
    expect(speaking()).toEqual(["You", "Ben"]);
    speaks("ben", false);
    expect(speaking()).toEqual(["You"]);
  });

  it("changes how loud one person is, here alone", async () => {
    await withBen("subscriber");
    fireEvent.change(row("ben").getByRole("slider"), { target: { value: "20" } });
    expect([...document.querySelectorAll("audio")].map(({ volume }) => volume)).toEqual([0.2]);
  });
});

describe("what is published", () => {
  it("ends with its button, and begins again", async () => {
    const session = await inSession("publisher");
    fireEvent.click(button("Stop publishing"));
    await screen.findByRole("button", { name: "Publish" });
    expect(session.calls).toContain("unpublish(own~me)");
    expect(machine.tracks.every(({ readyState }) => readyState === "ended")).toBe(true);
    fireEvent.click(button("Publish"));
    await screen.findByRole("button", { name: "Stop publishing" });
    expect(machine.tracks.filter(({ readyState }) => readyState === "live")).toHaveLength(2);
  });

  it("goes without a camera that there is not, and says so", async () => {
    machine.errors.video = "NotFoundError";
    await inSession("publisher");
    expect(button("Camera").getAttribute("aria-pressed")).toBe("false");
    expect(screen.getByRole("alert").textContent).toContain("No camera found");
  });

  it.each(["button", "m"])("is muted by its person, by %s", async (how) => {
    const session = await inSession("publisher");
    if (how === "m") fireEvent.keyDown(document.body, { key: "m" });
    else fireEvent.click(button("Microphone"));
    await waitFor(() => expect(session.publisher?.hasAudio).toBe(false));
    expect(button("Microphone").getAttribute("aria-pressed")).toBe("false");
  });

  it("that a moderator mutes is unmuted by its person", async () => {
    const session = await inSession("publisher");
    act(() => {
      if (session.publisher) session.publisher.hasAudio = false;
      session.publisher?.tell("muteForced", {});
    });
    expect(screen.getByRole("alert").textContent).toContain("A moderator has muted you.");
    fireEvent.click(button("Unmute"));
    await waitFor(() => expect(session.publisher?.hasAudio).toBe(true));
    expect(screen.queryByRole("alert")).toBeNull();
  });

  it("in a muted session begins muted, and its person is told", async () => {
    const session = await inSession("publisher");
    fireEvent.click(button("Stop publishing"));
    session.muted = true;
    fireEvent.click(await screen.findByRole("button", { name: "Publish" }));
    expect(await screen.findByText("A moderator has muted you.")).toBeDefined();
  });

  it("that a moderator stops is gone, with its camera, and its person is told", async () => {
    const session = await inSession("publisher");
    act(() => session.publisher?.tell("streamDestroyed", { reason: "forceUnpublished" }));
    expect(screen.getByRole("alert").textContent).toContain("A moderator has stopped your stream.");
    expect(button("Publish")).toBeDefined();
    expect(machine.tracks.every(({ readyState }) => readyState === "ended")).toBe(true);
  });
});

describe("a screen", () => {
  const shared = () => button("Share screen").getAttribute("aria-pressed") === "true";

  it.each(["button", "s"])("is shared beside the camera, and not any more, by %s", async (how) => {
    const session = await inSession("publisher");
    const toggle = () =>
      how === "s" ? fireEvent.keyDown(document.body, { key: "s" }) : fireEvent.click(button("Share screen"));
    toggle();
    await waitFor(() => expect(shared()).toBe(true));
    expect(session.calls).toEqual(["connect(secret)", "publish(Ann)", "publish(Ann,screen)"]);
    expect(document.querySelector(".arbiter-staged")?.textContent).toContain("Your screen");
    toggle();
    await waitFor(() => expect(shared()).toBe(false));
    expect(session.calls.at(-1)).toBe("unpublish(screen~me)");
    expect(document.querySelector(".arbiter-staged")).toBeNull();
    expect(button("Stop publishing"), "the camera goes on").toBeDefined();
  });

  it("that the browser, or a moderator, stops is gone", async () => {
    const session = await inSession("publisher");
    for (const reason of ["mediaStopped", "forceUnpublished"]) {
      fireEvent.click(button("Share screen"));
      await waitFor(() => expect(shared()).toBe(true));
      act(() => session.screen?.tell("streamDestroyed", { reason }));
      expect(shared()).toBe(false);
    }
    expect(screen.getByRole("alert").textContent).toContain("A moderator has stopped your stream.");
  });

  it("that its person does not choose is no error, and one that cannot be shared is", async () => {
    const session = await inSession("publisher");
    for (const [code, alerts] of [
      ["media_refused", 0],
      ["stream_limit_exceeded", 1],
    ] as const) {
      session.screenRefusal = Object.assign(new Error("x"), { code });
      const asked = session.calls.length;
      fireEvent.click(button("Share screen"));
      await waitFor(() => expect(session.calls.length).toBe(asked + 1));
      await waitFor(() => expect(screen.queryAllByRole("alert")).toHaveLength(alerts));
    }
    expect(shared()).toBe(false);
  });

  it("is for those who may publish, and keeps its sound when all are muted", async () => {
    await withBen("subscriber");
    expect(screen.queryByRole("button", { name: "Share screen" })).toBeNull();
    cleanup();
    const session = await withBen("moderator");
    fireEvent.click(button("Share screen"));
    await waitFor(() => expect(shared()).toBe(true));
    fireEvent.click(button("Mute all"));
    await waitFor(() => expect(session.calls.at(-1)).toBe("forceMuteAll(own~me,screen~me)"));
  });
});

describe("a moderator", () => {
  it.each([
    ["Mute Ben", "forceMuteStream(Ben~ben)"],
    ["Stop stream Ben", "forceUnpublish(Ben~ben)"],
  ])("can: %s", async (name, call) => {
    const session = await withBen("moderator");
    fireEvent.click(button(name));
    await waitFor(() => expect(session.calls).toEqual([call]));
  });

  it("mutes all but themselves, and ends that", async () => {
    const session = await withBen("moderator");
    fireEvent.click(button("Mute all"));
    await waitFor(() => expect(session.calls).toEqual(["forceMuteAll(own~me)"]));
    expect(screen.queryByRole("button", { name: "Let all speak" })).toBeNull();
    act(() => session.mutes(true));
    fireEvent.click(button("Let all speak"));
    await waitFor(() => expect(session.calls).toContain("disableForceMute()"));
    act(() => session.mutes(false));
    expect(screen.queryByRole("button", { name: "Let all speak" })).toBeNull();
  });

  it("removes somebody after a question, and may think again", async () => {
    const session = await withBen("moderator");
    fireEvent.click(button("Remove Ben"));
    expect(document.activeElement?.textContent).toBe("Cancel");
    fireEvent.keyDown(document.activeElement as Element, { key: "Escape" });
    expect(session.calls).toEqual([]);
    fireEvent.click(button("Remove Ben"));
    fireEvent.click(button("Remove"));
    await waitFor(() => expect(session.calls).toEqual(["forceDisconnect(ben)"]));
  });

  it("has no button for what is done: whoever is muted is not muted again", async () => {
    const session = await inSession("moderator");
    await act(async () => {
      session.comes("ben");
      session.publishes("ben", "Ben", { hasAudio: false });
    });
    expect(screen.queryByRole("button", { name: "Mute Ben" })).toBeNull();
    expect(row("ben").getByText("Microphone is off.")).toBeDefined();
  });
});

it.each([
  ["name=Ann&role=moderator", { name: "Ann", role: "moderator" }],
  ["role=publisher", { name: undefined, role: "publisher" }],
  ['{"name":"Ann","other":1}', { name: "Ann", role: undefined }],
  ["Ann B.", { name: "Ann B.", role: undefined }],
  ["", { name: undefined, role: undefined }],
  ["{", { name: undefined, role: undefined }],
  ["null", { name: "null", role: undefined }],
])("the data %s is read", (data, read) => expect(dataOf(data)).toEqual(read));
