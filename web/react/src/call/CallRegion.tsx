import type { ReactNode } from "react";
import { useArbiter } from "../context.ts";
import { Region } from "./Region.tsx";
import { useAnnouncements } from "./useAnnouncements.ts";
import { SHORTCUTS } from "./useShortcuts.ts";

/** The element around a call's parts: takes the focus, hears the keys, and says to screen readers who comes and goes. */
export function CallRegion({ className = "", children }: { className?: string; children: ReactNode }) {
  const { call, actions, interrupted } = useArbiter();
  const announcement = useAnnouncements(call.room, interrupted);
  const keys = Object.fromEntries(SHORTCUTS.map(({ key, action }) => [key, actions[action]]));
  return (
    <Region label="Video call" {...{ className, keys, announcement }}>
      {children}
    </Region>
  );
}
