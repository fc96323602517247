import { type ReactNode, type Ref, useRef } from "react";
import {
  CameraIcon,
  CameraOffIcon,
  LeaveIcon,
  MicrophoneIcon,
  MicrophoneOffIcon,
  ScreenIcon,
  ScreenOffIcon,
} from "../icons.tsx";
import { useLevel } from "../media/useLevel.ts";

/** A microphone that is on or off, and how loud it is. */
export function MicrophoneControl(props: { on: boolean; stream: MediaStream | undefined; onClick(): void }) {
  const { on, stream, onClick } = props;
  const element = useRef<HTMLButtonElement>(null);
  useLevel(on ? stream : undefined, element);
  return (
    <Control
      element={element}
      label="Microphone"
      hint={on ? "Mute (m)" : "Unmute (m)"}
      pressed={on}
      off={!on}
      onClick={onClick}
    >
      {on && <span className="arbiter-meter" />}
      {on ? <MicrophoneIcon /> : <MicrophoneOffIcon />}
    </Control>
  );
}

/** A camera that is on or off. */
export function CameraControl({ on, onClick }: { on: boolean; onClick(): void }) {
  return (
    <Control
      label="Camera"
      hint={on ? "Turn camera off (v)" : "Turn camera on (v)"}
      pressed={on}
      off={!on}
      onClick={onClick}
    >
      {on ? <CameraIcon /> : <CameraOffIcon />}
    </Control>
  );
}

/** Shares a screen, and stops that. Nothing on phones, which cannot. */
export function ScreenControl({ sharing, onClick }: { sharing: boolean; onClick(): void }) {
  if (typeof globalThis.navigator?.mediaDevices?.getDisplayMedia !== "function") return null;
  return (
    <Control
      label="Share screen"
      hint={sharing ? "Stop sharing (s)" : "Share screen (s)"}
      pressed={sharing}
      active={sharing}
      onClick={onClick}
    >
      {sharing ? <ScreenOffIcon /> : <ScreenIcon />}
    </Control>
  );
}

/** Leaves. `what`: the call, or the session. */
export function LeaveControl({ what, onClick }: { what: string; onClick(): void }) {
  return (
    <Control label="Leave" hint={`Leave ${what}`} leave onClick={onClick}>
      <LeaveIcon />
    </Control>
  );
}

/** A round button of the bar. */
interface ControlProps {
  element?: Ref<HTMLButtonElement>;
  label: string;
  hint: string;
  pressed?: boolean;
  off?: boolean;
  active?: boolean;
  leave?: boolean;
  onClick(): void;
  children: ReactNode;
}

/** A round button of the bar: an icon, with words for screen readers and for whoever hovers. */
export function Control({
  element,
  label,
  hint,
  pressed,
  off,
  active,
  leave,
  onClick,
  children,
}: ControlProps) {
  const classes = ["arbiter-round"];
  if (off) classes.push("arbiter-off");
  if (active) classes.push("arbiter-active");
  if (leave) classes.push("arbiter-leave");
  return (
    <button
      {...(element && { ref: element })}
      type="button"
      className={classes.join(" ")}
      aria-label={label}
      title={hint}
      {...(pressed !== undefined && { "aria-pressed": pressed })}
      onClick={onClick}
    >
      {children}
    </button>
  );
}
