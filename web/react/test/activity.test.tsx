import { act, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { Activity, Fragment, StrictMode, useEffect } from "react";
import { flushSync } from "react-dom";
import { describe, expect, it, vi } from "vitest";
import { Arbiter, type ArbiterProps } from "../src/index.ts";
import { machine } from "./machine.ts";
import { ScriptedRoom } from "./scriptedRoom.ts";

/** Longer than a call that is to be left waits for being shown again. */
const settle = () => act(() => new Promise((resolve) => setTimeout(resolve, 20)));
const button = (name: string) => screen.getByRole("button", { name });
const live = () => machine.tracks.filter((track) => track.readyState === "live").map((track) => track.kind);
const joins = () =>
  ScriptedRoom.made.flatMap((room) => room.calls).filter((call) => call === "join()").length;
/** The browser asks the person, until the function that comes back is called. */
function prompt(): () => Promise<void> {
  let answer = () => {};
  machine.prompt = new Promise((resolve) => {
    answer = resolve;
  });
  return () =>
    act(async () => {
      machine.prompt = undefined;
      answer();
    });
}

/** Another part of the page, which leaves the call when it goes. */
function Leaver() {
  useEffect(
    () => () => {
      for (const room of ScriptedRoom.made) void room.leave();
    },
    [],
  );
  return null;
}

describe.each([
  ["plainly", Fragment],
  ["in StrictMode", StrictMode],
])("hidden and shown, %s:", (_, Mode) => {
  function open(first: Partial<ArbiterProps> & { mode?: "visible" | "hidden" } = {}) {
    const page = ({ mode, ...props }: typeof first) => (
      <Mode>
        <Activity mode={mode ?? "visible"}>
          <Arbiter httpUrl="http://h" signalUrl="ws://s" path="/a" {...props} />
        </Activity>
      </Mode>
    );
    const { rerender } = render(page(first));
    const turn = async (mode: "visible" | "hidden", props = first) => {
      rerender(page({ ...props, mode }));
      await settle();
    };
    return {
      rerender: (props: typeof first) => rerender(page(props)),
      show: (props?: Partial<ArbiterProps>) => turn("visible", props),
      /** Hides it: nothing is joined then, and camera and microphone are off. */
      hide: async (props?: Partial<ArbiterProps>) => {
        await turn("hidden", props);
        expect([ScriptedRoom.inCall, live()]).toEqual([0, []]);
      },
    };
  }

  it("a lobby is the lobby again, with its picture, and the page has heard of its room once", async () => {
    const onRoom = vi.fn();
    const { hide, show } = open({ onRoom });
    await screen.findByLabelText("Your camera");
    await hide();
    await show();
    await screen.findByLabelText("Your camera");
    expect(live()).toEqual(["audio", "video"]);
    expect(onRoom).toHaveBeenCalledOnce();
  });

  it("a lobby whose question is answered while it is hidden has its picture when it is shown", async () => {
    const answer = prompt();
    const { hide, show } = open();
    await settle();
    await hide();
    await answer();
    await settle();
    expect(live()).toEqual([]);
    await show();
    await screen.findByLabelText("Your camera");
  });

  it("what has never been shown asks for nothing and joins nothing", async () => {
    const { hide, show } = open({ mode: "hidden", autoJoin: true });
    await hide({ autoJoin: true });
    expect([machine.asked, joins()]).toEqual([[], 0]);
    await show({ autoJoin: true });
    await screen.findByLabelText("Video call");
    expect(joins()).toBe(1);
  });

  it("a call is one that was left, and may be joined again, as muted as before", async () => {
    const onLeave = vi.fn();
    const { hide, show } = open({ onLeave });
    fireEvent.click(await screen.findByRole("button", { name: "Join" }));
    await screen.findByLabelText("Video call");
    fireEvent.click(button("Microphone"));
    await hide();
    await show();
    screen.getByText("You left the call");
    expect(live()).toEqual([]);
    fireEvent.click(button("Rejoin"));
    await screen.findByLabelText("Video call");
    expect(live()).toEqual(["video"]);
    // It is the page that hid it: as with a component that is taken away, nobody left.
    expect(onLeave).not.toHaveBeenCalled();
  });

  it("a call that is joined at once is joined again, as muted as before", async () => {
    const { hide, show } = open({ autoJoin: true });
    await screen.findByLabelText("Video call");
    fireEvent.click(button("Camera"));
    for (let times = 0; times < 2; times++) {
      await hide();
      await show();
      await screen.findByLabelText("Video call");
    }
    expect([live(), joins()]).toEqual([["audio"], 3]);
  });

  it.each([{ autoJoin: false }, { autoJoin: true }])(
    "a call that was being joined does not wait for ever: %j",
    async (props) => {
      const { hide, show } = open(props);
      const room = ScriptedRoom.latest;
      room.onJoin = (joining) => {
        joining.become("finding");
        return new Promise(() => {});
      };
      if (!props.autoJoin) fireEvent.click(await screen.findByRole("button", { name: "Join" }));
      await screen.findByText("Finding the room");
      await waitFor(() => expect(room.state).toBe("finding"));
      await hide();
      room.onJoin = (joining) => joining.become("joined");
      await show();
      if (!props.autoJoin) fireEvent.click(button("Rejoin"));
      await screen.findByLabelText("Video call");
    },
  );

  it("a question that is answered while it is hidden joins nothing, and with autoJoin it is joined when it is shown", async () => {
    const answer = prompt();
    const { hide, show } = open({ autoJoin: true });
    await screen.findByText(/Your browser asks/);
    await hide();
    await answer();
    await settle();
    expect([live(), joins()]).toEqual([[], 0]);
    await show();
    await screen.findByLabelText("Video call");
    expect([live(), joins()]).toEqual([["audio", "video"], 1]);
  });

  it("a question that is still open when it is shown again leads into the call", async () => {
    const answer = prompt();
    const { hide, show } = open({ autoJoin: true });
    await screen.findByText(/Your browser asks/);
    await hide();
    await show();
    await answer();
    await screen.findByLabelText("Video call");
    expect([live(), joins()]).toEqual([["audio", "video"], 1]);
  });

  it("an error is still told, to the page once, and can be tried again", async () => {
    const onError = vi.fn();
    const { hide, show } = open({ autoJoin: true, onError });
    const room = ScriptedRoom.latest;
    room.onJoin = () => {
      throw room.fail({ code: "no_room", message: "x", fatal: true });
    };
    await screen.findByText("No room is free");
    await hide();
    await show();
    screen.getByText("No room is free");
    expect(onError).toHaveBeenCalledOnce();
    room.onJoin = () => room.become("joined");
    fireEvent.click(button("Try again"));
    await screen.findByLabelText("Video call");
  });

  it("who has left, or has called it off, is not joined again by being shown", async () => {
    const { hide, show } = open({ autoJoin: true });
    await screen.findByLabelText("Video call");
    fireEvent.click(button("Leave"));
    await hide();
    await show();
    screen.getByText("You left the call");
    ScriptedRoom.latest.onJoin = () => new Promise(() => {});
    fireEvent.click(button("Rejoin"));
    fireEvent.click(await screen.findByRole("button", { name: "Cancel" }));
    await screen.findByLabelText("Your camera");
    await hide();
    await show();
    screen.getByText("Ready to join?");
    expect(joins()).toBe(2);
  });

  it("another path while it is hidden is another call when it is shown", async () => {
    const { hide, show } = open({ path: "/a", autoJoin: true });
    await screen.findByLabelText("Video call");
    await hide();
    await hide({ path: "/b" });
    await show({ path: "/b" });
    screen.getByText("/b");
    await screen.findByLabelText("Your camera");
    expect(ScriptedRoom.inCall).toBe(0);
  });

  it("a call that the page's own code joins while it is hidden is the call that is shown", async () => {
    const { hide, show } = open();
    const room = ScriptedRoom.latest;
    await hide();
    await act(() => room.join());
    await show();
    await screen.findByLabelText("Video call");
    expect(live()).toEqual([]);
  });

  it("what leaves because it is hidden too is no leaving of the person", async () => {
    const onLeave = vi.fn();
    const page = (mode: "visible" | "hidden") => (
      <Mode>
        <Activity mode={mode}>
          <Arbiter httpUrl="http://h" signalUrl="ws://s" path="/a" autoJoin onLeave={onLeave} />
          <Leaver />
        </Activity>
      </Mode>
    );
    const { rerender } = render(page("visible"));
    await screen.findByLabelText("Video call");
    rerender(page("hidden"));
    await settle();
    expect([ScriptedRoom.inCall, live()]).toEqual([0, []]);
    rerender(page("visible"));
    await screen.findByLabelText("Video call");
    expect(onLeave).not.toHaveBeenCalled();
  });

  it("for no longer than a moment, it is the same call", async () => {
    const { rerender } = open({ autoJoin: true });
    await screen.findByLabelText("Video call");
    await act(async () => {
      flushSync(() => rerender({ autoJoin: true, mode: "hidden" }));
      flushSync(() => rerender({ autoJoin: true, mode: "visible" }));
    });
    await settle();
    screen.getByLabelText("Video call");
    expect([joins(), live()]).toEqual([1, ["audio", "video"]]);
  });
});
