import "./style.css";
import type { Room, RoomErrorInit } from "@arbiter/client";
import {
  type ReactNode,
  useCallback,
  useEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";
import { type PanelName, useActions } from "./call/useActions.ts";
import { useLasting } from "./call/useLasting.ts";
import { Parts, type PartsContext, type Stage } from "./context.ts";
import { LocalMedia } from "./media/localMedia.ts";
import { remember, remembered } from "./media/remembered.ts";
import { shownPath } from "./people.ts";
import { RoomSession } from "./roomSession.ts";
import { useLatest } from "./useLatest.ts";
import { type UseRoom, type UseRoomOptions, useCall, useCallStore } from "./useRoom.ts";

/** A socket is replaced within half a second, and the call goes on: an interruption is shown after this time, milliseconds. */
const INTERRUPTION = 1_000;

/** The properties of `<Arbiter />`, and of `<ArbiterProvider>`, which has children besides. */
export interface ArbiterProps {
  /** The HTTP API, such as `https://….execute-api.eu-west-1.amazonaws.com`. */
  httpUrl: string;
  /** The WebSocket API, such as `wss://….execute-api.eu-west-1.amazonaws.com/prod`; or a function that gets it with a fresh ticket. */
  signalUrl: UseRoomOptions["signalUrl"];
  /** Which call: everybody with the same path meets. Default: the path of the page. */
  path?: string;
  /** Ask for the path byte for byte as it is, to meet clients that do so, as the original's. Default: false. */
  exactPath?: boolean;
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
  /** The call is over, and not by an error: the person or the page's own code has left it. */
  onLeave?: () => void;
  /** Anything went wrong; the component shows it as well. */
  onError?: (error: RoomErrorInit & Error) => void;
  /** The room that the component uses, as soon as it has one, for its events and for tests. Once for each room. */
  onRoom?: (room: Room) => void;
}

/**
 * A call for the parts within: `<Lobby>`, `<Grid>`, `<Chat>` and the others, or whatever uses `useArbiter`. It is an element that fills its
 * container, with the colours and the type of the parts.
 */
export function ArbiterProvider({ children, ...props }: ArbiterProps & { children?: ReactNode }) {
  const [name, keepName] = useName(props.name);
  const [media] = useState(() => new LocalMedia());
  const options = roomOptions(props, name);
  // What makes another room for `useRoom` makes another room session, which begins at its beginning.
  const { httpUrl, signalUrl, path, exactPath } = options;
  const key = JSON.stringify([httpUrl, signalUrl, path, exactPath, options.token !== undefined]);
  return (
    <OneCall key={key} {...{ props, options, name, keepName, media }}>
      {children}
    </OneCall>
  );
}

interface OneCallProps {
  props: ArbiterProps;
  options: UseRoomOptions;
  name: string;
  keepName(name: string): void;
  /** Outlives the call: whoever was muted stays so in the next one. */
  media: LocalMedia;
  children: ReactNode;
}

/** One call, from the lobby to the end. */
function OneCall({ props, options, name, keepName, media, children }: OneCallProps) {
  const store = useCallStore(options);
  const call = useCall(store);
  const wishes = useLatest(props);
  const roomSession = useMemo(() => new RoomSession(store, media, wishes), [store, media, wishes]);
  const entered = useSyncExternalStore(roomSession.subscribe, roomSession.stage, roomSession.stage);
  const trouble = useSyncExternalStore(roomSession.subscribe, roomSession.trouble, roomSession.trouble);
  const preview = useSyncExternalStore(media.subscribe, media.snapshot, media.snapshot);
  const inBrowser = useInBrowser();
  const { room, state, error } = call;
  const inCall = entered === "entered" && (state === "joined" || state === "reconnecting");
  const stage: Stage = entered === "entered" ? (inCall ? "call" : "joining") : entered;
  const open = useOpen(inCall);
  const actions = useActions(call, preview.chosen, open.change, call.leave);
  const interrupted = useLasting(state === "reconnecting", INTERRUPTION);
  // A server does not know the page's address.
  const path = inBrowser || props.path !== undefined ? shownPath(room.path) : "";
  const inviteUrl = inBrowser ? inviteUrlOf(props) : undefined;

  useEffect(() => {
    roomSession.mount();
    return () => roomSession.unmount();
  }, [roomSession]);
  useLobbyMedia(media, stage === "lobby");
  useErrors(error, props.onError);

  const { panel, statistics } = open;
  const parts: PartsContext = {
    ...{ stage, call, interrupted, name, setName: keepName, inviteUrl, panel, statistics, actions },
    ...{ join: roomSession.enter, cancel: roomSession.cancel, path, media, preview, trouble },
  };
  return (
    <div
      className="arbiter"
      data-theme={props.theme ?? "auto"}
      data-state={stage === "failed" ? "failed" : state}
    >
      <Parts.Provider value={parts}>{children}</Parts.Provider>
    </div>
  );
}

/** What the buttons and keys have opened: each call begins with nothing. */
function useOpen(inCall: boolean) {
  const [panel, setPanel] = useState<PanelName>();
  const [statistics, setStatistics] = useState(false);
  const change = useMemo(() => ({ panel: setPanel, statistics: setStatistics }), []);
  useEffect(() => {
    if (inCall) return;
    setPanel(undefined);
    setStatistics(false);
  }, [inCall]);
  return { panel: inCall ? panel : undefined, statistics: inCall && statistics, change };
}

/** Camera and microphone are on while the lobby is to be seen. */
function useLobbyMedia(media: LocalMedia, open: boolean): void {
  useEffect(() => {
    if (!open) return;
    void media.start();
    return () => media.stop();
  }, [media, open]);
}

/** False on a server, and while the browser takes over what came from there: what is shown then is the same in both. */
function useInBrowser(): boolean {
  return useSyncExternalStore(
    never,
    () => true,
    () => false,
  );
}

const never = () => () => {};

/** Tells the page of each error once: effects run again when the component is shown again. */
function useErrors(error: UseRoom["error"], onError: ArbiterProps["onError"]): void {
  const told = useRef<UseRoom["error"]>(undefined);
  const latest = useLatest(onError);
  useEffect(() => {
    if (!error || error === told.current) return;
    told.current = error;
    latest.current?.(error);
  }, [error, latest]);
}

/** The name that others see: what this person has entered here, else the page's, else what they entered last time. */
function useName(given: string | undefined): [string, (entered: string) => void] {
  const [entered, setEntered] = useState<string>();
  const [before] = useState(() => remembered<string>("name"));
  const inBrowser = useInBrowser();
  const keep = useCallback((name: string) => {
    setEntered(name);
    remember("name", name.trim());
  }, []);
  return [entered ?? given ?? (inBrowser ? before : undefined) ?? "", keep];
}

function roomOptions(props: ArbiterProps, name: string): UseRoomOptions {
  const { httpUrl, signalUrl, exactPath = false, token } = props;
  const path = props.path ?? globalThis.location?.pathname ?? "/";
  return { httpUrl, signalUrl, path, exactPath, name: name.trim(), ...(token !== undefined && { token }) };
}

function inviteUrlOf({ path, inviteUrl }: ArbiterProps): string | undefined {
  if (inviteUrl !== undefined) return inviteUrl ?? undefined;
  return path === undefined ? `${location.origin}${location.pathname}` : undefined;
}
