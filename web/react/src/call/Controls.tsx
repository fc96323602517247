import { type ReactNode, type Ref, useRef } from "react";
import { useArbiter } from "../context.ts";
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

/** The bar at the bottom of a call: all buttons, or those that are given as children. */
export function Controls({ children }: { children?: ReactNode }) {
  return (
    <fieldset className="arbiter-controls" aria-label="Controls">
      {children ?? (
        <>
          <MicrophoneButton />
          <CameraButton />
          <ScreenButton />
          <ChatButton />
          <SettingsButton />
          <LeaveButton />
        </>
      )}
    </fieldset>
  );
}

/** Mutes and unmutes, and shows how loud this person is. */
export function MicrophoneButton() {
  const { call, actions } = useArbiter();
  const { features, camera } = call.self;
  const element = useRef<HTMLButtonElement>(null);
  useLevel(features.audio ? camera : undefined, element);
  return (
    <Control
      element={element}
      label="Microphone"
      hint={features.audio ? "Mute (m)" : "Unmute (m)"}
      pressed={features.audio}
      off={!features.audio}
      onClick={actions.toggleMicrophone}
    >
      {features.audio && <span className="arbiter-meter" />}
      {features.audio ? <MicrophoneIcon /> : <MicrophoneOffIcon />}
    </Control>
  );
}

/** Switches the camera on and off. */
export function CameraButton() {
  const { call, actions } = useArbiter();
  const { video } = call.self.features;
  return (
    <Control
      label="Camera"
      hint={video ? "Turn camera off (v)" : "Turn camera on (v)"}
      pressed={video}
      off={!video}
      onClick={actions.toggleCamera}
    >
      {video ? <CameraIcon /> : <CameraOffIcon />}
    </Control>
  );
}

/** Shares a screen, and stops that. Nothing on phones, which cannot. */
export function ScreenButton() {
  const { call, actions } = useArbiter();
  const sharing = call.self.screen !== undefined;
  if (!canShare()) return null;
  return (
    <Control
      label="Share screen"
      hint={sharing ? "Stop sharing (s)" : "Share screen (s)"}
      pressed={sharing}
      active={sharing}
      onClick={actions.toggleScreen}
    >
      {sharing ? <ScreenOffIcon /> : <ScreenIcon />}
    </Control>
  );
}

/** Opens and closes the panel `chat`, and says how many messages are unread. */
export function ChatButton() {
  const { call, panel, actions } = useArbiter();
  const { unread } = call;
  return (
    <Control
      label={unread > 0 ? `Chat, ${unread} unread` : "Chat"}
      hint="Chat (c)"
      pressed={panel === "chat"}
      active={panel === "chat"}
      onClick={actions.toggleChat}
    >
      <ChatIcon />
      {unread > 0 && <span className="arbiter-badge">{unread > 99 ? "99+" : unread}</span>}
    </Control>
  );
}

/** Opens and closes the panel `settings`. */
export function SettingsButton() {
  const { panel, actions } = useArbiter();
  return (
    <Control
      label="Settings"
      hint="Devices and more"
      pressed={panel === "settings"}
      active={panel === "settings"}
      onClick={actions.toggleSettings}
    >
      <SettingsIcon />
    </Control>
  );
}

/** Leaves the call. */
export function LeaveButton() {
  const { actions } = useArbiter();
  return (
    <Control label="Leave" hint="Leave the call" leave onClick={actions.leave}>
      <LeaveIcon />
    </Control>
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
