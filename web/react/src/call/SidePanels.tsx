import { useState } from "react";
import { useArbiter, useParts } from "../context.ts";
import { DeviceSelect } from "../media/DeviceSelect.tsx";
import { InviteLink } from "../screens/InviteLink.tsx";
import { Panel } from "./Panel.tsx";
import { SHORTCUTS } from "./useShortcuts.ts";

/** Devices, name, and the way to what has no button of its own. */
export function Settings() {
  const { call, preview, media, inviteUrl, actions, setName } = useParts();
  const onChoose = (kind: MediaDeviceKind, deviceId: string) => {
    media.choose(kind, deviceId);
    if (kind !== "audiooutput") void call.selectDevice(kind, deviceId);
  };
  const [typed, setTyped] = useState<string>();
  // A field that was only passed through is no name that the person chose.
  const enter = () => typed !== undefined && setName(typed);
  const choice = { devices: call.devices, chosen: preview.chosen };
  const speakers = typeof HTMLMediaElement.prototype.setSinkId === "function";
  return (
    <Panel title="Settings" name="settings" onClose={actions.closePanel}>
      <div className="arbiter-panel-body">
        <DeviceSelect
          kind="audioinput"
          label="Microphone"
          media={choice}
          stream={call.self.camera}
          onChoose={onChoose}
        />
        <DeviceSelect
          kind="videoinput"
          label="Camera"
          media={choice}
          stream={call.self.camera}
          onChoose={onChoose}
        />
        {speakers && (
          <DeviceSelect
            kind="audiooutput"
            label="Speaker"
            media={choice}
            stream={call.self.camera}
            onChoose={onChoose}
          />
        )}
        {choice.devices.every((device) => device.label === "") && (
          <p className="arbiter-text">Turn on the microphone or the camera to choose a device.</p>
        )}
        <label className="arbiter-field">
          <span>Your name</span>
          <input
            className="arbiter-input"
            value={typed ?? call.self.features.name ?? ""}
            maxLength={64}
            placeholder="Guest"
            onChange={(event) => setTyped(event.target.value)}
            onBlur={enter}
            onKeyDown={(event) => event.key === "Enter" && enter()}
          />
        </label>
        <div className="arbiter-panel-links">
          {inviteUrl && <InviteLink url={inviteUrl} label="Copy the link to this call" />}
          <button type="button" className="arbiter-link" onClick={actions.toggleStatistics}>
            Figures about the connection <kbd>i</kbd>
          </button>
          <button type="button" className="arbiter-link" onClick={actions.toggleShortcuts}>
            Keyboard shortcuts <kbd>?</kbd>
          </button>
        </div>
      </div>
    </Panel>
  );
}

/** The list of keys. */
export function Shortcuts() {
  const { actions } = useArbiter();
  return (
    <Panel title="Keyboard shortcuts" name="shortcuts" onClose={actions.closePanel}>
      <dl className="arbiter-panel-body arbiter-keys">
        {SHORTCUTS.map(({ key, text }) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </Panel>
  );
}
