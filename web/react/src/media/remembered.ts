const PREFIX = "arbiter.";

/** Keeps a small thing for the next call. A browser that allows no storage forgets it, and that is all. */
export function remember(key: string, value: unknown): void {
  try {
    localStorage.setItem(PREFIX + key, JSON.stringify(value));
  } catch {
    // Private windows and blocked storage throw.
  }
}

/** What was kept, if anything. */
export function remembered<T>(key: string): T | undefined {
  // A server may have a storage of its own, with a warning for whoever uses it.
  if (typeof document === "undefined") return undefined;
  try {
    return JSON.parse(localStorage.getItem(PREFIX + key) ?? "null") ?? undefined;
  } catch {
    return undefined;
  }
}
