import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Page } from "playwright-core";
import { afterEach, expect, test } from "vitest";
import { calls } from "../src/call";
import { linksOf, Visitor } from "../src/sessionPage";
import { until } from "../src/until";
import { installPortraits, type PortraitOptions } from "./portraits";
import { shareSlide } from "./slide";

const FOLDER = resolve(process.env.PICTURES ?? join(import.meta.dirname, "../../../docs/pictures"));
const CAST = [
  ...["Amara Okafor", "Jonas Weber", "Mei Lin", "Sofia Rossi", "Tom Hughes"],
  ...["Leila Haddad", "Lucas Silva", "Hanna Berg", "Kofi Mensah"],
];
const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 375, height: 812 };
const SESSION_PHONE = { width: 390, height: 844 };

const all = calls();
afterEach(() => all.end());

/** A page of somebody in the cast. Whoever is not pictured has a small window and few pictures a second: nine calls share one machine. */
async function open(path: string, name: string, options: Partial<PortraitOptions> = {}): Promise<Page> {
  const portrait = { width: 640, rate: 8, speaks: false, ...options };
  const script = `(${installPortraits})(${JSON.stringify(portrait)})`;
  const person = await all.open(path, name, { script });
  await person.page.setViewportSize(options.width ? DESKTOP : { width: 320, height: 320 });
  return person.page;
}

/** The first of the cast and as many others, in one call, everybody's picture on the first one's page. */
async function callOf(count: number): Promise<{ viewer: Page; others: Page[] }> {
  const path = `design-review-${count}`;
  const viewer = await open(path, CAST[0] ?? "", { width: 1280, rate: count > 5 ? 4 : 10 });
  await joined(viewer);
  const others: Page[] = [];
  for (const [at, name] of CAST.slice(1, count).entries()) {
    // Nine calls share one machine: the more there are, the fewer pictures each sends.
    const page = await open(path, name, { rate: count > 5 ? 4 : 8, speaks: at === 1 });
    await joined(page);
    // Nobody looks at this page: it need not draw.
    await page.addStyleTag({ content: ".arbiter-grid { display: none }" });
    others.push(page);
  }
  await others[4]?.evaluate(() => window.arbiter.setCamera(false));
  await others[2]?.evaluate(() => window.arbiter.setMicrophone(false));
  const pictures = others.length > 4 ? count - 1 : count;
  const wide = (least: number) =>
    viewer.evaluate(
      ([least, pictures]) =>
        [...document.querySelectorAll("video")].filter((video) => video.videoWidth >= least).length >=
        pictures,
      [least, pictures] as const,
    );
  await until(`${pictures} people are to be seen`, () => wide(1), 90);
  // A busy machine sends the smaller sizes for ever: those have to do.
  await until("everybody is sharp", () => wide(480), 30).catch(() =>
    console.warn(`${count}: not all are sharp`),
  );
  if (others.length > 1) {
    await until("somebody speaks", () =>
      viewer.evaluate(() => document.querySelector(".arbiter-speaking") !== null),
    );
  }
  return { viewer, others };
}

async function joined(page: Page): Promise<void> {
  await until("the page has joined", () => page.evaluate(() => window.arbiter?.state === "joined"), 120);
}

async function take(
  page: Page,
  name: string,
  size = DESKTOP,
  colorScheme: "light" | "dark" = "light",
): Promise<void> {
  await mkdir(FOLDER, { recursive: true });
  await page.addStyleTag({ content: ':root { --arbiter-font: Inter, "Liberation Sans", sans-serif; }' });
  await page.emulateMedia({ colorScheme });
  await page.setViewportSize(size);
  // The tiles glide to their new places.
  await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished)));
  await page.screenshot({
    path: join(FOLDER, `${name}.jpg`),
    type: "jpeg",
    quality: 88,
    animations: "disabled",
  });
}

test.each([1, 2, 4, 9])("the grid with %i", async (count) => {
  const { viewer, others } = await callOf(count);
  expect(others).toHaveLength(count - 1);
  await take(viewer, `grid-${count}-light`);
  await take(viewer, `grid-${count}-dark`, DESKTOP, "dark");
  await take(viewer, `grid-${count}-phone`, PHONE);
});

test("a shared screen, and the chat", async () => {
  const { viewer, others } = await callOf(5);
  await others[0]?.evaluate(shareSlide);
  const say = (page: Page | undefined, text: string) =>
    page?.evaluate((text) => window.arbiter.sendChat(text), text);
  await say(others[0], "The figures are at https://example.com/q3");
  await say(others[1], "Up by a third since July. Well done, everybody!");
  await viewer.getByRole("button", { name: /^Chat/ }).click();
  await say(viewer, "Wonderful. Who writes it up?");
  await say(others[3], "I will, by tomorrow noon.");
  await viewer.locator(".arbiter-entry", { hasText: "I will, by tomorrow noon." }).waitFor();
  await until("the screen is sharp", () =>
    viewer.evaluate(
      () => (document.querySelector<HTMLVideoElement>(".arbiter-staged video")?.videoWidth ?? 0) >= 1280,
    ),
  );
  await take(viewer, "screen-light");
  await take(viewer, "screen-dark", DESKTOP, "dark");
});

test("the lobby", async () => {
  const page = await open("design-review", CAST[0] ?? "", { width: 1280, rate: 10 });
  await page.goto(page.url().replace("join=1&", ""));
  await page.getByLabel("Your camera").waitFor();
  await take(page, "lobby-light");
  await take(page, "lobby-dark", DESKTOP, "dark");
  await take(page, "lobby-phone", PHONE);
});

test("a moderated session", async () => {
  const links = await linksOf(all.stack);
  const visit = async (role: string, name: string, options: Partial<PortraitOptions> = {}) => {
    const portrait = { width: 640, rate: 8, speaks: false, ...options };
    const script = `(${installPortraits})(${JSON.stringify(portrait)})`;
    return Visitor.join(all.browser, links[role] ?? "", name, script);
  };
  const moderator = await visit("moderator", CAST[0] ?? "", { width: 1280, rate: 10 });
  await moderator.page.setViewportSize(DESKTOP);
  const publishers = [];
  for (const name of CAST.slice(1, 5)) publishers.push(await visit("publisher", name));
  const subscriber = await visit("subscriber", CAST[5] ?? "");
  for (const { name } of publishers) await moderator.sees(name, 90);
  await publishers[1]?.button("Camera").click();
  await moderator
    .row(CAST[2] ?? "")
    .getByRole("button", { name: "Mute" })
    .click();
  await moderator.seesMuted(CAST[2] ?? "", true);
  await moderator.page.getByLabel(`Volume of ${CAST[3]}`).fill("60");
  await moderator.page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  await moderator.page.mouse.move(0, 0);
  await take(moderator.page, "session-light");
  await take(moderator.page, "session-people-phone", SESSION_PHONE, "dark");
  await moderator.button("Close people").click();
  await take(moderator.page, "session-phone", SESSION_PHONE, "dark");
  for (const visitor of [moderator, subscriber, ...publishers]) await visitor.close();
});
