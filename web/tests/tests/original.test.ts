import { afterEach, expect, test } from "vitest";
import { calls } from "../src/call";
import { joinAsTheOriginalDid } from "../src/original";
import { until } from "../src/until";

const call = calls();
afterEach(() => call.end());

test("a client of the original protocol, which knows none of ours, is in the call like everybody", async () => {
  const path = call.path();
  const ann = await (await call.open(path, "Ann")).joined();
  const context = await call.browser.newContext({ permissions: ["camera", "microphone"] });
  const page = await context.newPage();
  await page.goto(`${call.stack.urls.demoUrl}/config.json`);
  const { signalUrl } = call.stack.urls;
  const roomId = await call.stack.room(path);
  const capture = { width: 320, height: 240, frameRate: 15 };
  await page.evaluate(joinAsTheOriginalDid, { signalUrl, roomId, id: "original-1", capture });

  await ann.seesAndHears("");
  await until("the original sees Ann", () =>
    page.evaluate(() => window.original.video.getVideoPlaybackQuality().totalVideoFrames > 10),
  );

  await page.evaluate(() => window.original.say("hello"));
  const heard = await until("Ann reads it", () => ann.page.evaluate(() => window.arbiter.chat.at(-1)));
  expect(heard).toMatchObject({ from: "original-1", sender: "original-1", content: "hello" });
  await ann.page.evaluate(() => window.arbiter.sendChat("hello to you"));
  await until("the original reads it", () =>
    page.evaluate(() => JSON.stringify(window.original.chat).includes("hello to you")),
  );
  await ann.page.evaluate(() => window.arbiter.setMicrophone(false));
  await until("the original knows that Ann is mute", () =>
    page.evaluate(() => JSON.stringify(window.original.features.at(-1)).includes('"audio":false')),
  );

  await context.close();
  await until("Ann is alone", () => ann.page.evaluate(() => window.arbiter.peers.size === 0));
});
