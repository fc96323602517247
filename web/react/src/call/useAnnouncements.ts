import type { Room } from "@arbiter/client";
import { useEffect, useRef, useState } from "react";
import { listed, nameOf } from "../people.ts";

/** People who come or go within this time, milliseconds, are announced together; by its end their names are known. */
const TOGETHER = 600;

/** What happens in a call, in words for a screen reader's polite region. */
export function useAnnouncements(room: Room, interrupted: boolean): string {
  const [text, setText] = useState("");
  const came = useRef(new Set<string>());
  const went = useRef<string[]>([]);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const flush = () => {
      timer = undefined;
      const names = [...came.current].flatMap((id) => {
        const peer = room.peers.get(id);
        return peer ? [nameOf(peer.features)] : [];
      });
      const parts = [];
      if (names.length > 0) parts.push(`${listed(names)} joined.`);
      if (went.current.length > 0) parts.push(`${listed(went.current)} left.`);
      came.current.clear();
      went.current = [];
      if (parts.length > 0) setText(parts.join(" "));
    };
    const soon = () => {
      timer ??= setTimeout(flush, TOGETHER);
    };
    for (const id of room.peers.keys()) came.current.add(id);
    if (came.current.size > 0) soon();
    const stop = [
      room.on("peerJoined", ({ peer }) => {
        came.current.add(peer.id);
        soon();
      }),
      room.on("peerLeft", ({ peer }) => {
        if (!came.current.delete(peer.id)) went.current.push(nameOf(peer.features));
        soon();
      }),
      room.on("chat", (message) => {
        if (message.from !== room.self.id) setText(`${message.sender || "Guest"} says: ${message.content}`);
      }),
    ];
    return () => {
      clearTimeout(timer);
      for (const off of stop) off();
    };
  }, [room]);
  useEffect(() => {
    if (!interrupted) return;
    setText("The connection was lost. Reconnecting.");
    return () => setText("Connected again.");
  }, [interrupted]);
  return text;
}
