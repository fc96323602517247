import { act, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { StrictMode, useEffect, useRef } from "react";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { Arbiter, type ArbiterProps } from "../src/index.ts";
import { machine } from "./machine.ts";
import { ScriptedRoom } from "./scriptedRoom.ts";

const onLeave = vi.fn();
beforeEach(() => void onLeave.mockClear());

function open(props: Partial<ArbiterProps> = {}): ScriptedRoom {
  render(
    <StrictMode>
      <Arbiter httpUrl="http://h" signalUrl="ws://s" path="/a" onLeave={onLeave} {...props} />
    </StrictMode>,
  );
  return ScriptedRoom.latest;
}
const settle = () => act(() => new Promise((resolve) => setTimeout(resolve, 20)));
const button = (name: string) => screen.getByRole("button", { name });
const live = () => machine.tracks.filter((track) => track.readyState === "live").map((track) => track.kind);
/** What a page gets from `onRoom` is the room itself. */
const scripted =
  (tell: (room: ScriptedRoom) => void): NonNullable<ArbiterProps["onRoom"]> =>
  (room) =>
    tell(room as unknown as ScriptedRoom);
const forEver = (room: ScriptedRoom) => {
  room.become("finding");
  return new Promise<void>(() => {});
};

describe("the page's own code leaves", () => {
  it.each([1, 2])(
    "while the call is being joined: it was left, and camera and microphone are off (%i times)",
    async (times) => {
      const room = open();
      room.onJoin = forEver;
      fireEvent.click(button("Join"));
      await waitFor(() => expect(room.state).toBe("finding"));
      for (let time = 0; time < times; time++) await act(() => room.leave());
      screen.getByText("You left the call");
      expect(live()).toEqual([]);
      expect(onLeave).toHaveBeenCalledOnce();
      room.onJoin = (joining) => joining.become("joined");
      fireEvent.click(button("Rejoin"));
      await screen.findByLabelText("Video call");
    },
  );

  it.each([{ autoJoin: true }, {}])(
    "while the browser asks for the camera: nothing is joined, and nothing is on: %j",
    async (props) => {
      let answer = () => {};
      machine.prompt = new Promise((resolve) => {
        answer = resolve;
      });
      const room = open(props);
      if (!props.autoJoin) fireEvent.click(button("Join"));
      await screen.findByText(/Your browser asks/);
      await act(() => room.leave());
      screen.getByText("You left the call");
      await act(async () => answer());
      await settle();
      expect([room.calls.includes("join()"), live()]).toEqual([false, []]);
      expect(onLeave).toHaveBeenCalledOnce();
    },
  );

  it("in the lobby, where there is nothing to leave", async () => {
    const room = open();
    await screen.findByLabelText("Your camera");
    await act(() => room.leave());
    screen.getByLabelText("Your camera");
    expect(onLeave).not.toHaveBeenCalled();
  });

  it("as soon as it has the room", async () => {
    open({ autoJoin: true, onRoom: scripted((room) => void room.leave()) });
    await screen.findByText("You left the call");
    await settle();
    expect([ScriptedRoom.inCall, live()]).toEqual([0, []]);
  });

  it("when it hears of an error that ended the call: the error stays to be read", async () => {
    const room = open({ autoJoin: true, onError: () => void room.leave() });
    await screen.findByLabelText("Video call");
    act(() => void room.fail({ code: "media_failed", message: "x", fatal: true }));
    await settle();
    screen.getByText("No sound and picture came through");
    expect([room.state, live()]).toEqual(["idle", []]);
    expect(onLeave).not.toHaveBeenCalled();
  });

  it("when it hears of an error that did not", async () => {
    const room = open({ autoJoin: true, onError: () => void room.leave() });
    await screen.findByLabelText("Video call");
    act(() => void room.fail({ code: "media_busy", message: "x", fatal: false }));
    await screen.findByText("You left the call");
    expect(onLeave).toHaveBeenCalledOnce();
  });
});

/** A page that leaves the call when it goes itself, as the component does anyway. */
function Tidy() {
  const room = useRef<{ leave(): Promise<void> }>(undefined);
  useEffect(() => () => void room.current?.leave(), []);
  const onRoom = (made: { leave(): Promise<void> }) => {
    room.current = made;
  };
  return <Arbiter httpUrl="http://h" signalUrl="ws://s" path="/a" autoJoin onRoom={onRoom} />;
}

it("a page that leaves as it goes is joined, though StrictMode makes it go once", async () => {
  const { unmount } = render(
    <StrictMode>
      <Tidy />
    </StrictMode>,
  );
  await screen.findByLabelText("Video call");
  unmount();
  await settle();
  expect([ScriptedRoom.inCall, live()]).toEqual([0, []]);
});

describe("the page's own code joins", () => {
  it("from the lobby: its camera and microphone go off, as the call has none", async () => {
    const room = open();
    await screen.findByLabelText("Your camera");
    await act(() => room.join());
    screen.getByLabelText("Video call");
    await settle();
    expect(live()).toEqual([]);
    await act(() => room.leave());
    screen.getByText("You left the call");
    expect(onLeave).toHaveBeenCalledOnce();
  });

  it("as soon as it has the room", async () => {
    open({ onRoom: scripted((room) => void room.join()) });
    await screen.findByLabelText("Video call");
    await settle();
    expect(live()).toEqual([]);
  });

  it("as soon as it has the room, which is joined at once anyway: with camera and microphone", async () => {
    open({ autoJoin: true, onRoom: scripted((room) => void room.join()) });
    await screen.findByLabelText("Video call");
    await waitFor(() => expect(ScriptedRoom.latest.joined?.getTracks()).toHaveLength(2));
    expect([live(), ScriptedRoom.inCall]).toEqual([["audio", "video"], 1]);
  });

  it("after it was left, and after an error", async () => {
    const room = open({ autoJoin: true });
    await screen.findByLabelText("Video call");
    fireEvent.click(button("Leave"));
    await screen.findByText("You left the call");
    await act(() => room.join());
    screen.getByLabelText("Video call");
    act(() => void room.fail({ code: "media_failed", message: "x", fatal: true }));
    await screen.findByText("No sound and picture came through");
    await act(() => room.join());
    screen.getByLabelText("Video call");
    await settle();
    expect(room.state).toBe("joined");
  });

  it("when it hears of an error that ended the call: the call goes on", async () => {
    const room = open({ autoJoin: true, onError: ({ fatal }) => fatal && void room.join() });
    await screen.findByLabelText("Video call");
    act(() => void room.fail({ code: "media_failed", message: "x", fatal: true }));
    await settle();
    screen.getByLabelText("Video call");
    expect(room.state).toBe("joined");
  });
});

it("a browser without WebRTC is told so in place of the lobby, and is asked for nothing", async () => {
  ScriptedRoom.supported = false;
  const onError = vi.fn();
  open({ onError });
  expect((await screen.findByRole("alert")).textContent).toMatch(/cannot hold calls.*WebRTC/);
  await settle();
  expect([machine.asked, screen.queryAllByRole("button")]).toEqual([[], []]);
  expect(onError).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: "no_webrtc" }));
});

describe("what passes", () => {
  const refusing = (code: string) => (room: ScriptedRoom) => {
    throw room.fail({ code, message: "x", fatal: true });
  };

  it.each(["unreachable", "too_many_requests", "internal_error", "no_room", "start_failed", "peer_in_use"])(
    "ends no call for good: after %s joining is tried again without a click, and the page says so",
    async (code) => {
      const room = open({ autoJoin: true });
      room.onJoin = refusing(code);
      const said = await screen.findByText(/Joining is tried again by itself/);
      expect(said.textContent).not.toMatch(/try again\b/i);
      button("Try again");
      const joins = () => room.calls.filter((call) => call === "join()").length;
      await waitFor(() => expect(joins()).toBe(2), { timeout: 5_000 });
      room.onJoin = (joining) => joining.become("joined");
      await screen.findByLabelText("Video call", {}, { timeout: 8_000 });
    },
    15_000,
  );

  it("keeps its words while joining is tried again", async () => {
    const room = open({ autoJoin: true });
    room.onJoin = refusing("unreachable");
    await screen.findByText("No connection");
    room.onJoin = forEver;
    await waitFor(() => expect(room.state).toBe("finding"), { timeout: 5_000 });
    screen.getByText("No connection");
    expect(screen.queryByText("Finding the room")).toBeNull();
    fireEvent.click(button("Cancel"));
    fireEvent.click(button("Join"));
    await screen.findByText("Finding the room");
  }, 15_000);

  it("is not tried again by a page that has gone back to the lobby, or has another reason to stop", async () => {
    const room = open({ autoJoin: true });
    room.onJoin = refusing("unreachable");
    await screen.findByText("No connection");
    room.onJoin = refusing("media_failed");
    await screen.findByText("No sound and picture came through", {}, { timeout: 5_000 });
    const { length } = room.calls;
    await act(() => new Promise((resolve) => setTimeout(resolve, 4_000)));
    expect(room.calls).toHaveLength(length);
  }, 15_000);

  it("is said while it lasts: busy, and that nothing is to be done", async () => {
    const room = open({ autoJoin: true });
    room.onJoin = forEver;
    await waitFor(() => expect(room.state).toBe("finding"));
    act(() => room.emit("busy", { busy: true }));
    screen.getByText("It is very busy");
    expect(document.body.textContent).not.toMatch(/network/i);
    act(() => room.emit("busy", { busy: false }));
    screen.getByText("Finding the room");
    act(() => room.become("joined"));
    act(() => room.become("reconnecting"));
    await screen.findByText("Connection lost. Reconnecting…", {}, { timeout: 3_000 });
    act(() => room.emit("busy", { busy: true }));
    screen.getByText("The service is busy. Reconnecting…");
  });
});
