import { type ReactNode, useEffect, useRef } from "react";
import { useArbiter } from "../context.ts";
import { useAnnouncements } from "./useAnnouncements.ts";
import { useShortcuts } from "./useShortcuts.ts";

/** The element around a call's parts: takes the focus, hears the keys, and says to screen readers who comes and goes. */
export function CallRegion({ className = "", children }: { className?: string; children: ReactNode }) {
  const { call, actions, interrupted } = useArbiter();
  const root = useRef<HTMLDivElement>(null);
  const announcement = useAnnouncements(call.room, interrupted);
  useShortcuts(root, actions);
  useEffect(() => root.current?.focus({ preventScroll: true }), []);
  return (
    <section className={`arbiter-call ${className}`.trim()} ref={root} tabIndex={-1} aria-label="Video call">
      {children}
      <p className="arbiter-hidden" role="status" aria-live="polite" data-announcement>
        {announcement}
      </p>
    </section>
  );
}
