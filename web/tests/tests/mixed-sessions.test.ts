// A session whose people use Chromium and Firefox.

import type { Browser } from "playwright-core";
import type { Browser as Firefox } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { launch } from "../src/chromium";
import { launchFirefox, ownAddress } from "../src/firefox";
import { PREPARATIONS, type Tab } from "../src/person";
import { programIfAny } from "../src/program";
import { LIBRARY, Session } from "../src/session";
import { Stack } from "../src/stack";
import { endSfus, isShown, isStill, Metrics, packets, publish, subscribe, told } from "../src/streams";
import { until } from "../src/until";

const program = programIfAny("firefox");
const possible = program !== undefined && ownAddress() !== undefined;
const metrics = await Metrics.somewhere();

let stack: Stack;
let firefox: Firefox;
let chromium: Browser;
const pages: Tab[] = [];

beforeAll(async () => {
  if (!program || !possible) return;
  [stack, firefox, chromium] = await Promise.all([
    Stack.start({ demo: LIBRARY, sfu: { PUBLIC_IP: "local", METRICS_PORT: String(metrics.port) } }),
    launchFirefox(program),
    launch(),
  ]);
});
afterEach(async () => {
  for (const page of pages.splice(0)) await page.close();
  if (stack) await endSfus(stack);
});
afterAll(async () => {
  await firefox?.close();
  await chromium?.close();
  await stack?.stop();
});

/** Somebody in Firefox, who is connected. */
async function inFirefox(session: Session, role: string): Promise<Tab> {
  const page = await firefox.newPage();
  pages.push(page);
  for (const prepare of PREPARATIONS) await page.evaluateOnNewDocument(prepare);
  page.on("pageerror", (error) => console.error("page in Firefox:", error));
  await session.connect(page, role);
  return page;
}

/** Somebody in Chromium, who is connected. */
async function inChromium(session: Session, role: string): Promise<Tab> {
  const page = await chromium.newPage({ permissions: ["camera", "microphone"] });
  pages.push(page);
  for (const prepare of PREPARATIONS) await page.addInitScript(prepare);
  page.on("pageerror", (error) => console.error("page in Chromium:", error));
  await session.connect(page, role);
  return page;
}

/** Subscribes to a stream as soon as it is there, and waits for its picture. */
async function watches(page: Tab, name: string): Promise<void> {
  await told(page, `stream ${name}`);
  await subscribe(page, name);
  await isShown(page, name);
}

/** Whether sound of a stream comes that is none of silence. */
const hears = (page: Tab, name: string) =>
  until(`${name} is heard`, async () => {
    const before = await energy(page, name);
    await new Promise((resolve) => setTimeout(resolve, 300));
    return (await energy(page, name)) > before + 1e-6;
  });

const energy = (page: Tab, name: string): Promise<number> =>
  page.evaluate(async (name) => {
    const ids = window.subscribers[name]?.mediaStream.getTracks().map(({ id }) => id) ?? [];
    let energy = 0;
    for (const connection of window.connections)
      for (const report of (await connection.getStats()).values())
        if (report.type === "inbound-rtp" && ids.includes(report.trackIdentifier))
          energy += report.totalAudioEnergy ?? 0;
    return energy;
  }, name);

test.skipIf(!possible)("a moderator in Chromium, and a publisher and a subscriber in Firefox", async () => {
  const session = await Session.create(stack);
  const mona = await inChromium(session, "moderator");
  const fred = await inFirefox(session, "publisher");
  const sam = await inFirefox(session, "subscriber");
  await Promise.all([publish(mona, "mona"), publish(fred, "fred")]);
  // Each way: from Firefox to Chromium, from Chromium to Firefox, from Firefox to Firefox.
  await Promise.all([
    watches(mona, "fred"),
    watches(fred, "mona"),
    watches(sam, "mona").then(() => watches(sam, "fred")),
  ]);
  await Promise.all([hears(mona, "fred"), hears(fred, "mona"), hears(sam, "fred")]);

  // All are muted but the moderator: the SFU forwards no sound of theirs, and pictures go on.
  await mona.evaluate(() => window.shared.forceMuteAll([window.publisher.stream?.streamId ?? ""]));
  await told(fred, "muted true");
  await told(mona, "fred hasAudio false");
  expect(await fred.evaluate(() => window.publisher.hasAudio)).toBe(false);
  await Promise.all([isStill(mona, "fred", "audio"), isStill(sam, "fred", "audio")]);
  await Promise.all([isShown(mona, "fred"), isShown(sam, "fred"), hears(fred, "mona")]);

  // Whoever comes later begins muted, and may unmute.
  const lena = await inFirefox(session, "publisher");
  await publish(lena, "lena");
  expect(await lena.evaluate(() => window.publisher.hasAudio)).toBe(false);
  await watches(mona, "lena");
  await isStill(mona, "lena", "audio");
  await lena.evaluate(() => window.publisher.publishAudio(true));
  await hears(mona, "lena");

  // What nobody has subscribed to stays at the SFU.
  await sam.evaluate(() => window.shared.unsubscribe(window.subscribers.mona as never));
  await sam.evaluate(() => window.shared.unsubscribe(window.subscribers.fred as never));
  expect(await metrics.withheldInASecond(), "packets that are not sent").toBeGreaterThan(30);
  await subscribe(sam, "fred");
  await isShown(sam, "fred");

  // Somebody is sent away, and is gone for the others.
  await mona.evaluate(() => {
    const [fred] = [...window.shared.streams.values()].filter(({ name }) => name === "fred");
    return window.shared.forceDisconnect(fred?.connectionId ?? "");
  });
  await told(fred, "over forceDisconnected");
  await told(mona, "no stream fred forceDisconnected");
  await told(sam, "no stream fred forceDisconnected");
  expect(await packets(sam, "fred")).toBe(0);
  await isShown(mona, "lena");
});

test.skipIf(!possible)("a relayed session goes from Firefox to Chromium, and back", async () => {
  const session = await Session.create(stack, { "p2p.preference": "enabled" });
  const ann = await inChromium(session, "publisher");
  const bob = await inFirefox(session, "publisher");
  await publish(ann, "ann");
  await publish(bob, "bob");
  await Promise.all([watches(ann, "bob"), watches(bob, "ann")]);
  await bob.evaluate(() => window.subscribers.ann?.subscribeToVideo(false));
  await isStill(bob, "ann", "video");
  await bob.evaluate(() => window.subscribers.ann?.subscribeToVideo(true));
  await isShown(bob, "ann");
  expect(await metrics.value("people"), "in the SFU").toBe(0);
});
