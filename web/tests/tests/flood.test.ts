import { afterEach, describe, expect, test } from "vitest";
import { calls } from "../src/call";
import { flood } from "../src/flood";
import { until } from "../src/until";

/** What the route lets through, a second. The template's throttle is higher by far; with this one the flood leaves the machine to the call. */
const RATE = 10;
const FLOOD_SECONDS = 40;
/** How soon after the flood everybody is there, in seconds: 5 on a machine of its own, and two cores may have others to serve. */
const SOON = 15;

describe("a flood on the route that all handshakes take", () => {
  const call = calls({ arguments: ["--throttle", `handshake=${RATE}`], parameters: { IdleRooms: 1 } });
  afterEach(() => call.end());

  test("those who join meanwhile are told that it is busy, and see each other when it is over", async () => {
    const path = call.path();
    await call.stack.room(path);
    const strangers = await flood(call.browser, {
      url: `${call.stack.urls.demoUrl}/config.json`,
      signalUrl: call.stack.urls.signalUrl,
      sockets: 4,
      rate: 12 * RATE,
      seconds: FLOOD_SECONDS,
    });
    const [ann, bob] = await Promise.all([call.open(path, "Ann"), call.open(path, "Bob")]);
    const shown: string[] = [];
    let lasts = true;
    const watched = (async () => {
      while (lasts) {
        for (const { page, name } of [ann, bob]) {
          const text = await page.evaluate(() => document.body.innerText.replaceAll(/\s+/g, " "));
          if (!shown.includes(`${name}: ${text}`)) shown.push(`${name}: ${text}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    })();
    await strangers.over;
    const over = Date.now();
    const seen = await until(
      "both see each other",
      async () => {
        const decoded = [await ann.received("Bob"), await bob.received("Ann")];
        return decoded.every((received) => (received?.framesDecoded ?? 0) > 0);
      },
      SOON,
    ).catch(String);
    console.info(`After ${Date.now() - over} ms: ${seen}`);
    lasts = false;
    await watched;
    expect(ann.errors.concat(bob.errors)).toEqual([]);
    const texts = shown.join("\n");
    expect(seen, texts).toBe(true);
    expect(texts).toContain("busy");
    expect(texts).not.toMatch(/network/i);
  });
});
