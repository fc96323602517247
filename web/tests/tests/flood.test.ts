import { afterEach, describe, expect, test } from "vitest";
import { calls } from "../src/call";
import { flood } from "../src/flood";
import { until } from "../src/until";

/** What the route lets through, a second. The template's throttle is higher by far; with this one the flood leaves the machine to the call. */
const RATE = 10;
const FLOOD_SECONDS = 40;
/** How soon after the flood everybody is there. */
const SOON = 5;

describe("a flood on the route that all handshakes take", () => {
  const call = calls({ arguments: ["--throttle", `handshake=${RATE}`], parameters: { IdleRooms: 1 } });
  afterEach(() => call.end());

  test("those who join meanwhile are told that it is busy, and see each other when it is over", async () => {
    const path = call.path();
    await call.stack.room(path);
    const strangers = await flood(call.browser, {
      signalUrl: call.stack.urls.signalUrl,
      sockets: 4,
      rate: 12 * RATE,
      seconds: FLOOD_SECONDS,
    });
    const people = await Promise.all([call.open(path, "Ann"), call.open(path, "Bob")]);
    const shown = new Set<string>();
    let lasts = true;
    const watched = (async () => {
      while (lasts) {
        for (const { page } of people) shown.add(await page.evaluate(() => document.body.innerText));
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    })();
    await strangers.over;
    const over = Date.now();
    const [ann, bob] = people as [(typeof people)[0], (typeof people)[0]];
    await until(
      "both see each other",
      async () => {
        const decoded = [await ann.received("Bob"), await bob.received("Ann")];
        return decoded.every((received) => (received?.framesDecoded ?? 0) > 0);
      },
      SOON,
    );
    console.info(`Both see each other ${Date.now() - over} ms after the flood.`);
    lasts = false;
    await watched;
    const texts = [...shown].join("\n");
    expect(texts).toContain("busy");
    expect(texts).not.toMatch(/network/i);
    expect(ann.errors.concat(bob.errors)).toEqual([]);
  });
});
