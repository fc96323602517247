import type { BrowserContext, Page } from "playwright-core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { calls } from "../src/call";
import { Session } from "../src/session";
import { until } from "../src/until";

describe("somebody whom a moderator sends away", () => {
  const call = calls();
  let context: BrowserContext;
  beforeEach(async () => {
    context = await call.browser.newContext({ permissions: ["camera", "microphone"] });
  });
  afterEach(() => context.close());

  const received = (page: Page, of: string) => page.evaluate((of) => window.member.received(of), of);

  test.each([
    ["says nothing about its socket", undefined],
    ["says that it is on another socket than its own", "not-my-socket"],
  ])("is not received any more within a second, and receives nobody, when it %s", async (_, claim) => {
    const session = await Session.create(call.stack);
    const [moderator, ann, bob] = [await context.newPage(), await context.newPage(), await context.newPage()];
    await session.join(moderator, "moderator", "moderator");
    await session.join(ann, "ann", "publisher", claim);
    await session.join(bob, "bob", "publisher");
    const flows = async (page: Page, of: string) => {
      const before = await received(page, of);
      await page.waitForTimeout(500);
      return before > 0 && (await received(page, of)) > before;
    };
    for (const [page, of] of [
      [moderator, "ann"],
      [bob, "ann"],
      [ann, "bob"],
      [bob, "moderator"],
    ] as const)
      await until(`${of} is received`, async () => (await flows(page, of)) || undefined);
    // What was said on the features channel has arrived by now, too.
    await moderator.evaluate(() => window.member.sendAway("ann"));
    await moderator.waitForTimeout(1_000);
    const pages = [moderator, bob, ann];
    const of = ["ann", "ann", "bob"];
    const counts = () => Promise.all(pages.map((page, place) => received(page, of[place] ?? "")));
    const after = await counts();
    await moderator.waitForTimeout(3_000);
    expect(await counts(), "packets after a second, and after four").toEqual(after);
    expect(await ann.evaluate(() => window.member.signals())).toBe(false);
    expect(await flows(bob, "moderator"), "the others go on").toBe(true);
  });
});
