import type { RoomErrorInit } from "@arbiter/client";
import { createContext, useContext } from "react";
import type { Actions, PanelName } from "./call/useActions.ts";
import type { LocalMedia, LocalMediaSnapshot } from "./media/localMedia.ts";
import type { UseRoom } from "./useRoom.ts";

/**
 * Where a person is on the way through a call.
 *
 * - `lobby`: not joined yet
 * - `joining`: camera and microphone are asked for, the room is found or started and entered
 * - `call`: in the call, also while it reconnects
 * - `left`: it is over, and may be joined again
 * - `failed`: it is over by an error, `call.error`
 */
export type Stage = "lobby" | "joining" | "call" | "left" | "failed";

/** What the parts of a call have in common. */
export interface ArbiterCall {
  readonly stage: Stage;
  /** The call itself, as `useRoom` gives it. */
  readonly call: UseRoom;
  /** The connection has been gone for over a second, and is being restored. */
  readonly interrupted: boolean;
  /** This person's name, at most 64 characters; empty without one. */
  readonly name: string;
  /** Another name, which is also remembered for the next call. */
  setName(name: string): void;
  /** What an invitation copies; `undefined`: nobody is invited. */
  readonly inviteUrl: string | undefined;
  /** The panel that the buttons and keys have opened; none outside of a call. */
  readonly panel: PanelName | undefined;
  /** Whether they have opened the statistics. */
  readonly statistics: boolean;
  /** Joins, or joins again, with the camera and microphone that the person wants on. */
  join(): void;
  /** Goes back to the lobby while it is `joining`. */
  cancel(): void;
  /** What the buttons and keys do. */
  readonly actions: Actions;
}

/** What only this library's parts know. */
export interface PartsContext extends ArbiterCall {
  /** The call's path, as people know it; empty while it is not known, on a server. */
  readonly path: string;
  /** What ended the call before, while joining is tried again by itself. */
  readonly trouble: RoomErrorInit | undefined;
  /** The lobby's camera and microphone, which are remembered for the next call. */
  readonly media: LocalMedia;
  readonly preview: LocalMediaSnapshot;
}

export const Parts = createContext<PartsContext | undefined>(undefined);

/** What the parts share. Throws outside of an `<ArbiterProvider>`. */
export function useParts(): PartsContext {
  const parts = useContext(Parts);
  if (!parts) throw new Error("This part of Arbiter needs an <ArbiterProvider> around it.");
  return parts;
}

/** The call that the `<ArbiterProvider>` around holds, for a layout of one's own. Throws outside of one. */
export function useArbiter(): ArbiterCall {
  return useParts();
}
