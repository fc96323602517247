import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Place } from "../../src/room/place.js";
import { useCalls } from "../support/person.js";

const KEY = "ws://gateway /call ann";

/** A tab's storage. A duplicate of the tab begins with a copy. */
function storage(copy: Record<string, string> = {}): Storage {
  const kept = Object.assign(
    Object.create({
      getItem: (key: string) => kept[key] ?? null,
      removeItem: (key: string) => delete kept[key],
      setItem: (key: string, value: string) => {
        kept[key] = value;
      },
    }),
    copy,
  );
  return kept;
}

/** The locks of a browser, as far as they are used here: one holder, and no waiting. */
function locks() {
  const held = new Set<string>();
  return {
    held,
    request: async (name: string, _: unknown, use: (lock: object | null) => unknown) => {
      if (held.has(name)) return use(null);
      held.add(name);
      await use({});
      held.delete(name);
    },
  };
}

let browser: ReturnType<typeof locks>;
const tab = (sessionStorage: Storage) => vi.stubGlobal("sessionStorage", sessionStorage);

beforeEach(() => {
  browser = locks();
  vi.stubGlobal("navigator", { locks: browser });
});
afterEach(() => {
  vi.unstubAllGlobals();
});

describe("a resume token", () => {
  test("is the same after the page is loaded again, in whichever way it went", async () => {
    tab(storage());
    const before = new Place(KEY);
    const token = await before.claim();
    expect(token).toMatch(/^[0-9a-f]{32}$/);
    expect(await before.claim()).toBe(token);
    before.release();
    await vi.waitFor(() => expect(browser.held).toEqual(new Set()));
    expect(await new Place(KEY).claim()).toBe(token);
    // The process was killed: its locks are gone, and nobody has been told.
    browser.held.clear();
    expect(await new Place(KEY).claim()).toBe(token);
    expect(await new Place("ws://gateway /call bob").claim()).not.toBe(token);
  });

  test("is forgotten when the place is given up", async () => {
    tab(storage());
    const place = new Place(KEY);
    const token = await place.claim();
    place.forget();
    await vi.waitFor(() => expect(browser.held).toEqual(new Set()));
    expect(Object.keys(sessionStorage)).toEqual([]);
    expect(await place.claim()).not.toBe(token);
  });

  test("is not that of the tab which this one is a duplicate of, while that is in the call", async () => {
    const first = storage();
    tab(first);
    const original = new Place(KEY);
    const token = await original.claim();
    tab(storage({ ...first }));
    const duplicate = new Place(KEY);
    expect(await duplicate.claim()).not.toBe(token);
    expect(sessionStorage[KEY], "it may be the original's next self").toBe(token);
    original.release();
    duplicate.release();
    await vi.waitFor(() => expect(browser.held).toEqual(new Set()));
    expect(await duplicate.claim()).toBe(token);
  });

  test.each([
    ["there is none", () => vi.stubGlobal("sessionStorage", undefined)],
    [
      "it throws",
      () =>
        Object.defineProperty(globalThis, "sessionStorage", {
          configurable: true,
          get: () => {
            throw new DOMException("denied", "SecurityError");
          },
        }),
    ],
    [
      "it is full",
      () =>
        tab(
          Object.assign(storage(), {
            setItem: () => {
              throw new DOMException("full", "QuotaExceededError");
            },
          }),
        ),
    ],
  ])("is made up where storage does no good: %s", async (_, spoil) => {
    spoil();
    const place = new Place(KEY);
    const token = await place.claim();
    expect(token).toMatch(/^[0-9a-f]{32}$/);
    expect(await place.claim()).toBe(token);
    place.forget();
    expect(await place.claim()).not.toBe(token);
    Reflect.deleteProperty(globalThis, "sessionStorage");
  });

  test("is kept where the browser has no locks, or gives none", async () => {
    for (const navigator of [undefined, {}, { locks: { request: () => Promise.reject(new Error("no")) } }]) {
      tab(storage());
      vi.stubGlobal("navigator", navigator);
      const token = await new Place(KEY).claim();
      expect(await new Place(KEY).claim()).toBe(token);
    }
  });

  test("is not kept without a key", async () => {
    tab(storage());
    const place = new Place(undefined);
    expect(await place.claim()).toBe(await place.claim());
    expect([Object.keys(sessionStorage), browser.held]).toEqual([[], new Set()]);
  });
});

describe("a tab", () => {
  const { gateway, person } = useCalls();

  test("that is gone without a word is back in its place, which is nobody else's", async () => {
    const sfu = await gateway().room();
    tab(storage());
    const first = person({ path: "/place", peerId: "ann" });
    await first.room.join();
    // Killed: nothing of it runs any more, and the browser gives its locks back.
    browser.held.clear();
    const { sessionStorage: kept } = globalThis;
    tab(storage());
    const stranger = person({ path: "/place", peerId: "ann" });
    await expect(stranger.room.join()).rejects.toMatchObject({ code: "peer_in_use" });
    browser.held.clear();
    tab(kept);
    const again = person({ path: "/place", peerId: "ann" });
    await again.room.join();
    expect(again.room.roomId).toBe(sfu.id);
    expect(first.heard().at(-1)).toBe("fatal replaced");
  });

  test("that was refused as a duplicate has the place when the first has gone", async () => {
    await gateway().room();
    const first = storage();
    tab(first);
    const original = person({ path: "/twice", peerId: "ann" });
    await original.room.join();
    tab(storage({ ...first }));
    const duplicate = person({ path: "/twice", peerId: "ann" });
    await expect(duplicate.room.join()).rejects.toMatchObject({ code: "peer_in_use" });
    // Killed, as above.
    browser.held.clear();
    await duplicate.room.join();
    expect(original.heard().at(-1)).toBe("fatal replaced");
  });

  test("that has left keeps nothing", async () => {
    await gateway().room();
    tab(storage());
    const { room } = person({ path: "/left", peerId: "ann" });
    await room.join();
    expect(Object.keys(sessionStorage)).toHaveLength(1);
    await room.leave();
    expect(Object.keys(sessionStorage)).toEqual([]);
  });
});
