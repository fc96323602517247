import type { BrowserContext, Page } from "playwright-core";
import { afterEach, expect, test } from "vitest";
import { calls } from "../src/call";
import { joinAsTheOriginalDid } from "../src/original";
import { until } from "../src/until";

const call = calls();
const contexts: BrowserContext[] = [];
afterEach(async () => {
  await call.end();
  for (const context of contexts.splice(0)) await context.close();
});

/** A client of the original in the call of `path`. */
async function original(path: string, id: string): Promise<Page> {
  const context = await call.browser.newContext({ permissions: ["camera", "microphone"] });
  contexts.push(context);
  const page = await context.newPage();
  await page.goto(`${call.stack.urls.demoUrl}/config.json`);
  const { signalUrl } = call.stack.urls;
  const roomId = await call.stack.room(path);
  const capture = { width: 320, height: 240, frameRate: 15 };
  await page.evaluate(joinAsTheOriginalDid, { signalUrl, roomId, id, capture });
  return page;
}

/** The ids of whom it shows. */
const tiles = (page: Page) => page.evaluate(() => [...window.original.tiles.keys()].sort());
/** Pictures of `id` that it has shown. */
const frames = (page: Page, id: string) =>
  page.evaluate(
    (id) => window.original.tiles.get(id)?.video.getVideoPlaybackQuality().totalVideoFrames ?? 0,
    id,
  );

test("a client of the original protocol, which knows none of ours, is in the call like everybody", async () => {
  const path = call.path();
  const ann = await (await call.open(path, "Ann")).joined();
  const page = await original(path, "original-1");
  const annsId = await ann.page.evaluate(() => window.arbiter.self.id);

  await ann.seesAndHears("");
  await until("the original sees Ann", async () => (await frames(page, annsId)) > 10);
  expect(await tiles(page)).toEqual([annsId]);

  await page.evaluate(() => window.original.say("hello"));
  const heard = await until("Ann reads it", () => ann.page.evaluate(() => window.arbiter.chat.at(-1)));
  expect(heard).toMatchObject({ from: "original-1", content: "hello" });
  await ann.page.evaluate(() => window.arbiter.sendChat("hello to you"));
  await until("the original reads it", () =>
    page.evaluate(() => JSON.stringify(window.original.chat).includes("hello to you")),
  );
  await ann.page.evaluate(() => window.arbiter.setMicrophone(false));
  await until("the original knows that Ann is mute", () =>
    page.evaluate(() => JSON.stringify(window.original.features.at(-1)).includes('"audio":false')),
  );

  await contexts.pop()?.close();
  await until("Ann is alone", () => ann.page.evaluate(() => window.arbiter.peers.size === 0));
});

test("it shows nobody who has left or is lost, whatever is said of them, and shows again who is back", async () => {
  const path = call.path();
  const first = await original(path, "original-1");
  const ann = await (await call.open(path, "Ann")).joined();
  const ben = await (await call.open(path, "Ben")).joined();
  const [annsId, bensId] = await Promise.all(
    [ann.page, ben.page].map((page) => page.evaluate(() => window.arbiter.self.id)),
  );
  for (const id of [annsId, bensId])
    await until("both are seen", async () => (await frames(first, id as string)) > 5);

  await ann.page.evaluate(() => window.arbiter.leave());
  await until("Ann is gone", async () => (await tiles(first)).join() === bensId);

  await ben.loseSocket(4000);
  await until("Ben is lost", async () => (await tiles(first)).length === 0);
  // Ben's media goes on, and with it what the SFU says of who speaks; somebody comes in the meantime.
  const second = await original(path, "original-2");
  await until("the second sees the first", async () => (await frames(second, "original-1")) > 5);
  expect(await tiles(first)).toEqual(["original-2"]);
  expect(await tiles(second)).toEqual(["original-1"]);

  await ben.haveSockets();
  for (const page of [first, second])
    await until("Ben is seen again", async () => (await frames(page, bensId as string)) > 5);
  await ben.seesAndHears("");
  expect(await tiles(first)).toEqual([bensId, "original-2"].sort());
  expect(await tiles(second)).toEqual([bensId, "original-1"].sort());
});
