import { act, render, renderHook } from "@testing-library/react";
import { Activity, StrictMode } from "react";
import { describe, expect, it, vi } from "vitest";
import { type UseRoomOptions, useRoom } from "../src/useRoom.ts";
import { ScriptedRoom } from "./scriptedRoom.ts";

const OPTIONS: UseRoomOptions = { httpUrl: "http://h", signalUrl: "ws://s", path: "/a" };

/** Leaving waits for one turn of the event loop. */
const settle = () => act(() => new Promise((resolve) => setTimeout(resolve, 0)));

function Auto({ path = "/a" }: { path?: string }) {
  const { state } = useRoom({ ...OPTIONS, path, autoJoin: true });
  return <p>{state}</p>;
}

describe("joining and leaving", () => {
  it("StrictMode's double mount joins once and does not leave", async () => {
    const { container } = render(
      <StrictMode>
        <Auto />
      </StrictMode>,
    );
    await settle();
    expect(ScriptedRoom.made.flatMap((room) => room.calls)).toEqual(["join()"]);
    expect(container.textContent).toBe("joined");
  });

  it("a component that goes leaves the call and stops listening", async () => {
    const { unmount } = render(<Auto />);
    await settle();
    const room = ScriptedRoom.latest;
    unmount();
    await settle();
    expect(ScriptedRoom.inCall).toBe(0);
    expect(room.listening).toBe(0);
  });

  it("a component that is hidden leaves the call, and joins it again when it is shown", async () => {
    const page = (mode: "visible" | "hidden") => (
      <Activity mode={mode}>
        <Auto />
      </Activity>
    );
    const { rerender, container } = render(page("visible"));
    await settle();
    rerender(page("hidden"));
    await settle();
    expect(ScriptedRoom.inCall).toBe(0);
    rerender(page("visible"));
    await settle();
    expect(container.textContent).toBe("joined");
  });

  it("another path is another call: the old one is left", async () => {
    const { rerender } = render(<Auto />);
    await settle();
    const first = ScriptedRoom.latest;
    rerender(<Auto path="/b" />);
    await settle();
    expect(first.state).toBe("idle");
    expect(ScriptedRoom.latest.path).toBe("/b");
    expect(ScriptedRoom.inCall).toBe(1);
  });

  it("a new name under the call is told, and is no other call", async () => {
    const { rerender } = renderHook((name: string) => useRoom({ ...OPTIONS, name }), { initialProps: "Ann" });
    const room = ScriptedRoom.latest;
    rerender("Anna");
    await settle();
    expect(room.calls).toEqual(["setName(Anna)"]);
    expect(ScriptedRoom.latest).toBe(room);
  });

  it("the room is given the newest token, whenever it asks", async () => {
    const { rerender } = renderHook((token: string) => useRoom({ ...OPTIONS, token }), {
      initialProps: "old",
    });
    rerender("new");
    const { token } = ScriptedRoom.latest.options;
    expect(typeof token === "function" && (await token())).toBe("new");
  });

  it("a join that fails rejects nothing, and says why", async () => {
    const { result } = renderHook(() => useRoom(OPTIONS));
    ScriptedRoom.latest.onJoin = (room) => {
      throw room.fail({ code: "no_room", message: "No room is free", fatal: true });
    };
    await act(() => result.current.join());
    expect(result.current.state).toBe("failed");
    expect(result.current.error?.code).toBe("no_room");
    ScriptedRoom.latest.onJoin = (room) => room.become("joined");
    await act(() => result.current.join());
    expect(result.current.error).toBeUndefined();
  });

  it("a join that the person called off is no error", async () => {
    const { result } = renderHook(() => useRoom(OPTIONS));
    ScriptedRoom.latest.onJoin = (room) => {
      throw room.fail({ code: "left", message: "Left", fatal: false });
    };
    await act(() => result.current.join());
    expect(result.current.error).toBeUndefined();
  });
});

describe("what it tells", () => {
  it("people come, change and go", async () => {
    const { result } = renderHook(() => useRoom(OPTIONS));
    const room = ScriptedRoom.latest;
    act(() => room.comes("ann"));
    act(() => room.comes("ben"));
    expect(result.current.peers.map((peer) => peer.id)).toEqual(["ann", "ben"]);
    act(() => room.comes("ann", { state: "reconnecting" }));
    expect(result.current.peers[0]?.state).toBe("reconnecting");
    act(() => room.goes("ann"));
    expect(result.current.peers.map((peer) => peer.id)).toEqual(["ben"]);
  });

  it("messages of others are unread until they are marked, one's own never are", async () => {
    const { result } = renderHook(() => useRoom(OPTIONS));
    act(() => ScriptedRoom.latest.say("ann", "one"));
    act(() => ScriptedRoom.latest.say("ann", "two"));
    await act(async () => void (await result.current.sendChat("mine")));
    expect(result.current.chat.map((message) => message.content)).toEqual(["one", "two", "mine"]);
    expect(result.current.unread).toBe(2);
    act(() => result.current.markRead());
    expect(result.current.unread).toBe(0);
  });

  it("a device that fails is an error to show, and the method says false", async () => {
    const { result } = renderHook(() => useRoom(OPTIONS));
    const refused = Object.assign(new Error("no"), { code: "media_refused", fatal: false });
    vi.spyOn(ScriptedRoom.latest, "setCamera").mockRejectedValue(refused);
    await act(async () => expect(await result.current.setCamera(true)).toBe(false));
    expect(result.current.error).toBe(refused);
  });

  it("closing the browser's picker of screens is no error", async () => {
    const { result } = renderHook(() => useRoom(OPTIONS));
    const refused = Object.assign(new Error("no"), { code: "media_refused", fatal: false });
    vi.spyOn(ScriptedRoom.latest, "shareScreen").mockRejectedValue(refused);
    await act(async () => expect(await result.current.shareScreen()).toBe(false));
    expect(result.current.error).toBeUndefined();
  });

  it("the methods stay the same, so that they may be dependencies of effects", () => {
    const { result } = renderHook(() => useRoom(OPTIONS));
    const { join, leave, sendChat, statistics } = result.current;
    act(() => ScriptedRoom.latest.comes("ann"));
    expect([
      result.current.join,
      result.current.leave,
      result.current.sendChat,
      result.current.statistics,
    ]).toEqual([join, leave, sendChat, statistics]);
  });
});
