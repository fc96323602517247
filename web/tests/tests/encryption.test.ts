// Media that is encrypted from end to end, through the real SFU.

import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import type { Browser as Firefox } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { launch } from "../src/chromium";
import { launchFirefox, ownAddress } from "../src/firefox";
import type { Tab } from "../src/person";
import { programIfAny } from "../src/program";
import { type Counts, type Encrypted, Session } from "../src/session";
import { Stack } from "../src/stack";
import { until } from "../src/until";

const firefoxProgram = programIfAny("firefox");
/** Firefox needs an address that is not a loopback one. */
const withFirefox = firefoxProgram !== undefined && ownAddress() !== undefined;
const SECRET = "correct horse battery staple";

let stack: Stack;
let chromium: Browser;
let context: BrowserContext;
let session: Session;

beforeAll(async () => {
  const demo = join(import.meta.dirname, "../../sdk/dist");
  [stack, chromium] = await Promise.all([
    Stack.start({ demo, sfu: { PUBLIC_IP: withFirefox ? "local" : "127.0.0.1" } }),
    launch(),
  ]);
});
afterAll(async () => {
  await chromium?.close();
  await stack?.stop();
});
beforeEach(async () => {
  context = await chromium.newContext({ permissions: ["camera", "microphone"] });
  session = await Session.create(stack);
});
afterEach(() => context.close());

/** Somebody in Chromium. */
async function member(id: string, encrypted?: Encrypted): Promise<Page> {
  const page = await context.newPage();
  if (encrypted) await session.joinEncrypted(page, id, encrypted);
  else await session.join(page, id, "publisher");
  return page;
}

const counts = (tab: Tab, of?: string): Promise<Counts> => tab.evaluate((of) => window.member.counts(of), of);
const troubles = (tab: Tab) => tab.evaluate(() => window.member.troubles);
const setSecret = (tab: Tab, secret: string) =>
  tab.evaluate((secret) => window.member.encryption?.setSecret(secret), secret);

/** Waits for more of what `of` sends: pictures, and sound that is none of silence. */
async function seesAndHears(tab: Tab, of: string): Promise<void> {
  const before = await counts(tab, of);
  await until(`${of} is seen and heard`, async () => {
    const now = await counts(tab, of);
    return now.frames > before.frames + 10 && now.energy > before.energy + 1e-6;
  });
}

/** Waits until packets of both kinds have come of `of`: what could not be shown by then is not shown. */
async function getsPackets(tab: Tab, of: string): Promise<Counts> {
  const before = await counts(tab, of);
  return until(`packets of ${of} come`, async () => {
    const now = await counts(tab, of);
    const enough = now.audioPackets > before.audioPackets + 50 && now.videoPackets > before.videoPackets + 30;
    return enough && now;
  });
}

/** Packets come, and nothing comes of them. */
async function isShut(tab: Tab, of: string): Promise<void> {
  const { frames, energy } = await getsPackets(tab, of);
  const later = await getsPackets(tab, of);
  expect(later.frames - frames, "pictures").toBe(0);
  expect(later.energy - energy, "sound").toBeLessThan(1e-6);
}

test("members with the same secret see and hear each other, and nothing of whoever does not encrypt", async () => {
  const ann = await member("ann", { secret: SECRET });
  const bob = await member("bob", { secret: SECRET });
  const eve = await member("eve");
  await seesAndHears(bob, "ann");
  await seesAndHears(ann, "bob");
  // What Eve's decoders make of noise is no concern of ours; that Ann's get none is.
  await getsPackets(eve, "ann");
  await isShut(ann, "eve");
  await until("Ann hears why", async () => (await troubles(ann)).includes("camera00~eve mismatch"));
  expect(await troubles(bob)).not.toContain("camera00~ann mismatch");
});

test("who has another secret sees nothing, hears of it once, and of its end when it is right again", async () => {
  const ann = await member("ann", { secret: SECRET });
  const bob = await member("bob", { secret: "another secret" });
  await until("Bob hears of it", async () => (await troubles(bob)).length > 0);
  await isShut(bob, "ann");
  expect(await troubles(bob)).toEqual(["camera00~ann mismatch"]);
  await setSecret(bob, SECRET);
  await seesAndHears(bob, "ann");
  await seesAndHears(ann, "bob");
  expect(await troubles(bob)).toEqual(["camera00~ann mismatch", "camera00~ann recovered"]);
  // The other way round: Ann is the one that changes it, for good.
  await setSecret(ann, "a third secret");
  await until("Bob hears of that", async () => (await troubles(bob)).length === 3);
  await isShut(bob, "ann");
  await setSecret(bob, "a third secret");
  await seesAndHears(bob, "ann");
});

test("nothing is sent before there is a secret, nor after the end of the worker", async () => {
  const ann = await member("ann", {});
  const bob = await member("bob", { secret: SECRET });
  await getsPackets(ann, "bob");
  const none = await counts(ann);
  expect([none.audioPackets, none.videoPackets]).toEqual([0, 0]);
  expect((await counts(ann, "bob")).frames).toBe(0);
  await setSecret(ann, SECRET);
  await seesAndHears(bob, "ann");
  await seesAndHears(ann, "bob");
  await ann.evaluate(() => window.member.encryption?.close());
  const ended = await until("Ann sends no more", async () => {
    const before = await counts(ann);
    await ann.waitForTimeout(500);
    const now = await counts(ann);
    return now.audioPackets === before.audioPackets && now.videoPackets === before.videoPackets && now;
  });
  await getsPackets(ann, "bob");
  expect(await counts(ann)).toMatchObject({
    audioPackets: ended.audioPackets,
    videoPackets: ended.videoPackets,
  });
  const { frames } = await counts(ann, "bob");
  await getsPackets(ann, "bob");
  expect((await counts(ann, "bob")).frames, "nothing of Bob either").toBe(frames);
});

test.each([
  ["in H264", { codec: "video/H264" }],
  ["in two layers", { simulcast: true }],
])("pictures are seen %s", async (_, how) => {
  const ann = await member("ann", { secret: SECRET, ...how });
  const bob = await member("bob", { secret: SECRET });
  const other = await member("other", { secret: "another secret" });
  await seesAndHears(bob, "ann");
  await isShut(other, "ann");
  const codecs = await ann.evaluate(() => window.member.codecs());
  if ("codec" in how) expect(codecs).toContain(how.codec);
  expect(await troubles(bob)).not.toContain("camera00~ann mismatch");
});

describe.skipIf(!withFirefox)("Firefox", () => {
  let firefox: Firefox;
  beforeAll(async () => {
    firefox = await launchFirefox(firefoxProgram ?? "");
  });
  afterAll(() => firefox?.close());

  test("and Chromium read each other's media, and not with another secret", async () => {
    const ann = await firefox.newPage();
    await session.joinEncrypted(ann, "ann", { secret: SECRET });
    const bob = await member("bob", { secret: SECRET });
    await seesAndHears(bob, "ann");
    await seesAndHears(ann, "bob");
    await setSecret(ann, "another secret");
    await until(
      "both hear of it",
      async () => (await troubles(ann)).length + (await troubles(bob)).length === 2,
    );
    await isShut(ann, "bob");
    await isShut(bob, "ann");
    await setSecret(ann, SECRET);
    await seesAndHears(bob, "ann");
    await seesAndHears(ann, "bob");
    await ann.close();
  });
});
