import type { Browser } from "playwright-core";
import type { Browser as Firefox, Page } from "puppeteer-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch } from "../src/chromium";
import { launchFirefox, openInFirefox, ownAddress } from "../src/firefox";
import { Person, shareDrawnScreen, type Tab } from "../src/person";
import { programIfAny } from "../src/program";
import { Stack } from "../src/stack";
import { until } from "../src/until";
import { framesEachSecond } from "../src/watch";

const program = programIfAny("firefox");
const address = ownAddress();
if (!address) console.warn("TESTS SKIPPED: Firefox needs an address that is not a loopback one.");
const possible = program !== undefined && address !== undefined;

let stack: Stack;
let firefox: Firefox;
let chromium: Browser;
/** In Firefox. */
let ann: Person<Page>;
/** In Chromium. */
let bob: Person;

beforeAll(async () => {
  if (!program || !address) return;
  [stack, firefox, chromium] = await Promise.all([
    // As `make run` has it.
    Stack.start({ sfu: { PUBLIC_IP: "local" } }),
    launchFirefox(program),
    launch(),
  ]);
  [ann, bob] = await Promise.all([
    openInFirefox(firefox, "Ann", stack.page("mixed", "Ann")),
    Person.open(chromium, "Bob", stack.page("mixed", "Bob")),
  ]);
  await Promise.all([ann.joined(), bob.joined()]);
});
afterAll(async () => {
  await firefox?.close();
  await chromium?.close();
  await stack?.stop();
});

/** Waits until `person` is told this of the other one called `name`. */
function knows<Driven extends Tab>(
  person: Person<Driven>,
  name: string,
  feature: "audio" | "video",
  on: boolean,
) {
  return until(`${person.name} knows: ${feature} of ${name} is ${on}`, () =>
    person.page.evaluate(
      ([name, feature, on]) =>
        [...window.arbiter.peers.values()].some(
          ({ features }) => features.name === name && features[feature] === on,
        ),
      [name, feature, on] as const,
    ),
  );
}

const others = <Driven extends Tab>(person: Person<Driven>) =>
  person.page.evaluate(() => window.arbiter.peers.size);

test.skipIf(!possible)("Firefox and Chromium see and hear each other", async () => {
  await ann.seesAndHears("Bob");
  await bob.seesAndHears("Ann");
});

test.skipIf(!possible)("what is said in Firefox is silent while it is muted", async () => {
  await ann.page.evaluate(() => window.arbiter.setMicrophone(false));
  await knows(bob, "Ann", "audio", false);
  await until("silence", async () => {
    const before = (await bob.received("Ann"))?.audioEnergy ?? 0;
    await bob.page.waitForTimeout(1_000);
    return ((await bob.received("Ann"))?.audioEnergy ?? 0) - before < 1e-6;
  });
  await ann.page.evaluate(() => window.arbiter.setMicrophone(true));
  await bob.seesAndHears("Ann");
});

test.skipIf(!possible)(
  "a camera goes off and on in Firefox, and is off and on for it elsewhere",
  async () => {
    const pictures = async () => (await framesEachSecond(bob, "Ann", 1))[0] ?? 0;
    await ann.page.evaluate(() => window.arbiter.setCamera(false));
    await knows(bob, "Ann", "video", false);
    // Firefox sends a black picture a second in place of none.
    await until("no more pictures", async () => (await pictures()) <= 2);
    await ann.page.evaluate(() => window.arbiter.setCamera(true));
    await knows(bob, "Ann", "video", true);
    await until("pictures again", async () => (await pictures()) > 2);
    await bob.page.evaluate(() => window.arbiter.setCamera(false));
    await knows(ann, "Bob", "video", false);
    await bob.page.evaluate(() => window.arbiter.setCamera(true));
    await ann.sees("Bob");
  },
);

test.skipIf(!possible)("chat passes between Firefox and Chromium", async () => {
  const reads = <Driven extends Tab>(person: Person<Driven>, text: string) =>
    until(`${person.name} reads it`, () =>
      person.page.evaluate((text) => window.arbiter.chat.at(-1)?.content === text, text),
    );
  await ann.page.evaluate(() => window.arbiter.sendChat("Hello 👋"));
  await reads(bob, "Hello 👋");
  await bob.page.evaluate(() => window.arbiter.sendChat("Hello yourself"));
  await reads(ann, "Hello yourself");
});

test.skipIf(!possible)(
  "a screen that is shared in Chromium is seen in Firefox, beside the camera",
  async () => {
    await bob.page.evaluate(shareDrawnScreen);
    await ann.sees("Bob", "screen");
    await ann.sees("Bob");
  },
);

test.skipIf(!possible)(
  "a second Firefox joins without devices, adds them, and is gone with its tab",
  async () => {
    const cleo = await openInFirefox(firefox, "Cleo", `${stack.page("mixed", "Cleo")}&video=0&audio=0`);
    await cleo.joined();
    await cleo.seesAndHears("Ann");
    await cleo.seesAndHears("Bob");
    await cleo.sees("Bob", "screen");
    await cleo.page.evaluate(() => window.arbiter.setCamera(true));
    await cleo.page.evaluate(() => window.arbiter.setMicrophone(true));
    await ann.seesAndHears("Cleo");
    await bob.seesAndHears("Cleo");
    expect(await others(ann)).toBe(2);
    // The socket is gone before the page can say good-bye: only the end of its connection is heard.
    await cleo.page.goto("about:blank");
    await until("Cleo is gone", async () => (await others(ann)) + (await others(bob)) === 2, 4);
    await cleo.close();
    await bob.sees("Ann");
  },
);

test.skipIf(!possible)("who leaves in Firefox is gone for the others at once", async () => {
  await ann.page.evaluate(() => window.arbiter.leave());
  await until("Bob is alone", async () => (await others(bob)) === 0, 4);
  expect([...ann.errors, ...bob.errors]).toEqual([]);
});
