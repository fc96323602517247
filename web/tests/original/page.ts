import type { Browser, BrowserContext, Page } from "playwright-core";
import { PREPARATIONS } from "../src/person";
import { until } from "../src/until";

/** The page of the original's client, used as a person uses it. */
export class OriginalPage {
  private constructor(
    readonly page: Page,
    private readonly context: BrowserContext,
  ) {}

  /** Opens the page and clicks through to the call. Its client starts no room: one has to be free, or be the page's. */
  static async join(browser: Browser, url: string): Promise<OriginalPage> {
    const context = await browser.newContext({
      permissions: ["camera", "microphone"],
      ignoreHTTPSErrors: true,
    });
    const page = await context.newPage();
    for (const prepare of PREPARATIONS) await page.addInitScript(prepare);
    await page.goto(url);
    const original = new OriginalPage(page, context);
    await until("its room", async () => {
      if (await original.buttons().nth(3).isVisible()) return true;
      const create = page.getByText("Create Room");
      // It goes as soon as its client has a room.
      if (await create.isVisible()) await create.click({ timeout: 1_000 }).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 500));
      return false;
    });
    // Who connects before there is a camera sends nothing.
    await until("its camera", () =>
      page.evaluate(() => [...document.querySelectorAll("video")].some(({ videoWidth }) => videoWidth > 0)),
    );
    await original.buttons().nth(3).click();
    return original;
  }

  /** Microphone, camera, chat, connect. */
  private buttons() {
    return this.page.locator("button");
  }

  async toggleMicrophone(): Promise<void> {
    await this.buttons().nth(0).click();
  }

  async say(text: string): Promise<void> {
    await this.page.locator("#chat-msg").fill(text, { force: true });
    await this.page.locator("#chat-form").evaluate((form) => (form as HTMLFormElement).requestSubmit());
  }

  async openChat(): Promise<void> {
    await this.buttons().nth(2).click();
  }

  chat(): Promise<string[]> {
    return this.page.locator("#chat-log li").allInnerTexts();
  }

  /** How many people it shows, this one left out: each has a video or a poster. */
  others(): Promise<number> {
    return this.page.evaluate(() => document.querySelectorAll("video, img[src*=ArbiterSymbol]").length - 1);
  }

  /** Frames of each of the others that have been shown; those whose picture is one colour throughout do not count. */
  frames(): Promise<number[]> {
    return this.page.evaluate(() => {
      const isPicture = (video: HTMLVideoElement) => {
        const canvas = Object.assign(document.createElement("canvas"), { width: 16, height: 16 });
        const context = canvas.getContext("2d");
        context?.drawImage(video, 0, 0, 16, 16);
        const pixels = new Uint32Array(context?.getImageData(0, 0, 16, 16).data.buffer ?? new ArrayBuffer(0));
        return new Set(pixels).size > 4;
      };
      const others = [...document.querySelectorAll("video")].filter((video) => !video.muted);
      return others.map((video) => (isPicture(video) ? video.getVideoPlaybackQuality().totalVideoFrames : 0));
    });
  }

  /** Waits until there are so many others, and the picture of each moves. */
  async sees(others: number): Promise<void> {
    const moving = async () => {
      const before = await this.frames();
      await new Promise((resolve) => setTimeout(resolve, 500));
      const after = await this.frames();
      return after.length === others && after.every((frames, place) => frames > (before[place] ?? 0));
    };
    await until(`it sees ${others}`, moving, 30);
  }

  /** Waits until it gets sound that is not silence. */
  async hears(): Promise<void> {
    const energy = () =>
      this.page.evaluate(async () => {
        const reports = await Promise.all(window.connections.map((connection) => connection.getStats()));
        return reports
          .flatMap((report) => [...report.values()])
          .reduce(
            (sum, { type, totalAudioEnergy }) => sum + (type === "inbound-rtp" ? (totalAudioEnergy ?? 0) : 0),
            0,
          );
      });
    const before = await energy();
    await until("it hears somebody", async () => (await energy()) > before + 0.001);
  }

  async close(): Promise<void> {
    await this.context.close();
  }
}
