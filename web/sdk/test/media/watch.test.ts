import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Watch } from "../../src/media/watch.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function watching(reachable = true) {
  const did: string[] = [];
  const watch = new Watch(reachable, {
    restart: () => did.push("restart"),
    replace: () => did.push("replace"),
  });
  return { watch, did };
}

describe("a producer connection", () => {
  test("that is interrupted for a moment is left alone", async () => {
    const { watch, did } = watching();
    watch.changed("connected", "connected");
    watch.changed("disconnected", "disconnected");
    await vi.advanceTimersByTimeAsync(2_900);
    watch.changed("connected", "connected");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(did).toEqual([]);
  });

  test("that is interrupted for longer gets an ICE restart, then a successor", async () => {
    const { watch, did } = watching();
    watch.changed("connected", "connected");
    watch.changed("disconnected", "disconnected");
    await vi.advanceTimersByTimeAsync(3_000);
    expect(did).toEqual(["restart"]);
    watch.changed("connecting", "checking");
    await vi.advanceTimersByTimeAsync(5_999);
    expect(did).toEqual(["restart"]);
    await vi.advanceTimersByTimeAsync(1);
    expect(did).toEqual(["restart", "replace"]);
  });

  test("that comes back by an ICE restart gets another one the next time", async () => {
    const { watch, did } = watching();
    for (const _ of [1, 2]) {
      watch.changed("connected", "connected");
      watch.changed("failed", "failed");
      await vi.advanceTimersByTimeAsync(0);
    }
    expect(did).toEqual(["restart", "restart"]);
  });

  test("whose DTLS failed is not restarted but replaced", async () => {
    const { watch, did } = watching();
    watch.changed("connected", "connected");
    watch.changed("failed", "connected");
    await vi.advanceTimersByTimeAsync(0);
    expect(did).toEqual(["replace"]);
  });

  test("that never came about is replaced: at once if it failed, else after a while", async () => {
    const failed = watching();
    failed.watch.changed("failed", "failed");
    await vi.advanceTimersByTimeAsync(0);
    expect(failed.did).toEqual(["replace"]);
    const { did } = watching();
    await vi.advanceTimersByTimeAsync(14_999);
    expect(did).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(did).toEqual(["replace"]);
  });

  test("is left alone while the SFU is out of reach, and seen to when it is not", async () => {
    const { watch, did } = watching();
    watch.changed("connected", "connected");
    watch.reachable(false);
    watch.changed("failed", "failed");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(did).toEqual([]);
    watch.reachable(true);
    await vi.advanceTimersByTimeAsync(0);
    expect(did).toEqual(["restart"]);
  });

  test("is watched no longer after its end", async () => {
    const { watch, did } = watching();
    watch.end();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(did).toEqual([]);
  });
});
