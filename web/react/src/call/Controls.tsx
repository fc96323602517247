import { type ReactNode, type Ref, useRef } from "react";
import {
  CameraIcon,
  CameraOffIcon,
  ChatIcon,
  LeaveIcon,
  MicrophoneIcon,
  MicrophoneOffIcon,
  ScreenIcon,
  ScreenOffIcon,
  SettingsIcon,
} from "../icons.tsx";
import { useLevel } from "../media/useLevel.ts";
import type { UseRoom } from "../useRoom.ts";
import type { Actions } from "./useActions.ts";

/** What the bar shows and does. */
export interface ControlsProps {
  call: UseRoom;
  actions: Actions;
  panel: string | undefined;
}

/** The bar at the bottom of a call. */
export function Controls({ call, actions, panel }: ControlsProps) {
  const { features, camera, screen } = call.self;
  const microphone = useRef<HTMLButtonElement>(null);
  useLevel(features.audio ? camera : undefined, microphone);
  const sharing = screen !== undefined;
  return (
    <fieldset className="arbiter-controls" aria-label="Controls">
      <Control
        element={microphone}
        label="Microphone"
        hint={features.audio ? "Mute (m)" : "Unmute (m)"}
        pressed={features.audio}
        off={!features.audio}
        onClick={actions.toggleMicrophone}
      >
        {features.audio && <span className="arbiter-meter" />}
        {features.audio ? <MicrophoneIcon /> : <MicrophoneOffIcon />}
      </Control>
      <Control
        label="Camera"
        hint={features.video ? "Turn camera off (v)" : "Turn camera on (v)"}
        pressed={features.video}
        off={!features.video}
        onClick={actions.toggleCamera}
      >
        {features.video ? <CameraIcon /> : <CameraOffIcon />}
      </Control>
      {canShare() && (
        <Control
          label="Share screen"
          hint={sharing ? "Stop sharing (s)" : "Share screen (s)"}
          pressed={sharing}
          active={sharing}
          onClick={actions.toggleScreen}
        >
          {sharing ? <ScreenOffIcon /> : <ScreenIcon />}
        </Control>
      )}
      <Control
        label={call.unread > 0 ? `Chat, ${call.unread} unread` : "Chat"}
        hint="Chat (c)"
        pressed={panel === "chat"}
        active={panel === "chat"}
        onClick={actions.toggleChat}
      >
        <ChatIcon />
        {call.unread > 0 && <span className="arbiter-badge">{call.unread > 99 ? "99+" : call.unread}</span>}
      </Control>
      <Control
        label="Settings"
        hint="Devices and more"
        pressed={panel === "settings"}
        active={panel === "settings"}
        onClick={actions.toggleSettings}
      >
        <SettingsIcon />
      </Control>
      <Control label="Leave" hint="Leave the call" leave onClick={actions.leave}>
        <LeaveIcon />
      </Control>
    </fieldset>
  );
}

/** Phones cannot share their screens, so they get no button for it. */
function canShare(): boolean {
  return typeof globalThis.navigator?.mediaDevices?.getDisplayMedia === "function";
}

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

function Control({ element, label, hint, pressed, off, active, leave, onClick, children }: ControlProps) {
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
