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
import { type UseRoom, type UseRoomOptions, useRoom } from "./useRoom.ts";

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
  const [name, keepName] = useName(props.name);
  const [media] = useState(() => new LocalMedia());
  const options = roomOptions(props, name);
  // What makes another room for `useRoom` makes another visit, which begins at its beginning.
  const key = JSON.stringify([options.httpUrl, options.signalUrl, options.path, options.token !== undefined]);
  return <Visit key={key} {...{ props, options, name, keepName, media }} />;
}

/** Where a person is in a visit. */
type Stage = "lobby" | "entered" | "left" | "failed";

interface VisitProps {
  props: ArbiterProps;
  options: UseRoomOptions;
  name: string;
  keepName(name: string): void;
  /** Outlives the visit: whoever was muted stays so in the next one. */
  media: LocalMedia;
}

/** One call, from the lobby to the end. */
function Visit({ props, options, name, keepName, media }: VisitProps) {
  const { theme = "auto", onLeave, onError, onRoom } = props;
  const call = useRoom(options);
  const now = useSyncExternalStore(media.subscribe, media.snapshot, media.snapshot);
  const [stage, setStage] = useState<Stage>(props.autoJoin ? "entered" : "lobby");
  const { room, join, leave, state, error } = call;
  const failed = stage === "failed" || (stage === "entered" && state === "failed");

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
    media.prefer(wantedIn(room));
    if (state === "failed") return;
    setStage("left");
    onLeave?.();
  });
  useFailure(call, stage, setStage);
  useSuccession(room, media);

  useLobbyMedia(media, stage === "lobby");
  useOnce(props.autoJoin === true, enter);
  const callbacks = useLatest({ onRoom, onError });
  useEffect(() => {
    callbacks.current.onRoom?.(room);
  }, [room, callbacks]);
  useEffect(() => {
    if (error) callbacks.current.onError?.(error);
  }, [error, callbacks]);

  return (
    <div className="arbiter" data-theme={theme} data-state={failed ? "failed" : state}>
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
    if (failed) {
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

/** The name that others see: what this person has entered here, else the page's, else what they entered last time. */
function useName(given: string | undefined): [string, (entered: string) => void] {
  const [entered, setEntered] = useState<string>();
  const [before] = useState(() => remembered<string>("name"));
  const keep = useCallback((name: string) => {
    setEntered(name);
    remember("name", name.trim());
  }, []);
  return [entered ?? given ?? before ?? "", keep];
}

/** After a failure the room is left, which lets go of camera and microphone. The stage says what happened, as the room's state no longer does. */
function useFailure(
  { room, state, leave }: UseRoom,
  stage: Stage,
  setStage: (next: (stage: Stage) => Stage) => void,
): void {
  useEffect(() => {
    if (state === "failed") setStage((stage) => (stage === "entered" ? "failed" : stage));
  }, [state, setStage]);
  useEffect(() => {
    if (stage === "failed" && room.state === "failed") void leave();
  }, [stage, room, leave]);
}

/** What passes from one visit to the next: nothing that the one before was about to take, and whether microphone and camera were on. */
function useSuccession(room: Room, media: LocalMedia): void {
  useOnce(true, media.keep);
  useEffect(
    () => () => {
      if (room.state === "joined" || room.state === "reconnecting") media.prefer(wantedIn(room));
    },
    [room, media],
  );
}

function wantedIn(room: Room): { audio: boolean; video: boolean } {
  const { audio, video } = room.self.features;
  return { audio, video };
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
