import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Browser, Page } from "playwright-core";
import { coloursOf, drawScreens, PREPARATIONS } from "./person";
import { BINARIES, type Stack } from "./stack";
import { until } from "./until";

const run = promisify(execFile);
const SCRIPT = join(import.meta.dirname, "../../../scripts/session.py");

/** The links of a new session, by role, as `make session` prints them. */
export async function linksOf(stack: Stack): Promise<Record<string, string>> {
  const env = { ...process.env, LOCAL_DIR: stack.folder };
  const { stdout } = await run(SCRIPT, [join(BINARIES, "arbiter-project")], { env });
  return Object.fromEntries(
    [...stdout.matchAll(/^(\w+):\n(http\S+)$/gm)].map(([, role, link]) => [role, link]),
  );
}

/** A person on the page of a session. */
export class Visitor {
  private constructor(
    readonly name: string,
    readonly page: Page,
  ) {}

  /** Opens a link and joins. `script` runs in the page before everything else. */
  static async join(browser: Browser, link: string, name: string, script?: string): Promise<Visitor> {
    const context = await browser.newContext({ permissions: ["camera", "microphone"] });
    const page = await context.newPage();
    page.on("pageerror", (error) => console.error(`${name}'s page:`, error));
    for (const prepare of [...PREPARATIONS, drawScreens]) await page.addInitScript(prepare);
    if (script) await page.addInitScript(script);
    await page.goto(link.replace("#", `?name=${encodeURIComponent(name)}#`));
    await page.getByRole("button", { name: "Join", exact: true }).click();
    await page.getByLabel("Session", { exact: true }).waitFor();
    return new Visitor(name, page);
  }

  /** The tile of somebody, or `You`. */
  tile(name: string) {
    return this.page.locator(".arbiter-tile", { has: this.page.getByText(name, { exact: true }) });
  }

  /** The row of somebody in the list. */
  row(name: string) {
    return this.page.locator(".arbiter-person", { hasText: name });
  }

  /** Waits until somebody's picture moves. */
  async sees(name: string, seconds = 30): Promise<void> {
    const frames = () =>
      this.tile(name)
        .locator("video")
        .evaluate((video: HTMLVideoElement) => video.getVideoPlaybackQuality().totalVideoFrames, undefined, {
          timeout: seconds * 1_000,
        });
    await until(
      `${this.name} sees ${name}`,
      async () => {
        const before = await frames();
        await this.page.waitForTimeout(300);
        return (await frames()) > before + 2;
      },
      seconds,
    );
  }

  /** Waits until it is shown whether somebody is muted. */
  async seesMuted(name: string, muted: boolean): Promise<void> {
    const mark = this.tile(name).locator(".arbiter-muted");
    await mark.waitFor({ state: muted ? "attached" : "detached" });
  }

  /** Waits until somebody's picture stands still, and it is said why. */
  async seesFrozen(name: string, seconds = 20): Promise<void> {
    const tile = this.tile(name);
    await tile.getByText("Connection lost").waitFor({ timeout: seconds * 1_000 });
    const colours = await tile.locator("video").evaluate(coloursOf);
    if (colours < 10) throw new Error(`${this.name} sees nothing of ${name}: ${colours} colours`);
  }

  /** Waits until somebody's picture is not said to stand still any more. */
  async seesAgain(name: string, seconds = 30): Promise<void> {
    await this.tile(name)
      .getByText("Connection lost")
      .waitFor({ state: "detached", timeout: seconds * 1_000 });
    await this.sees(name, seconds);
  }

  button(name: string | RegExp) {
    return this.page.getByRole("button", { name });
  }

  close(): Promise<void> {
    return this.page.context().close();
  }
}
