import { afterEach, expect, test } from "vitest";
import { calls } from "../src/call";
import { Machine } from "../src/chromium";
import { linksOf, Visitor } from "../src/sessionPage";
import { until } from "../src/until";

const all = calls();
const visitors: Visitor[] = [];
afterEach(async () => {
  for (const visitor of visitors.splice(0)) await visitor.close();
});

async function join(link: string | undefined, name: string, browser = all.browser): Promise<Visitor> {
  const visitor = await Visitor.join(browser, link ?? "", name);
  visitors.push(visitor);
  return visitor;
}

test("a moderator, publishers and a subscriber meet by their links", async () => {
  const links = await linksOf(all.stack);
  const mona = await join(links.moderator, "Mona");
  const paul = await join(links.publisher, "Paul");
  const sam = await join(links.subscriber, "Sam");
  await Promise.all([mona.sees("You"), mona.sees("Paul"), paul.sees("Mona")]);
  await Promise.all([sam.sees("Mona"), sam.sees("Paul")]);

  // The token is not in the address, and a page that is loaded again has it still.
  expect(sam.page.url()).not.toContain("token");
  // A subscriber has nothing to publish, nor to moderate.
  expect(await sam.page.getByLabel("Controls").getByRole("button").count(), "people, leave").toBe(2);
  expect(await sam.row("Paul").getByRole("button").count()).toBe(0);

  // One is muted, is told, and may unmute.
  await mona.row("Paul").getByRole("button", { name: "Mute" }).click();
  await paul.page.getByText("A moderator has muted you.").waitFor();
  await Promise.all([paul.seesMuted("You", true), mona.seesMuted("Paul", true), sam.seesMuted("Paul", true)]);
  await paul.button("Unmute").click();
  await Promise.all([mona.seesMuted("Paul", false), sam.seesMuted("Paul", false)]);

  // All are muted but who says so, also those who come later.
  await mona.button("Mute all").click();
  await Promise.all([mona.seesMuted("Paul", true), sam.seesMuted("Paul", true)]);
  await sam.seesMuted("Mona", false);
  const late = await join(links.publisher, "Lena");
  await Promise.all([sam.sees("Lena"), sam.seesMuted("Lena", true), late.seesMuted("You", true)]);
  await mona.button("Let all speak").click();
  await mona.button("Let all speak").waitFor({ state: "detached" });

  // A stream is stopped, and published again.
  await mona.row("Lena").getByRole("button", { name: "Stop stream" }).click();
  await late.page.getByText("A moderator has stopped your stream.").waitFor();
  await sam.tile("Lena").waitFor({ state: "detached" });
  await late.button("Publish").click();
  await sam.sees("Lena");
  await sam.seesMuted("Lena", false);

  // How loud somebody is concerns oneself alone.
  await sam.page.getByLabel("Volume of Paul").fill("20");
  await until("Paul is quiet", () =>
    sam.page.evaluate(() => [...document.querySelectorAll("audio")].some(({ volume }) => volume === 0.2)),
  );

  // Somebody is removed, after a question.
  await mona.row("Paul").getByRole("button", { name: "Remove Paul" }).click();
  await mona.button("Cancel").click();
  await mona.row("Paul").getByRole("button", { name: "Remove Paul" }).click();
  await mona.page.getByRole("alertdialog").getByRole("button", { name: "Remove" }).click();
  await paul.page.getByRole("heading", { name: "You were removed" }).waitFor();
  await Promise.all([
    mona.tile("Paul").waitFor({ state: "detached" }),
    sam.row("Paul").waitFor({ state: "detached" }),
  ]);

  await sam.button("Leave").click();
  await sam.page.getByRole("heading", { name: "You left the session" }).waitFor();
  await mona.row("Subscriber").waitFor({ state: "detached" });
  await sam.page.reload();
  await sam.button("Join").click();
  await sam.sees("Mona");
});

test("a page that loses its connection goes on when it is back, and one without a link says how to get one", async () => {
  const links = await linksOf(all.stack);
  const mona = await join(links.moderator, "Mona");
  const paul = await join(links.publisher, "Paul");
  await Promise.all([mona.sees("Paul"), paul.sees("Mona")]);
  await paul.page.evaluate(() => {
    window.offline = true;
    for (const socket of window.sockets) socket.close(4_000);
  });
  await paul.page.getByText("Connection lost. Reconnecting…").waitFor();
  await paul.tile("Mona").waitFor();
  await paul.page.evaluate(() => {
    window.offline = false;
  });
  await paul.page.getByText("Connection lost. Reconnecting…").waitFor({ state: "detached" });
  await Promise.all([mona.sees("Paul"), paul.sees("Mona")]);

  await paul.page.evaluate(() => sessionStorage.clear());
  await paul.page.reload();
  await paul.page.getByRole("heading", { name: "This page needs a link" }).waitFor();
});

test("a publisher is named, is marked while speaking, and shares a screen beside the camera", async () => {
  const links = await linksOf(all.stack);
  const mona = await join(links.moderator, "Mona");
  const paul = await join(links.publisher, "Paul");
  await mona.sees("Paul");
  // The browser's microphone beeps.
  const marked = (visitor: Visitor, name: string) =>
    until(`${name} is marked for ${visitor.name}`, async () =>
      /arbiter-speaking/.test((await visitor.tile(name).getAttribute("class")) ?? ""),
    );
  await Promise.all([marked(mona, "Paul"), marked(paul, "You")]);

  await paul.button("Share screen").click();
  await paul.tile("Your screen").waitFor();
  await Promise.all([mona.sees("Paul's screen"), mona.sees("Paul")]);
  expect(await mona.tile("Paul's screen").getAttribute("class")).toContain("arbiter-staged");
  // By the browser's own button.
  await paul.page.evaluate(() => {
    window.screenTrack?.stop();
    window.screenTrack?.dispatchEvent(new Event("ended"));
  });
  await Promise.all([
    mona.tile("Paul's screen").waitFor({ state: "detached" }),
    paul.tile("Your screen").waitFor({ state: "detached" }),
  ]);
  await mona.sees("Paul");
});

test("whoever's machine sleeps, or dies, stays in the picture while it may come back, frozen and marked", async () => {
  const links = await linksOf(all.stack);
  const mona = await join(links.moderator, "Mona");
  const [sleeps, dies] = await Promise.all([Machine.start(), Machine.start()]);
  try {
    await join(links.publisher, "Paul", sleeps.browser);
    await join(links.publisher, "Dora", dies.browser);
    await Promise.all([mona.sees("Paul"), mona.sees("Dora")]);
    const shown = await tilesOf(mona);
    sleeps.sleep();
    await dies.kill();
    await Promise.all([mona.seesFrozen("Paul"), mona.seesFrozen("Dora")]);
    sleeps.wake();
    await mona.seesAgain("Paul");
    // The gateway gives her 30 seconds.
    await mona.tile("Dora").getByText("Connection lost").waitFor();
    await mona.tile("Dora").waitFor({ state: "detached", timeout: 45_000 });
    await mona.sees("Paul");
    expect(await shown(), "what was shown, one after the other").toEqual(["You, Paul, Dora", "You, Paul"]);
  } finally {
    await sleeps.kill();
  }
});

/** Writes down whose tiles there are, each time that it changes. */
async function tilesOf({ page }: Visitor): Promise<() => Promise<string[]>> {
  const shown = await page.evaluateHandle(() => {
    const shown: string[] = [];
    const look = () => {
      const names = [...document.querySelectorAll(".arbiter-tile .arbiter-name-text")];
      const line = names.map(({ textContent }) => textContent).join(", ");
      if (shown.at(-1) !== line) shown.push(line);
    };
    look();
    new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
    return shown;
  });
  return () => shown.jsonValue();
}
