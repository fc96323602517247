import "./style.css";
import type { Room, RoomErrorInit } from "@arbiter/client";
import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { Call } from "./call/Call.tsx";
import { Lobby } from "./lobby/Lobby.tsx";
import { LocalMedia } from "./media/localMedia.ts";
import { remember, remembered } from "./media/remembered.ts";
import { shownPath } from "./people.ts";
import { Message } from "./screens/Message.tsx";
import { errorWords, progressWords } from "./screens/texts.ts";
import { useLatest } from "./useLatest.ts";
import { type UseRoomOptions, useRoom } from "./useRoom.ts";

/** The properties of `<Arbiter />`. */
export interface ArbiterProps {
  /** The HTTP API, such as `https://….execute-api.eu-west-1.amazonaws.com`. */
  httpUrl: string;
  /** The WebSocket API, such as `wss://….execute-api.eu-west-1.amazonaws.com/prod`. */
  signalUrl: string;
  /** Which call: everybody with the same path meets. Default: the path of the page. */
  path?: string;
  /** With `AuthMode=token`: the token, or a function that gets a fresh one. */
  token?: UseRoomOptions["token"];
  /** This person's name. Default: what they entered last time. */
  name?: string;
  /** Join at once, with camera and microphone if they are allowed. Default: false, the lobby comes first. */
  autoJoin?: boolean;
  /** `auto` follows the system. Default: `auto`. */
  theme?: "auto" | "light" | "dark";
  /** What the button to invite copies; `null` for no such button. Default: the address of the page when `path` is absent, else none. */
  inviteUrl?: string | null;
  /** The person has left the call. */
  onLeave?: () => void;
  /** Anything went wrong; the component shows it as well. */
  onError?: (error: RoomErrorInit & Error) => void;
  /** The room that the component uses, as soon as it has one, for its events and for tests. */
  onRoom?: (room: Room) => void;
}

/** A video call that fills its container: lobby, call, and the words for everything in between. */
export function Arbiter(props: ArbiterProps) {
  const { theme = "auto", onLeave, onError, onRoom } = props;
  const [name, setName] = useState(() => props.name ?? remembered<string>("name") ?? "");
  const call = useRoom(roomOptions(props, name));
  const [media] = useState(() => new LocalMedia());
  const now = useSyncExternalStore(media.subscribe, media.snapshot, media.snapshot);
  const [stage, setStage] = useState<"lobby" | "entered" | "left">("lobby");
  const { room, join, leave, state, error } = call;

  const attempt = useAttempts();

  const enter = useCallback(async () => {
    const current = attempt();
    setStage("entered");
    const stream = await media.take();
    if (current()) await join(stream);
    else for (const track of stream?.getTracks() ?? []) track.stop();
  }, [attempt, media, join]);

  const cancel = () => {
    attempt();
    media.keep();
    setStage("lobby");
    void leave();
  };

  const exit = useCallback(() => void leave(), [leave]);
  useEnd(room, (state) => {
    // Whoever was muted stays so in the next call.
    const { audio, video } = room.self.features;
    media.prefer({ audio, video });
    if (state === "failed") return;
    setStage("left");
    onLeave?.();
  });

  const keepName = (entered: string) => {
    setName(entered);
    remember("name", entered.trim());
  };

  useLobbyMedia(media, stage === "lobby" && !props.autoJoin);
  useOnce(props.autoJoin === true, enter);
  const callbacks = useLatest({ onRoom, onError });
  useEffect(() => {
    callbacks.current.onRoom?.(room);
  }, [room, callbacks]);
  useEffect(() => {
    if (error) callbacks.current.onError?.(error);
  }, [error, callbacks]);

  return (
    <div className="arbiter" data-theme={theme} data-state={state}>
      {screen()}
    </div>
  );

  function screen() {
    const inviteUrl = inviteUrlOf(props);
    if (stage === "left") {
      return (
        <Message title="You left the call" text="You can come back at any time.">
          <button type="button" className="arbiter-button arbiter-primary" onClick={enter}>
            Rejoin
          </button>
        </Message>
      );
    }
    if (stage === "lobby") {
      return <Lobby {...{ name, media, now }} path={shownPath(room.path)} onName={keepName} onJoin={enter} />;
    }
    if (state === "failed") {
      return (
        <Message {...errorWords(error)} role="alert">
          <button type="button" className="arbiter-button arbiter-primary" onClick={enter}>
            Try again
          </button>
        </Message>
      );
    }
    if (state === "joined" || state === "reconnecting") {
      return (
        <Call
          {...{ call, inviteUrl }}
          chosen={now.chosen}
          onChoose={media.choose}
          onName={keepName}
          onLeave={exit}
          problems={now.problems}
        />
      );
    }
    return (
      <Message {...progressWords(now.asking ? "asking" : state)} busy>
        <button type="button" className="arbiter-button" onClick={cancel}>
          Cancel
        </button>
      </Message>
    );
  }
}

/** Camera and microphone are on while the lobby is to be seen. */
function useLobbyMedia(media: LocalMedia, open: boolean): void {
  useEffect(() => {
    if (!open) return;
    void media.start();
    return () => media.stop();
  }, [media, open]);
}

/** Calls back when a call that had been joined is over: by an error, by the button, by the page's own code, or because the page was put away. */
function useEnd(room: Room, onEnd: (state: "idle" | "failed") => void): void {
  const latest = useLatest(onEnd);
  useEffect(
    () =>
      room.on("state", ({ state, previous }) => {
        const over = state === "idle" || state === "failed";
        if (over && (previous === "joined" || previous === "reconnecting")) latest.current(state);
      }),
    [room, latest],
  );
}

/** Numbers the attempts to join: the function that comes back is true until there is another, or the component has gone. */
function useAttempts(): () => () => boolean {
  const latest = useRef(0);
  const mounted = useRef(true);
  useEffect(() => {
    mounted.current = true;
    return () => {
      mounted.current = false;
    };
  }, []);
  return useCallback(() => {
    latest.current += 1;
    const own = latest.current;
    return () => mounted.current && latest.current === own;
  }, []);
}

/** Runs something once in the life of the component, also when StrictMode mounts it twice. */
function useOnce(wanted: boolean, action: () => unknown): void {
  const done = useRef(false);
  useEffect(() => {
    if (!wanted || done.current) return;
    done.current = true;
    void action();
  }, [wanted, action]);
}

function roomOptions(props: ArbiterProps, name: string): UseRoomOptions {
  const { httpUrl, signalUrl, token } = props;
  const path = props.path ?? globalThis.location?.pathname ?? "/";
  return { httpUrl, signalUrl, path, name: name.trim(), ...(token !== undefined && { token }) };
}

function inviteUrlOf({ path, inviteUrl }: ArbiterProps): string | undefined {
  if (inviteUrl !== undefined) return inviteUrl ?? undefined;
  return path === undefined ? `${location.origin}${location.pathname}` : undefined;
}
