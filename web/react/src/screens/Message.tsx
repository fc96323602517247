import { type ReactNode, useEffect, useRef } from "react";

/** One of the screens that are no call: progress, an error, the end. */
export interface MessageProps {
  title: string;
  text: string;
  /** `alert` for what went wrong, so that it is read out at once. */
  role?: "alert" | "status";
  busy?: boolean;
  children?: ReactNode;
}

/** A headline, a sentence and what can be done, in the middle of the component. Takes the focus, so that the keyboard goes on from here. */
export function Message({ title, text, role = "status", busy = false, children }: MessageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another headline is another screen
  useEffect(() => heading.current?.focus({ preventScroll: true }), [title]);
  return (
    <div className="arbiter-message">
      {busy && <Waves />}
      <div role={role}>
        <h2 className="arbiter-title" tabIndex={-1} ref={heading}>
          {title}
        </h2>
        <p className="arbiter-text">{text}</p>
      </div>
      {children && <div className="arbiter-actions">{children}</div>}
    </div>
  );
}

/** Three dots that breathe. */
function Waves() {
  return (
    <div className="arbiter-waves" aria-hidden="true">
      <i />
      <i />
      <i />
    </div>
  );
}
