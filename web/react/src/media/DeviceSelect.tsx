import type { Chosen } from "./acquire.ts";

/** A choice among the devices of one kind. */
export interface DeviceSelectProps {
  kind: MediaDeviceKind;
  label: string;
  media: { readonly devices: readonly MediaDeviceInfo[]; readonly chosen: Readonly<Chosen> };
  /** The stream in use: what it really comes from is what is shown, whatever was chosen. */
  stream: MediaStream | undefined;
  onChoose(kind: MediaDeviceKind, deviceId: string): void;
}

/** A device picker; nothing while the browser tells no names, which is until the first permission. */
export function DeviceSelect({ kind, label, media, stream, onChoose }: DeviceSelectProps) {
  const devices = media.devices.filter((device) => device.kind === kind && device.label !== "");
  if (devices.length === 0) return null;
  const inUse = stream
    ?.getTracks()
    .find((track) => `${track.kind}input` === kind)
    ?.getSettings().deviceId;
  const chosen =
    devices.find((device) => device.deviceId === inUse) ??
    devices.find((device) => device.deviceId === media.chosen[kind]) ??
    devices[0];
  return (
    <label className="arbiter-field">
      <span>{label}</span>
      <select
        className="arbiter-input arbiter-select"
        value={chosen?.deviceId}
        onChange={(event) => onChoose(kind, event.target.value)}
      >
        {devices.map((device) => (
          <option key={device.deviceId} value={device.deviceId}>
            {device.label}
          </option>
        ))}
      </select>
    </label>
  );
}
