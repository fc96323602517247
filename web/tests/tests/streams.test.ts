import type { BrowserContext, Page } from "playwright-core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { calls } from "../src/call";
import { Session } from "../src/session";
import { until } from "../src/until";

describe("streams of a session", () => {
  const call = calls();
  let context: BrowserContext;
  beforeEach(async () => {
    context = await call.browser.newContext({ permissions: ["camera", "microphone"] });
  });
  afterEach(() => context.close());

  /** Somebody who is connected. */
  async function someone(session: Session, role: string): Promise<Page> {
    const page = await context.newPage();
    page.on("pageerror", (error) => console.error("page:", error));
    await session.connect(page, role);
    return page;
  }

  const publish = (page: Page, name: string) =>
    page.evaluate(async (name) => {
      window.publisher = await window.shared.publish({ name, resolution: "640x360" });
    }, name);

  const subscribe = (page: Page, name: string) =>
    page.evaluate(async (name) => {
      const stream = [...window.shared.streams.values()].find((stream) => stream.name === name);
      if (!stream) throw new Error(`no stream ${name}`);
      const subscriber = await window.shared.subscribe(stream);
      window.subscribers[name] = subscriber;
      const video = document.createElement("video");
      video.srcObject = subscriber.mediaStream;
      video.id = name;
      video.autoplay = true;
      document.body.append(video);
    }, name);

  /** How many frames of a stream have been shown. */
  const frames = (page: Page, name: string) =>
    page.evaluate(
      (name) =>
        (document.getElementById(name) as HTMLVideoElement | null)?.getVideoPlaybackQuality()
          .totalVideoFrames ?? 0,
      name,
    );

  const isShown = (page: Page, name: string) =>
    until(`${name} is shown`, async () => {
      const before = await frames(page, name);
      await page.waitForTimeout(300);
      return (await frames(page, name)) > before + 2;
    });

  const told = (page: Page, what: string) =>
    until(what, () => page.evaluate((what) => window.told.includes(what), what));

  test("are published, received, and not received any more", async () => {
    const session = await Session.create(call.stack);
    const ann = await someone(session, "publisher");
    const bob = await someone(session, "subscriber");
    await publish(ann, "ann");
    await told(bob, "stream ann");
    expect(await frames(bob, "ann"), "before a subscription").toBe(0);
    await subscribe(bob, "ann");
    await isShown(bob, "ann");

    const late = await someone(session, "publisher");
    await subscribe(late, "ann");
    await isShown(late, "ann");
    await publish(late, "late");
    await told(ann, "stream late");
    await subscribe(ann, "late");
    await isShown(ann, "late");

    await ann.evaluate(() => window.shared.unpublish(window.publisher));
    await told(bob, "no stream ann clientDisconnected");
  });
});
