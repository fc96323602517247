import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import { CloseIcon } from "../icons.tsx";

/** A part of the call that opens and closes. */
export interface PanelProps {
  title: string;
  /** For the stylesheet. */
  name: string;
  /** Without it the panel stays: there is no button, and it is no dialog. */
  onClose?: (() => void) | undefined;
  /** Put the focus on the panel when it opens. Default: true. */
  takeFocus?: boolean;
  children: ReactNode;
}

/** A panel with a title and a button to close it. Escape closes it too, and the focus goes back to where it was. */
export function Panel({ title, name, onClose, takeFocus = true, children }: PanelProps) {
  const element = useRef<HTMLElement>(null);
  const id = useId();
  // Read while rendering: by the time of an effect a child may have taken the focus.
  const [before] = useState(() => document.activeElement);
  useEffect(() => {
    if (takeFocus) element.current?.focus({ preventScroll: true });
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
    };
  }, [takeFocus, before]);
  return (
    <section
      ref={element}
      className={`arbiter-panel arbiter-panel-${name}`}
      role={onClose ? "dialog" : "region"}
      aria-labelledby={id}
      tabIndex={-1}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !onClose) return;
        event.stopPropagation();
        onClose();
      }}
    >
      <header className="arbiter-panel-head">
        <h3 id={id}>{title}</h3>
        {onClose && (
          <button
            type="button"
            className="arbiter-plain"
            aria-label={`Close ${title.toLowerCase()}`}
            onClick={onClose}
          >
            <CloseIcon />
          </button>
        )}
      </header>
      {children}
    </section>
  );
}
