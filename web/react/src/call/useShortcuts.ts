import { type RefObject, useEffect } from "react";
import { useLatest } from "../useLatest.ts";
import type { Actions } from "./useActions.ts";

/** The keys of a call, and what they do, in the order in which they are listed. */
export const SHORTCUTS: readonly { key: string; text: string; action: keyof Actions }[] = [
  { key: "m", text: "Microphone on or off", action: "toggleMicrophone" },
  { key: "v", text: "Camera on or off", action: "toggleCamera" },
  { key: "s", text: "Share screen, or stop", action: "toggleScreen" },
  { key: "c", text: "Chat", action: "toggleChat" },
  { key: "i", text: "Figures about the connection", action: "toggleStatistics" },
  { key: "?", text: "These shortcuts", action: "toggleShortcuts" },
];

/**
 * Listens to keys, each with what it does: anywhere on the page while nothing has the focus, else only while it is inside the component,
 * so that the page around it keeps its own keys. Never while somebody is typing.
 */
export function useShortcuts(
  root: RefObject<HTMLElement | null>,
  keys: Readonly<Record<string, () => void>>,
): void {
  const latest = useLatest(keys);
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      if (isTyping(event.target)) return;
      const focused = document.activeElement;
      if (focused && focused !== document.body && !root.current?.contains(focused)) return;
      const action = latest.current[event.key.toLowerCase()];
      if (!action) return;
      event.preventDefault();
      action();
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, [root, latest]);
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
}
