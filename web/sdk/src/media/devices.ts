import { mildError, RoomError } from "../errors.js";
import { CAMERA } from "./simulcast.js";

/** The kinds of devices that a person chooses from. */
export type DeviceKind = "audioinput" | "videoinput";

/**
 * Gets one track from a microphone or camera: from this device, else, or when it is gone, from the one that the browser takes by
 * default. `camera`: what a camera is asked for.
 */
export async function openDevice(
  kind: DeviceKind,
  deviceId?: string,
  camera: MediaTrackConstraints = CAMERA,
): Promise<MediaStreamTrack> {
  const chosen: MediaTrackConstraints = deviceId === undefined ? {} : { deviceId: { exact: deviceId } };
  const constraints: MediaStreamConstraints =
    kind === "audioinput"
      ? { audio: { ...chosen, echoCancellation: true, noiseSuppression: true, autoGainControl: true } }
      : { video: { ...chosen, ...camera } };
  try {
    const stream = await mediaDevices().getUserMedia(constraints);
    const track = stream.getTracks()[0];
    if (track) return track;
  } catch (error) {
    if (deviceId !== undefined && isMissing(error)) return openDevice(kind, undefined, camera);
    throw deviceError(error, kind === "audioinput" ? "microphone" : "camera");
  }
  throw deviceError(new DOMException("", "NotFoundError"), kind === "audioinput" ? "microphone" : "camera");
}

/** Asks for a screen, a window or a tab, with its sound where the browser can. */
export async function openScreen(): Promise<MediaStream> {
  try {
    return await mediaDevices().getDisplayMedia({ video: { frameRate: { ideal: 15 } }, audio: true });
  } catch (error) {
    throw deviceError(error, "screen");
  }
}

/** `navigator.mediaDevices`, which is missing on pages without TLS. */
export function mediaDevices(): MediaDevices {
  const devices = globalThis.navigator?.mediaDevices as MediaDevices | undefined;
  if (devices) return devices;
  throw mildError("media_refused", "Camera and microphone need a page that is served over HTTPS.");
}

/** What `getUserMedia` and its kin threw, in words. */
export function deviceError(thrown: unknown, device: "microphone" | "camera" | "screen"): RoomError {
  if (thrown instanceof RoomError) return thrown;
  const [code, message] = describe(thrown instanceof Error ? thrown.name : "", device);
  return mildError(code, message, thrown);
}

function isMissing(thrown: unknown): boolean {
  return thrown instanceof Error && ["NotFoundError", "OverconstrainedError"].includes(thrown.name);
}

function describe(name: string, device: string): [code: string, message: string] {
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return ["media_refused", `The ${device} is not allowed to be used.`];
    case "NotFoundError":
    case "OverconstrainedError":
      return ["media_missing", `There is no such ${device}.`];
    default:
      return ["media_busy", `The ${device} is in use by another program, or does not work.`];
  }
}
