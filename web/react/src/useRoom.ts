import type { CallStatistics, Room, RoomOptions } from "@arbiter/client";
import { useEffect, useMemo, useSyncExternalStore } from "react";
import { type CallSnapshot, CallStore } from "./callStore.ts";
import { useLatest } from "./useLatest.ts";

/** The options of a `Room`, and whether to join without being asked. */
export interface UseRoomOptions extends RoomOptions {
  /** Join as soon as the component is on the page, without camera and microphone. Default: false. */
  autoJoin?: boolean;
}

/** A call, for people who bring their own look. No method rejects: what goes wrong is in `error`. */
export interface UseRoom extends CallSnapshot {
  /** The room itself, for its events and whatever is not here. */
  readonly room: Room;
  /** Joins with the tracks of a stream, or receiving only. */
  join(stream?: MediaStream): Promise<void>;
  leave(): Promise<void>;
  setMicrophone(on: boolean, deviceId?: string): Promise<boolean>;
  setCamera(on: boolean, deviceId?: string): Promise<boolean>;
  selectDevice(kind: "audioinput" | "videoinput", deviceId: string): Promise<boolean>;
  /** Shares the screen that the person picks, or a stream of your own. */
  shareScreen(stream?: MediaStream): Promise<boolean>;
  stopScreen(): Promise<boolean>;
  sendChat(text: string): Promise<boolean>;
  setName(name: string): Promise<boolean>;
  /** The messages so far have been seen: `unread` is 0. */
  markRead(): void;
  statistics(): Promise<CallStatistics>;
}

/**
 * A call of one path, as state for React. The room is left when the component goes, and when the options name another call.
 *
 * `name` and `token` may change under a call; any other change of the options is another call.
 */
export function useRoom(options: UseRoomOptions): UseRoom {
  const latest = useLatest(options);
  const store = useCallStore(options);
  useEffect(() => {
    const again = store.mount();
    if (!again && latest.current.autoJoin) void store.join();
    return () => store.unmount();
  }, [store, latest]);
  return useCall(store);
}

/** The store of the call that the options name, for whoever mounts it. */
export function useCallStore(options: UseRoomOptions): CallStore {
  const latest = useLatest(options);
  const { httpUrl, signalUrl, path, exactPath, peerId, createRooms, simulcast, name } = options;
  const withToken = options.token !== undefined;
  // A function is another one at each rendering: it is the latest that is asked.
  const url = typeof signalUrl === "string" ? signalUrl : undefined;
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is listed is what makes another call; the rest is read from `latest`
  const store = useMemo(() => {
    const { autoJoin: _, token: __, ...given } = latest.current;
    const rest = url === undefined ? { ...given, signalUrl: () => currentUrl(latest.current) } : given;
    return new CallStore(withToken ? { ...rest, token: () => currentToken(latest.current) } : rest);
  }, [httpUrl, url, path, exactPath, peerId, createRooms, simulcast, withToken]);

  useEffect(() => {
    if (name !== undefined && name !== store.room.self.features.name)
      void store.attempt(() => store.room.setName(name));
  }, [store, name]);
  return store;
}

/** What a store knows, and what can be done. */
export function useCall(store: CallStore): UseRoom {
  const snapshot = useSyncExternalStore(store.subscribe, store.snapshot, store.snapshot);
  const methods = useMemo(() => methodsOf(store), [store]);
  return useMemo(() => ({ ...snapshot, ...methods }), [snapshot, methods]);
}

async function currentUrl({ signalUrl }: RoomOptions): Promise<string> {
  return typeof signalUrl === "function" ? signalUrl() : signalUrl;
}

async function currentToken(options: RoomOptions): Promise<string> {
  const { token } = options;
  return (typeof token === "function" ? await token() : token) ?? "";
}

function methodsOf(store: CallStore): Omit<UseRoom, keyof CallSnapshot> {
  const { room } = store;
  const withDevice = async (action: () => unknown) => {
    const well = await store.attempt(action);
    void store.refreshDevices();
    return well;
  };
  return {
    room,
    join: store.join,
    leave: store.leave,
    setMicrophone: (on, deviceId) => withDevice(() => room.setMicrophone(on, deviceId)),
    setCamera: (on, deviceId) => withDevice(() => room.setCamera(on, deviceId)),
    selectDevice: (kind, deviceId) => store.attempt(() => room.selectDevice(kind, deviceId)),
    // Closing the browser's picker is a change of mind, not an error.
    shareScreen: (stream) => store.attempt(() => room.shareScreen(stream), "media_refused"),
    stopScreen: () => store.attempt(() => room.stopScreen()),
    sendChat: (text) => store.attempt(() => room.sendChat(text)),
    setName: (name) => store.attempt(() => room.setName(name)),
    markRead: store.markRead,
    statistics: () => room.statistics(),
  };
}
