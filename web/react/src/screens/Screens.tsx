import type { ReactNode } from "react";
import { useArbiter } from "../context.ts";
import { Lobby } from "../lobby/Lobby.tsx";
import { Status } from "./Status.tsx";

/** The screen of each stage: the lobby, this layout of a call, and the words for everything in between. */
export function Screens({ call }: { call: ReactNode }) {
  const { stage } = useArbiter();
  if (stage === "lobby") return <Lobby />;
  return stage === "call" ? call : <Status />;
}
