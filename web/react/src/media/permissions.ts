import type { MediaKind } from "./acquire.ts";

const NAMES = { audio: "microphone", video: "camera" } as const;

/**
 * Tells when the browser allows a microphone or a camera that it did not allow before, until the signal aborts. A browser that
 * does not know the name, as Firefox for long, or has no such list tells nothing.
 */
export async function onAllowed(
  kind: MediaKind,
  tell: (kind: MediaKind) => void,
  signal: AbortSignal,
): Promise<void> {
  try {
    const status = await navigator.permissions.query({ name: NAMES[kind] });
    const changed = () => {
      if (status.state === "granted") tell(kind);
    };
    if (!signal.aborted) status.addEventListener("change", changed, { signal });
  } catch {
    // Then asking again is the person's to do.
  }
}
