import OpenTok from "opentok";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Session, Stream } from "../../src/index.js";
import { Gateway } from "../support/gateway.js";
import { called, makeProject, type Project } from "../support/project.js";
import { FakeConnection, FakeTrack, installRtc } from "../support/rtc.js";
import { sessionWith } from "../support/session-server.js";
import { until } from "../support/until.js";

let gateway: Gateway;
let project: Project;
let openTok: OpenTok;
const open: Session[] = [];

beforeAll(async () => {
  installRtc();
  gateway = await Gateway.start();
  project = await makeProject(gateway.folder);
  openTok = new OpenTok(project.apiKey, project.secret, gateway.httpUrl);
});
afterAll(() => gateway?.stop());
afterEach(async () => {
  FakeConnection.all = [];
  await Promise.all(open.splice(0).map((session) => session.disconnect()));
});

/** A relayed session needs no SFU for streams. */
async function newSession(): Promise<string> {
  const made = await called<{ sessionId: string }>((done) =>
    openTok.createSession({ mediaMode: "relayed" }, done),
  );
  return made.sessionId;
}

/** Somebody who is in a session, and what they were told of streams and mutes. */
async function member(sessionId: string, role: "moderator" | "publisher" | "subscriber") {
  const { session } = sessionWith({ url: gateway.signalUrl }, { apiKey: project.apiKey, sessionId });
  open.push(session);
  const told: string[] = [];
  session.on("muteForced", ({ active }) => told.push(`all ${active}`));
  session.on("streamPropertyChanged", ({ stream, changedProperty, newValue }) =>
    told.push(`${stream.name} ${changedProperty} ${newValue}`),
  );
  session.on("streamDestroyed", ({ stream, reason }) => told.push(`-${stream.name} ${reason}`));
  await session.connect(openTok.generateToken(sessionId, { role }));
  return { session, told };
}

const track = () => new FakeTrack("audio") as unknown as MediaStreamTrack;

/** Publishes sound, and notes what happens to it. */
async function publish(session: Session, name: string) {
  const publisher = await session.publish({ name, audioSource: track(), videoSource: false });
  const told: string[] = [];
  publisher.on("muteForced", ({ stream }) => told.push(`${stream.name} muted`));
  publisher.on("streamDestroyed", ({ reason }) => told.push(reason));
  return { publisher, told };
}

const known = (session: Session, name: string): Promise<Stream> =>
  until(name, () => [...session.streams.values()].find((stream) => stream.name === name));

describe("a moderator", () => {
  test("mutes one stream, whose publisher may switch its sound on again", async () => {
    const sessionId = await newSession();
    const [mod, ann] = [await member(sessionId, "moderator"), await member(sessionId, "publisher")];
    const anns = await publish(ann.session, "ann");
    await mod.session.forceMuteStream(await known(mod.session, "ann"));
    await until("the mute", () => anns.told.length === 1 && mod.told.length === 1);
    expect([anns.told, mod.told]).toEqual([["ann muted"], ["ann hasAudio false"]]);
    expect(anns.publisher.hasAudio).toBe(false);
    await anns.publisher.publishAudio(true);
    await until("the sound", () => mod.told.length === 2);
    expect(mod.told[1]).toBe("ann hasAudio true");
    expect(ann.told, "it is about one").toEqual([]);
  });

  test("mutes all but some, and what is published from then on, until that is ended", async () => {
    const sessionId = await newSession();
    const [mod, ann] = [await member(sessionId, "moderator"), await member(sessionId, "publisher")];
    const [first, second] = [await publish(ann.session, "first"), await publish(ann.session, "second")];
    await mod.session.forceMuteAll([await known(mod.session, "second")]);
    await until("the mute", () => first.told.length === 1 && mod.session.muted && ann.session.muted);
    expect([first.publisher.hasAudio, second.publisher.hasAudio]).toEqual([false, true]);
    const third = await publish(ann.session, "third");
    expect(third.publisher.hasAudio).toBe(false);
    const late = await member(sessionId, "publisher");
    expect(late.session.muted).toBe(true);
    await mod.session.disableForceMute();
    await until("the end of it", () => !ann.session.muted && !late.session.muted);
    const fourth = await publish(ann.session, "fourth");
    expect([first, third, fourth].map(({ publisher }) => publisher.hasAudio)).toEqual([false, false, true]);
    await until("what the moderator heard", () => mod.told.length >= 3);
    expect(mod.told.slice(0, 3).sort()).toEqual(["all false", "all true", "first hasAudio false"]);
  });

  test("ends a stream", async () => {
    const sessionId = await newSession();
    const [mod, ann] = [await member(sessionId, "moderator"), await member(sessionId, "publisher")];
    const { publisher, told } = await publish(ann.session, "ann");
    await mod.session.forceUnpublish(await known(mod.session, "ann"));
    await until("the end", () => told.length === 1 && mod.told.length === 1);
    expect([told, mod.told]).toEqual([["forceUnpublished"], ["-ann forceUnpublished"]]);
    expect(publisher.stream).toBeUndefined();
    await publish(ann.session, "again");
    await known(mod.session, "again");
  });
});

test("nobody else may, and each refusal has OpenTok's number", async () => {
  const sessionId = await newSession();
  const [ann, bob] = [await member(sessionId, "publisher"), await member(sessionId, "publisher")];
  await publish(ann.session, "ann");
  const stream = await known(bob.session, "ann");
  const number = (done: Promise<void>) =>
    done.then(
      () => 0,
      ({ otc }) => otc.number,
    );
  expect([
    await number(bob.session.forceMuteStream(stream)),
    await number(bob.session.forceMuteAll()),
    await number(bob.session.disableForceMute()),
    await number(bob.session.forceUnpublish(stream)),
  ]).toEqual([1540, 1540, 1540, 1530]);
  const mod = await member(sessionId, "moderator");
  expect(await number(mod.session.forceMuteStream("abcdefgh~nobody"))).toBe(1535);
  expect(await number(mod.session.forceUnpublish("abcdefgh~nobody"))).toBe(1535);
});
