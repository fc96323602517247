import { afterEach, describe, expect, test } from "vitest";
import { calls } from "../src/call";
import { until } from "../src/until";
import { framesEachSecond } from "../src/watch";

describe("signaling in trouble", () => {
  const call = calls();
  afterEach(async () => {
    await call.stack.noFaults();
    await call.end();
  });

  test("the socket may be cut every few seconds: the media does not stop", async () => {
    const [ann, bob] = await call.of("Ann", "Bob");
    await call.stack.fault({ fault: "cut", everyMs: 3_000 });
    const [atAnn, atBob] = await Promise.all([
      framesEachSecond(ann, "Bob", 15),
      framesEachSecond(bob, "Ann", 15),
    ]);
    expect(Math.min(...atAnn, ...atBob), `frames a second: ${atAnn} and ${atBob}`).toBeGreaterThan(0);
    await call.stack.noFaults();
    await Promise.all([ann.joined(), bob.joined()]);
    expect(await ann.page.evaluate(() => window.connections.length)).toBe(2);
  });

  test("who is taken to have left, and has not, comes back and is seen", async () => {
    const [ann, bob] = await call.of("Ann", "Bob");
    // The way in which a socket is closed that is not lost: the SFU forgets Bob at once, and Bob goes on sending.
    await bob.loseSocket(1000);
    await until("Bob has left", () => ann.page.evaluate(() => window.arbiter.peers.size === 0));
    await bob.haveSockets();
    await Promise.all([ann.seesAndHears("Bob", 40), bob.seesAndHears("Ann", 40)]);
  });

  test("a message of ten comes late and out of order: everybody still meets", async () => {
    await call.stack.fault({
      fault: "delay",
      route: "handshake",
      delayMs: 50,
      jitterMs: 900,
      probability: 0.1,
    });
    await call.of("Ann", "Bob", "Cleo");
  });

  test("an SFU that is killed is replaced, and the call comes back", async () => {
    const [ann, bob] = await call.of("Ann", "Bob");
    for (const sfu of await call.stack.sfus()) process.kill(sfu.pid, "SIGKILL");
    await until("media has stopped", async () => (await framesEachSecond(ann, "Bob", 1))[0] === 0);
    const room = await ann.page.evaluate(() => window.arbiter.roomId);
    await until("another room", () => ann.page.evaluate((room) => window.arbiter.roomId !== room, room));
    const free = Date.now();
    await Promise.all([ann.seesAndHears("Bob", 10), bob.seesAndHears("Ann", 10)]);
    expect(Date.now() - free, "milliseconds from the new room to the call").toBeLessThan(10_000);
  });
});

describe("a socket that lives for seconds", () => {
  const call = calls({ arguments: ["--connection-limit", "5s"] });

  test("the end of a connection's two hours is not seen in the media", async () => {
    const [ann, bob] = await call.of("Ann", "Bob");
    const frames = await framesEachSecond(ann, "Bob", 15);
    expect(Math.min(...frames), `frames a second: ${frames}`).toBeGreaterThan(0);
    await bob.joined();
  });
});
