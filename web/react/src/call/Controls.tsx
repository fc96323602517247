import type { ReactNode } from "react";
import { useArbiter } from "../context.ts";
import { ChatIcon, SettingsIcon } from "../icons.tsx";
import { CameraControl, Control, LeaveControl, MicrophoneControl, ScreenControl } from "./Control.tsx";

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
  return <MicrophoneControl on={features.audio} stream={camera} onClick={actions.toggleMicrophone} />;
}

/** Switches the camera on and off. */
export function CameraButton() {
  const { call, actions } = useArbiter();
  return <CameraControl on={call.self.features.video} onClick={actions.toggleCamera} />;
}

/** Shares a screen, and stops that. Nothing on phones, which cannot. */
export function ScreenButton() {
  const { call, actions } = useArbiter();
  return <ScreenControl sharing={call.self.screen !== undefined} onClick={actions.toggleScreen} />;
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
  return <LeaveControl what="the call" onClick={useArbiter().actions.leave} />;
}
