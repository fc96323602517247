/** Why there is no camera or no microphone. `insecure`: the page came without HTTPS, so the browser offers none. */
export type MediaProblem = "refused" | "missing" | "busy" | "insecure";

/** The microphone and the camera, in the words of the code. */
export type MediaKind = "audio" | "video";

/** What was got, and why the rest was not. */
export interface Acquired {
  tracks: MediaStreamTrack[];
  problems: Partial<Record<MediaKind, MediaProblem>>;
}

/** Devices by id; absent is the browser's choice. */
export type Chosen = Partial<Record<MediaDeviceKind, string>>;

/**
 * Gets what is wanted, and as much of it as can be had: a page without a camera still gets its microphone.
 *
 * Both are asked for at once, so that there is one prompt. What the person has just turned down is not asked for again.
 */
export async function acquire(wanted: readonly MediaKind[], chosen: Chosen): Promise<Acquired> {
  if (wanted.length === 0) return { tracks: [], problems: {} };
  if (!globalThis.navigator?.mediaDevices?.getUserMedia)
    return { tracks: [], problems: all(wanted, "insecure") };
  try {
    return { tracks: await open(wanted, chosen), problems: {} };
  } catch (error) {
    const problem = problemOf(error);
    if (wanted.length === 1 || (problem === "refused" && !(await onlyOneIsDenied()))) {
      return { tracks: [], problems: all(wanted, problem) };
    }
    const parts = [];
    for (const kind of wanted) parts.push(await acquire([kind], chosen));
    return {
      tracks: parts.flatMap((part) => part.tracks),
      problems: Object.assign({}, ...parts.map((part) => part.problems)),
    };
  }
}

async function open(wanted: readonly MediaKind[], chosen: Chosen): Promise<MediaStreamTrack[]> {
  const { mediaDevices } = navigator;
  try {
    return (await mediaDevices.getUserMedia(constraints(wanted, chosen))).getTracks();
  } catch (error) {
    // The device of last time has been unplugged: any other will do.
    const named = wanted.filter((kind) => chosen[`${kind}input`]);
    if (named.length === 0 || problemOf(error) !== "missing") throw error;
    return (
      await mediaDevices.getUserMedia(constraints(wanted, await thoseThere(named, chosen)))
    ).getTracks();
  }
}

/** The choices that are still listed; none if that is all of them, as the list then does not say which one cannot be had. */
async function thoseThere(named: readonly MediaKind[], chosen: Chosen): Promise<Chosen> {
  const devices = await navigator.mediaDevices.enumerateDevices().catch(() => []);
  const there = named.filter((kind) =>
    devices.some((device) => device.kind === `${kind}input` && device.deviceId === chosen[device.kind]),
  );
  if (there.length === named.length) return {};
  return Object.fromEntries(there.map((kind) => [`${kind}input`, chosen[`${kind}input`]]));
}

function constraints(wanted: readonly MediaKind[], chosen: Chosen): MediaStreamConstraints {
  const device = (id: string | undefined) => (id ? { deviceId: { exact: id } } : {});
  return {
    ...(wanted.includes("audio") && { audio: device(chosen.audioinput) }),
    ...(wanted.includes("video") && {
      video: { width: { ideal: 1280 }, height: { ideal: 720 }, ...device(chosen.videoinput) },
    }),
  };
}

/** Tells the errors of getUserMedia apart. */
export function problemOf(error: unknown): MediaProblem {
  switch (error instanceof Error ? error.name : "") {
    case "NotAllowedError":
    case "SecurityError":
      return "refused";
    case "NotFoundError":
    case "OverconstrainedError":
      return "missing";
    default:
      return "busy";
  }
}

/** True if the browser has been told never to give one of the two, so that asking for the other is not a second prompt for the same. */
async function onlyOneIsDenied(): Promise<boolean> {
  try {
    const states = await Promise.all(
      ["camera", "microphone"].map((name) => navigator.permissions.query({ name: name as PermissionName })),
    );
    return states.filter((status) => status.state === "denied").length === 1;
  } catch {
    return false;
  }
}

function all(kinds: readonly MediaKind[], problem: MediaProblem): Acquired["problems"] {
  return Object.fromEntries(kinds.map((kind) => [kind, problem]));
}
