import { afterEach, expect, test } from "vitest";
import { calls } from "../src/call";
import { shareDrawnScreen } from "../src/person";
import { until } from "../src/until";

// No room is warm: each call starts its SFU, as the first call at AWS does.
const call = calls({ parameters: { MaxIdleRooms: 10 } });
afterEach(() => call.end());

test("two people see and hear each other", async () => {
  const [ann, bob] = await call.of("Ann", "Bob");
  expect(Object.keys(await ann.others())).toEqual(["Bob"]);
  expect([...ann.errors, ...bob.errors]).toEqual([]);
});

test("three people see and hear each other", async () => {
  const [ann] = await call.of("Ann", "Bob", "Cleo");
  expect(Object.keys(await ann.others()).sort()).toEqual(["Bob", "Cleo"]);
});

test("three people who open the page in the same instant meet in one room", async () => {
  const path = call.path();
  const people = await Promise.all(["Ann", "Bob", "Cleo"].map((name) => call.open(path, name)));
  await Promise.all(people.map((person) => person.joined()));
  for (const person of people)
    for (const { name } of people) if (name !== person.name) await person.seesAndHears(name, 30);
});

test("a muted microphone is silent, and everybody sees that it is off", async () => {
  const [ann, bob] = await call.of("Ann", "Bob");
  await ann.page
    .getByRole("button", { name: /microphone/i })
    .first()
    .click();
  await until("Bob knows", () =>
    bob.page.evaluate(() => [...window.arbiter.peers.values()][0]?.features.audio === false),
  );
  // Silence: the energy that has come in by now stays as it is.
  const energy = async () => (await bob.received("Ann"))?.audioEnergy ?? 0;
  await until("silence", async () => {
    const before = await energy();
    await bob.page.waitForTimeout(1_000);
    return (await energy()) - before < 1e-6;
  });
  await ann.page
    .getByRole("button", { name: /microphone/i })
    .first()
    .click();
  await bob.seesAndHears("Ann");
});

test("a camera that is switched off sends nothing, and comes back", async () => {
  const [ann, bob] = await call.of("Ann", "Bob");
  await ann.page
    .getByRole("button", { name: /camera/i })
    .first()
    .click();
  await until("Bob knows", () =>
    bob.page.evaluate(() => [...window.arbiter.peers.values()][0]?.features.video === false),
  );
  const frames = async () => (await bob.received("Ann"))?.framesDecoded ?? 0;
  await until("no more pictures", async () => {
    const before = await frames();
    await bob.page.waitForTimeout(1_000);
    return (await frames()) === before;
  });
  await ann.page
    .getByRole("button", { name: /camera/i })
    .first()
    .click();
  await bob.sees("Ann");
});

test("chat reaches everybody else, with the sender's name", async () => {
  const [ann, bob, cleo] = await call.of("Ann", "Bob", "Cleo");
  await ann.page.evaluate(() => window.arbiter.sendChat("Hello <b>you</b> & 👋"));
  for (const person of [bob, cleo]) {
    const last = await until(`${person.name} reads it`, () =>
      person.page.evaluate(() => window.arbiter.chat.at(-1)),
    );
    expect(last).toMatchObject({ sender: "Ann", content: "Hello <b>you</b> & 👋" });
    expect(last.from).toBe((await person.others()).Ann);
  }
});

test("a shared screen arrives beside the camera, and goes when it ends; and so does the next one", async () => {
  const [ann, bob] = await call.of("Ann", "Bob");
  for (const time of ["first", "second"]) {
    await ann.page.evaluate(shareDrawnScreen);
    await bob.sees("Ann", "screen");
    await bob.sees("Ann", "camera");
    expect((await bob.received("Ann", "screen"))?.width).toBe(1280);
    await ann.page.evaluate(() => window.arbiter.stopScreen());
    await until(`the ${time} screen is gone`, () =>
      bob.page.evaluate(() => [...window.arbiter.peers.values()][0]?.screen === undefined),
    );
    await bob.sees("Ann", "camera");
  }
});

test("who leaves is gone for the others at once", async () => {
  const [ann, bob] = await call.of("Ann", "Bob");
  await ann.page.evaluate(() => window.arbiter.leave());
  await until("Bob is alone", () => bob.page.evaluate(() => window.arbiter.peers.size === 0), 3);
});

test("who closes the tab is gone for the others at once", async () => {
  const [ann, bob] = await call.of("Ann", "Bob");
  await ann.close();
  await until("Bob is alone", () => bob.page.evaluate(() => window.arbiter.peers.size === 0), 3);
});

test("a page that is loaded again is in the call again, once", async () => {
  const [ann, bob] = await call.of("Ann", "Bob");
  await ann.page.reload();
  await ann.joined();
  await ann.seesAndHears("Bob");
  await bob.seesAndHears("Ann");
  expect(Object.keys(await bob.others())).toEqual(["Ann"]);
});

test("who speaks is told to the others", async () => {
  const [, bob] = await call.of("Ann", "Bob");
  // Chromium's fake microphone beeps once a second.
  await until("Ann is heard to speak", () =>
    bob.page.evaluate(() => [...window.arbiter.peers.values()][0]?.features.speaking === true),
  );
});

test("who joins without a camera sees the others, and is seen as soon as it is switched on", async () => {
  const path = call.path();
  const ann = await (await call.open(path, "Ann")).joined();
  const bob = await (await call.open(path, "Bob", { query: "&video=0&audio=0" })).joined();
  await bob.seesAndHears("Ann");
  await until("Ann knows of Bob", async () => "Bob" in (await ann.others()));
  await bob.page.evaluate(() => window.arbiter.setCamera(true));
  await ann.sees("Bob");
  await bob.page.evaluate(() => window.arbiter.setMicrophone(true));
  await ann.seesAndHears("Bob");
});
