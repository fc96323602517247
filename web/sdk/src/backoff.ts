/**
 * The pause before attempt number `attempt` (from 0): `first` ms, doubled each time up to `most`, and made up to half
 * shorter at random, so that clients that were cut at the same moment do not come back at the same moment.
 */
export function backoff(attempt: number, first: number, most: number): number {
  return Math.min(most, first * 2 ** attempt) * (0.5 + Math.random() / 2);
}

/** Resolves after `ms`; rejects with the signal's reason when that aborts first. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const aborted = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", aborted);
      resolve();
    }, ms);
    if (signal?.aborted) aborted();
    else signal?.addEventListener("abort", aborted, { once: true });
  });
}

/** Milliseconds by a clock that nobody sets. */
export function clock(): number {
  return performance.now();
}
