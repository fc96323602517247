import { type ReactNode, useEffect, useRef } from "react";
import { useShortcuts } from "./useShortcuts.ts";

/** The element around a call, and around a session. */
export interface RegionProps {
  label: string;
  className?: string;
  /** What keys do. */
  keys: Readonly<Record<string, () => void>>;
  /** What a screen reader says next. */
  announcement: string;
  children: ReactNode;
}

/** Takes the focus, hears the keys, and says to screen readers what happens. */
export function Region({ label, className = "", keys, announcement, children }: RegionProps) {
  const root = useRef<HTMLDivElement>(null);
  useShortcuts(root, keys);
  useEffect(() => root.current?.focus({ preventScroll: true }), []);
  return (
    <section className={`arbiter-call ${className}`.trim()} ref={root} tabIndex={-1} aria-label={label}>
      {children}
      <p className="arbiter-hidden" role="status" aria-live="polite" data-announcement>
        {announcement}
      </p>
    </section>
  );
}
