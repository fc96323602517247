import type { BrowserContext, Page } from "playwright-core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { calls } from "../src/call";
import { coloursOf, PREPARATIONS } from "../src/person";
import { LIBRARY, Session } from "../src/session";
import {
  endSfus,
  frames,
  isShown,
  isStill,
  Metrics,
  packets,
  publish,
  subscribe,
  told,
} from "../src/streams";
import { until } from "../src/until";

const metrics = await Metrics.somewhere();

describe("streams of a session", () => {
  const call = calls({ demo: LIBRARY, sfu: { METRICS_PORT: String(metrics.port) } });
  let context: BrowserContext;
  beforeEach(async () => {
    context = await call.browser.newContext({ permissions: ["camera", "microphone"] });
  });
  afterEach(async () => {
    await context.close();
    await endSfus(call.stack);
  });

  /** Somebody who is connected. */
  async function someone(
    session: Session,
    role: string,
    options: Parameters<Session["connect"]>[2] = {},
  ): Promise<Page> {
    const page = await context.newPage();
    for (const prepare of PREPARATIONS) await page.addInitScript(prepare);
    page.on("pageerror", (error) => console.error("page:", error));
    await session.connect(page, role, options);
    return page;
  }

  /** Ann, who publishes, and Bob, who is in that role and is shown it. */
  async function shown(role: string): Promise<{ ann: Page; bob: Page }> {
    const session = await Session.create(call.stack);
    const ann = await someone(session, "publisher");
    const bob = await someone(session, role);
    await publish(ann, "ann");
    await told(bob, "stream ann");
    await subscribe(bob, "ann");
    await isShown(bob, "ann");
    return { ann, bob };
  }

  test("are published, received, and not received any more", async () => {
    const session = await Session.create(call.stack);
    const ann = await someone(session, "publisher");
    const bob = await someone(session, "subscriber");
    await publish(ann, "ann");
    await told(bob, "stream ann");
    expect(await frames(bob, "ann"), "before a subscription").toBe(0);
    await subscribe(bob, "ann");
    await isShown(bob, "ann");

    const late = await someone(session, "publisher");
    await subscribe(late, "ann");
    await isShown(late, "ann");
    await publish(late, "late");
    await told(ann, "stream late");
    await subscribe(ann, "late");
    await isShown(ann, "late");

    await ann.evaluate(() => window.shared.unpublish(window.publisher));
    await told(bob, "no stream ann clientDisconnected");
  });

  test("cost the SFU nothing while nobody wants them, and come back at once", async () => {
    const { bob } = await shown("subscriber");

    await bob.evaluate(() => window.subscribers.ann?.subscribeToVideo(false));
    await bob.evaluate(() => window.subscribers.ann?.subscribeToAudio(false));
    await isStill(bob, "ann");
    expect(await metrics.withheldInASecond(), "packets that are not sent").toBeGreaterThan(30);

    await bob.evaluate(() => window.subscribers.ann?.subscribeToVideo(true));
    await isShown(bob, "ann");
    await bob.evaluate(() => window.shared.unsubscribe(window.subscribers.ann as never));
    expect(await bob.evaluate(() => window.subscribers.ann?.mediaStream.getTracks().length)).toBe(0);
    expect(await metrics.withheldInASecond(), "packets that are not sent").toBeGreaterThan(30);
    await subscribe(bob, "ann");
    await isShown(bob, "ann");
  });

  test("are switched off and on by whoever publishes them", async () => {
    const { ann, bob } = await shown("publisher");
    await ann.evaluate(() => window.publisher.publishVideo(false));
    await ann.evaluate(() => window.publisher.publishAudio(false));
    await told(bob, "ann hasVideo false");
    await told(bob, "ann hasAudio false");
    await isStill(bob, "ann");
    await ann.evaluate(() => window.publisher.publishVideo(true));
    await told(bob, "ann hasVideo true");
    await isShown(bob, "ann");
    expect(
      await bob.evaluate(() => [...window.shared.streams.values()].map((stream) => stream.hasAudio)),
    ).toEqual([false]);
  });

  test("may be several of one client, one after the other in the place of another", async () => {
    const session = await Session.create(call.stack);
    const ann = await someone(session, "publisher");
    const bob = await someone(session, "subscriber");
    await publish(ann, "camera");
    /** Publishes a picture that is drawn. */
    const draw = (name: string) =>
      ann.evaluate(async (name) => {
        const canvas = document.createElement("canvas");
        const context = canvas.getContext("2d");
        setInterval(() => {
          if (!context) return;
          context.fillStyle = `hsl(${Math.random() * 360} 90% 50%)`;
          context.fillRect(0, 0, canvas.width, canvas.height);
        }, 50);
        const [track] = canvas.captureStream(20).getVideoTracks();
        const options = { name, audioSource: false, videoType: "custom" } as const;
        const publisher = await window.shared.publish({ ...options, videoSource: track as MediaStreamTrack });
        Object.assign(window, { drawn: publisher });
      }, name);
    await draw("first");
    for (const name of ["camera", "first"]) {
      await told(bob, `stream ${name}`);
      await subscribe(bob, name);
      await isShown(bob, name);
    }
    for (const name of ["second", "third"]) {
      await ann.evaluate(() => window.shared.unpublish((window as unknown as { drawn: never }).drawn));
      await draw(name);
      await told(bob, `stream ${name}`);
      await subscribe(bob, name);
      await isShown(bob, name);
      await isShown(bob, "camera");
    }
    const sections = await ann.evaluate(() => window.connections[0]?.getTransceivers().length);
    expect(sections, "sections: sound, camera, and one for all that is drawn").toBe(3);
  });

  test("tell the size of their pictures, also when it changes", async () => {
    const session = await Session.create(call.stack);
    const ann = await someone(session, "publisher");
    const bob = await someone(session, "subscriber");
    await ann.evaluate(async () => {
      const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 180 });
      document.body.append(canvas);
      setInterval(() => canvas.getContext("2d")?.fillRect(0, 0, Math.random() * 99, 99), 100);
      const [track] = canvas.captureStream(10).getVideoTracks();
      const options = { name: "window", audioSource: false, videoType: "screen" } as const;
      await window.shared.publish({ ...options, videoSource: track as MediaStreamTrack });
    });
    const has = (size: string) =>
      until(size, async () => {
        const [stream] = await bob.evaluate(() => [...window.shared.streams.values()]);
        return `${stream?.videoDimensions?.width}x${stream?.videoDimensions?.height}` === size;
      });
    await has("320x180");
    await ann.evaluate(() =>
      Object.assign(document.querySelector("canvas") ?? {}, { width: 240, height: 400 }),
    );
    await has("240x400");
  });

  test("that the role does not allow are refused in OpenTok's numbers", async () => {
    const session = await Session.create(call.stack);
    const ann = await someone(session, "subscriber");
    const refused = await ann.evaluate(() =>
      window.shared.publish().catch(({ code, otc }) => ({ code, otc })),
    );
    expect(refused).toEqual({ code: "forbidden", otc: { number: 1500, name: "OT_UNABLE_TO_PUBLISH" } });
    const unknown = await ann.evaluate(() =>
      window.shared.subscribe("abcdefgh~nobody").catch(({ otc }) => otc.number),
    );
    expect(unknown).toBe(1535);
  });

  test("of a relayed session go from browser to browser, between two", async () => {
    const session = await Session.create(call.stack, { "p2p.preference": "enabled" });
    const ann = await someone(session, "publisher");
    const bob = await someone(session, "publisher");
    await publish(ann, "ann");
    await publish(bob, "bob");
    for (const [page, name] of [
      [bob, "ann"],
      [ann, "bob"],
    ] as const) {
      await told(page, `stream ${name}`);
      await subscribe(page, name);
      await isShown(page, name);
    }
    await bob.evaluate(() => window.subscribers.ann?.subscribeToVideo(false));
    await until("no picture comes", async () => {
      const before = await frames(bob, "ann");
      await bob.waitForTimeout(500);
      return (await frames(bob, "ann")) === before;
    });
    await bob.evaluate(() => window.subscribers.ann?.subscribeToVideo(true));
    await isShown(bob, "ann");
    const third = await someone(session, "publisher");
    const refused = await third.evaluate(() =>
      Promise.all([
        window.shared.publish().catch(({ otc }) => otc.number),
        window.shared.subscribe([...window.shared.streams.keys()][0] ?? "").catch(({ otc }) => otc.number),
      ]),
    );
    expect(refused).toEqual([1403, 1403]);
    await isShown(ann, "bob");
    expect(await metrics.value("people"), "in the SFU").toBe(0);
  });

  test("of an encrypted session are shown to whoever has the secret, and others hear why not", async () => {
    const session = await Session.create(call.stack, { e2ee: "true" });
    const encryptionSecret = "correct horse battery staple";
    const ann = await someone(session, "publisher", { encryptionSecret });
    const bob = await someone(session, "publisher", { encryptionSecret });
    const eve = await someone(session, "publisher", { encryptionSecret: "something else" });
    await publish(ann, "ann");
    await told(bob, "stream ann");
    await subscribe(bob, "ann");
    await isShown(bob, "ann");
    await subscribe(eve, "ann");
    await eve.evaluate(() =>
      window.subscribers.ann?.on("error", ({ otc }) => window.told.push(`error ${otc?.number}`)),
    );
    await told(eve, "error 6003");
    expect(await frames(eve, "ann")).toBe(0);
    expect(await packets(eve, "ann"), "packets that say nothing").toBeGreaterThan(0);
    await eve.evaluate((secret) => window.shared.setEncryptionSecret(secret), encryptionSecret);
    await isShown(eve, "ann");
    const refused = await eve.evaluate(() =>
      window.shared.setEncryptionSecret("short").catch(({ otc }) => otc.number),
    );
    expect(refused).toBe(6004);
  });

  test("stay while whoever publishes them has lost the network, and signals wait for them", async () => {
    const { ann, bob } = await shown("publisher");
    const before = await bob.evaluate(() => window.told.length);
    await ann.evaluate(() => {
      window.shared.on("signal", ({ data }) => window.told.push(`signal ${data}`));
      window.offline = true;
      window.sockets.at(-1)?.close(4_000);
    });
    await told(ann, "reconnecting");
    await bob.evaluate(async () => {
      for (const data of ["one", "two", "three"]) await window.shared.signal({ data });
    });
    await bob.waitForTimeout(6_000);
    await isShown(bob, "ann");
    await ann.evaluate(() => {
      window.offline = false;
    });
    await told(ann, "reconnected");
    await told(ann, "signal three");
    const heard = await ann.evaluate(() => window.told.filter((line) => line.startsWith("signal")));
    expect(heard).toEqual(["signal one", "signal two", "signal three"]);
    await isShown(bob, "ann");
    expect(await bob.evaluate((before) => window.told.slice(before), before), "what Bob was told").toEqual(
      [],
    );
    await ann.evaluate(() => window.publisher.publishVideo(false));
    await told(bob, "ann hasVideo false");
  });

  test("go on with another SFU when theirs is gone", async () => {
    const { bob } = await shown("publisher");
    // Whoever publishes asks for another at once, and hears that there is none.
    await publish(bob, "bob");
    await bob.evaluate(() => {
      for (const event of ["connected", "disconnected"] as const)
        window.subscribers.ann?.on(event, () => window.told.push(event));
    });
    for (const { pid } of await call.stack.sfus()) process.kill(pid, "SIGKILL");
    await told(bob, "disconnected");
    await isStill(bob, "ann");
    // By then it is given up, and its connections are closed.
    await bob.waitForTimeout(6_000);
    expect(await bob.locator("#ann").evaluate(coloursOf), "colours of the frozen picture").toBeGreaterThan(
      10,
    );
    await fetch(`${call.stack.urls.httpUrl}/createRoom`, { method: "PUT" });
    await isShown(bob, "ann", 60);
    const heard = await bob.evaluate(() => window.told.filter((line) => line.endsWith("connected")));
    expect(heard).toEqual(["disconnected", "connected"]);
  });
});
