import type { Session } from "@arbiter/client";
import { useEffect } from "react";
import { useAnnouncer } from "../call/useAnnouncer.ts";
import { useLatest } from "../useLatest.ts";
import type { Member } from "./members.ts";

/** What happens in a session, in words for a screen reader's polite region. */
export function useSessionAnnouncements(
  session: Session,
  members: readonly Member[],
  interrupted: boolean,
): string {
  const nameOf = (id: string) => members.find((one) => one.id === id)?.name;
  const [text, announcer] = useAnnouncer(nameOf, interrupted);
  // Who has just left is still among these.
  const latest = useLatest(nameOf);
  useEffect(() => {
    for (const id of session.connections.keys()) announcer.came(id);
    const stop = [
      session.on("connectionCreated", ({ connection }) => announcer.came(connection.connectionId)),
      session.on("connectionDestroyed", ({ connection: { connectionId } }) =>
        announcer.went(connectionId, latest.current(connectionId) ?? "Somebody"),
      ),
      session.on("muteForced", ({ active }) =>
        announcer.say(
          active ? "A moderator has muted everybody." : "A moderator has ended the muting of everybody.",
        ),
      ),
    ];
    return () => {
      for (const off of stop) off();
    };
  }, [session, announcer, latest]);
  return text;
}
