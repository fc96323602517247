import type { Room } from "@arbiter/client";
import { useEffect } from "react";
import { nameOf } from "../people.ts";
import { useAnnouncer } from "./useAnnouncer.ts";

/** What happens in a call, in words for a screen reader's polite region. */
export function useAnnouncements(room: Room, interrupted: boolean): string {
  const [text, announcer] = useAnnouncer((id) => {
    const peer = room.peers.get(id);
    return peer && nameOf(peer.features);
  }, interrupted);
  useEffect(() => {
    for (const id of room.peers.keys()) announcer.came(id);
    const stop = [
      room.on("peerJoined", ({ peer }) => announcer.came(peer.id)),
      room.on("peerLeft", ({ peer }) => announcer.went(peer.id, nameOf(peer.features))),
      room.on("chat", (message) => {
        if (message.from !== room.self.id)
          announcer.say(`${message.sender || "Guest"} says: ${message.content}`);
      }),
    ];
    return () => {
      for (const off of stop) off();
    };
  }, [room, announcer]);
  return text;
}
