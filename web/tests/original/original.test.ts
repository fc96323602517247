import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { calls } from "../src/call";
import { until } from "../src/until";
import { OriginalPage } from "./page";
import { Program } from "./programs";

/** The path that its client asks for, whatever the page. */
const PATH = "testTy3";

const client = await Program.client();
const theirs = await Program.sfu();
afterAll(async () => {
  await client.end();
  await theirs.end();
});

describe.each([
  ["our SFU", []],
  ["its SFU", ["--container", `sfu=${theirs.command}`]],
])("%s", (sfu, arguments_) => {
  const call = calls({ arguments: arguments_, parameters: { IdleRooms: 1 } });
  const pages: OriginalPage[] = [];
  let address: string;

  beforeAll(async () => {
    address = await client.serve(call.stack.urls);
    await fetch(`${call.stack.urls.httpUrl}/createRoom`, { method: "POST" });
  });
  afterEach(async () => {
    await call.end();
    for (const page of pages.splice(0)) await page.close();
    // Who has gone is not there for the next ones.
    await until("nobody is left", async () => (await call.stack.state()).connections.length <= 2);
  });

  const joins = async () => {
    const page = await OriginalPage.join(call.browser, address);
    pages.push(page);
    return page;
  };
  /** Keeps what a page looks like, where PICTURES names a folder. */
  const picture = async (page: { screenshot(options: { path: string }): Promise<unknown> }, name: string) => {
    if (!process.env.PICTURES) return;
    await mkdir(process.env.PICTURES, { recursive: true });
    await page.screenshot({ path: join(process.env.PICTURES, `${sfu}, ${name}.png`.replaceAll(" ", "-")) });
  };

  test("two people with its client", async () => {
    const ann = await joins();
    const ben = await joins();
    await Promise.all([ann.sees(1), ben.sees(1)]);
    await ann.toggleMicrophone();
    await ben.hears();
    await ben.openChat();
    await ann.say("hello");
    await until("the chat", async () => (await ben.chat()).includes("hello"));
    await picture(ben.page, "its client twice");
    await pages.shift()?.close();
    await until("Ben is alone", async () => (await ben.others()) === 0);
    // What is said of her later would bring her back.
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(await ben.others()).toBe(0);
  });

  test("two people with our page", async () => {
    const ann = await (await call.open(PATH, "Ann")).joined();
    const ben = await (await call.open(PATH, "Ben")).joined();
    await Promise.all([ann.seesAndHears("Ben"), ben.seesAndHears("Ann")]);
    await ann.page.evaluate(() => window.arbiter.sendChat("hello"));
    await until("the chat", () => ben.page.evaluate(() => window.arbiter.chat.at(-1)?.content === "hello"));
    await picture(ann.page, "our page twice");
    await ann.page.evaluate(() => window.arbiter.leave());
    await until("Ben is alone", () => ben.page.evaluate(() => window.arbiter.peers.size === 0));
  });

  test("one with our page, one with its client", async () => {
    const ann = await (await call.open(PATH, "Ann")).joined();
    const ben = await joins();
    await ben.sees(1);
    await ben.hears();
    await ann.sees("");
    await ben.toggleMicrophone();
    await ann.seesAndHears("");
    await ann.page.evaluate(() => window.arbiter.sendChat("hello"));
    await ben.openChat();
    await until("the chat", async () => (await ben.chat()).includes("hello"));
    await ben.say("hello to you");
    await until("the answer", () =>
      ann.page.evaluate(() => window.arbiter.chat.at(-1)?.content === "hello to you"),
    );
    await picture(ann.page, "our page beside its client");
    await picture(ben.page, "its client beside our page");
    await ann.page.evaluate(() => window.arbiter.leave());
    await until("Ben is alone", async () => (await ben.others()) === 0);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(await ben.others()).toBe(0);
  });
});
