import { useEffect, useState } from "react";
import { listed } from "../people.ts";
import { useLatest } from "../useLatest.ts";

/** People who come or go within this time, milliseconds, are announced together; by its end their names are known. */
const TOGETHER = 600;

/** Says to a screen reader who comes and goes, and anything else. */
export interface Announcer {
  came(id: string): void;
  went(id: string, name: string): void;
  say(text: string): void;
}

/** What a polite region says, and what it is told. `nameOf`: of whoever is there. */
export function useAnnouncer(
  nameOf: (id: string) => string | undefined,
  interrupted: boolean,
): [text: string, announcer: Announcer] {
  const [text, setText] = useState("");
  const latest = useLatest(nameOf);
  const [announcer] = useState(() => announcing(setText, (id) => latest.current(id)));
  useEffect(() => announcer.stop, [announcer]);
  useEffect(() => {
    if (!interrupted) return;
    setText("The connection was lost. Reconnecting.");
    return () => setText("Connected again.");
  }, [interrupted]);
  return [text, announcer];
}

function announcing(say: (text: string) => void, nameOf: (id: string) => string | undefined) {
  const came = new Set<string>();
  let went: string[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    timer = undefined;
    const names = [...came].flatMap((id) => nameOf(id) ?? []);
    const parts = [];
    if (names.length > 0) parts.push(`${listed(names)} joined.`);
    if (went.length > 0) parts.push(`${listed(went)} left.`);
    came.clear();
    went = [];
    if (parts.length > 0) say(parts.join(" "));
  };
  const soon = () => {
    timer ??= setTimeout(flush, TOGETHER);
  };
  return {
    came(id: string) {
      came.add(id);
      soon();
    },
    went(id: string, name: string) {
      if (!came.delete(id)) went.push(name);
      soon();
    },
    say,
    stop() {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
