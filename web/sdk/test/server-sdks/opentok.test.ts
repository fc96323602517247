import OpenTok from "opentok";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Gateway } from "../support/gateway.js";
import { Member } from "../support/member.js";
import { called, makeProject, type Project } from "../support/project.js";

let gateway: Gateway;
let project: Project;
let opentok: OpenTok;
let sessionId: string;

beforeAll(async () => {
  gateway = await Gateway.start();
  project = await makeProject(gateway.folder);
  opentok = new OpenTok(project.apiKey, project.secret, gateway.httpUrl);
  sessionId = (await created({ mediaMode: "routed" })).sessionId;
});
afterAll(() => gateway?.stop());

const created = (options: Record<string, unknown>) =>
  called<{ sessionId: string }>((callback) => opentok.createSession(options, callback));

/** Somebody in the session, with its connection's id. */
async function someone(options: { role?: string; data?: string } = {}) {
  const token = opentok.generateToken(sessionId, options);
  const { member, answer } = await Member.enter(gateway.signalUrl, {
    sessionId,
    apiKey: project.apiKey,
    token,
  });
  expect(answer).toMatchObject({ type: "identified" });
  return { member, connectionId: answer.connectionId as string };
}

/** A session of nobody's: the form is right, and the project's key is in it. */
function unknown(): string {
  const text = `1~${project.apiKey}~~1795200000000~QUJDREVGR0hJSktM~P~`;
  return `1_${Buffer.from(text).toString("base64url")}`;
}

describe("sessions", () => {
  test.each([
    ["nothing", {}, "relayed"],
    ["routed media", { mediaMode: "routed" }, "routed"],
    ["relayed media near to somebody", { mediaMode: "relayed", location: "192.0.2.7" }, "relayed"],
    ["routed, encrypted media", { mediaMode: "routed", archiveMode: "manual", e2ee: true }, "routed"],
  ])("are made when %s is asked for", async (_, options, mediaMode) => {
    const session = await created({ ...options });
    const [, key, location] = Buffer.from(session.sessionId.slice(2), "base64url").toString().split("~");
    expect([key, location]).toEqual([project.apiKey, (options as { location?: string }).location ?? ""]);
    const token = opentok.generateToken(session.sessionId);
    const identify = { apiKey: project.apiKey, sessionId: session.sessionId, token, e2eeReady: true };
    const { member, answer } = await Member.enter(gateway.signalUrl, identify);
    expect(answer).toMatchObject({ type: "identified", mediaMode, e2ee: "e2ee" in options });
    member.leave();
  });

  test("with archives are not made", async () => {
    const always = created({ mediaMode: "routed", archiveMode: "always" });
    await expect(always).rejects.toThrow("Archiving is not implemented");
  });

  test("that are encrypted need routed media", async () => {
    const relayed = created({ mediaMode: "relayed", e2ee: true });
    await expect(relayed).rejects.toThrow("e2ee: needs p2p.preference to be disabled");
  });

  test("are not made with somebody else's secret", async () => {
    const stranger = new OpenTok(project.apiKey, "x".repeat(40), gateway.httpUrl);
    const session = called((callback) => stranger.createSession({}, callback));
    await expect(session).rejects.toThrow("Invalid API key or secret");
  });
});

describe("signals", () => {
  const signal = (connectionId: string | null, content: { type?: unknown; data?: unknown }, id = sessionId) =>
    called<void>((callback) => opentok.signal(id, connectionId, content, callback));

  test("reach everybody, or the one that they are for, and are from nobody", async () => {
    const [ann, ben] = [await someone(), await someone({ role: "subscriber" })];
    await signal(null, { type: "greeting", data: "hello, all" });
    const all = { type: "greeting", data: "hello, all", from: null, seq: null };
    expect(await ann.member.signal()).toEqual(all);
    expect(await ben.member.signal()).toEqual(all);
    await signal(ben.connectionId, { data: "hello, Ben" });
    await signal(null, {});
    const one = { type: "", data: "hello, Ben", from: null, seq: null, to: ben.connectionId };
    const empty = { type: "", data: "", from: null, seq: null };
    expect(await ben.member.signal()).toEqual(one);
    expect(await ben.member.signal()).toEqual(empty);
    expect(await ann.member.signal()).toEqual(empty);
    for (const { member } of [ann, ben]) member.leave();
  });

  test("to a session with nobody in it are sent", async () => {
    const { sessionId: empty } = await created({});
    await expect(signal(null, { data: "is anybody there?" }, empty)).resolves.toBeUndefined();
  });

  test("that are none are refused", async () => {
    await expect(signal(null, { type: "a type" })).rejects.toThrow(/type: must be characters of/);
    await expect(signal(null, { data: 7 })).rejects.toThrow("data: must be a string");
  });

  test("that are too long are refused, and no others", async () => {
    await expect(signal(null, { type: "t".repeat(128), data: "é".repeat(4096) })).resolves.toBeUndefined();
    await expect(signal(null, { type: "t".repeat(129) })).rejects.toThrow("type: at most 128 bytes");
    await expect(signal(null, { data: "é".repeat(4097) })).rejects.toThrow("data: at most 8192 bytes");
  });

  test("to nobody are not sent", async () => {
    await expect(signal(null, { data: "a" }, unknown())).rejects.toThrow("Session or Connection not found");
    await expect(signal("nobody", { data: "a" })).rejects.toThrow("Session or Connection not found");
  });

  test("of strangers are not sent", async () => {
    const other = await makeProject(gateway.folder);
    const stranger = new OpenTok(other.apiKey, other.secret, gateway.httpUrl);
    const sent = called<void>((callback) => stranger.signal(sessionId, null, {}, callback));
    await expect(sent).rejects.toThrow("Session or Connection not found");
    const forger = new OpenTok(project.apiKey, other.secret, gateway.httpUrl);
    const forged = called<void>((callback) => forger.signal(sessionId, null, {}, callback));
    await expect(forged).rejects.toThrow("Invalid API key or secret");
  });
});

describe("a connection", () => {
  const forceDisconnect = (connectionId: string, id = sessionId) =>
    called<void>((callback) => opentok.forceDisconnect(id, connectionId, callback));

  test("is ended, and everybody hears why", async () => {
    const [ann, ben] = [await someone(), await someone()];
    await forceDisconnect(ben.connectionId);
    const goAway = await ben.member.next(({ type }) => type === "goAway");
    expect(goAway).toEqual({ type: "goAway", reason: "forceDisconnected" });
    await ben.member.closed();
    const destroyed = await ann.member.next(({ type }) => type === "connectionDestroyed");
    const connection = { connectionId: ben.connectionId };
    expect(destroyed).toMatchObject({ reason: "forceDisconnected", connection });
    await expect(forceDisconnect(ben.connectionId)).rejects.toThrow("Session or Connection not found");
    ann.member.leave();
  });

  test("that is not there cannot be ended", async () => {
    await expect(forceDisconnect("nobody")).rejects.toThrow("Session or Connection not found");
    await expect(forceDisconnect("nobody", unknown())).rejects.toThrow("Session or Connection not found");
  });

  test("must be named by what can be an id", async () => {
    await expect(forceDisconnect("no~id")).rejects.toThrow("connectionId: must be 1 to 128 characters");
    await expect(forceDisconnect("nobody", "no-session")).rejects.toThrow("sessionId: must be the id");
  });
});

describe("streams", () => {
  test("are listed, and get layout classes", async () => {
    const { member, connectionId } = await someone();
    const camera = await member.publish({ name: "Ann" });
    const screen = await member.publish({ videoType: "screen" });
    const list = await called((callback) => opentok.listStreams(sessionId, callback));
    const stream = { id: camera, name: "Ann", videoType: "camera", layoutClassList: [] };
    expect(list).toHaveLength(2);
    expect(list).toContainEqual(expect.objectContaining(stream));
    const classes = [
      { id: camera, layoutClassList: ["full", "focus"] },
      { id: screen, layoutClassList: [] },
    ];
    await called<unknown>((callback) => opentok.setStreamClassLists(sessionId, classes, callback));
    const after = await called((callback) => opentok.listStreams(sessionId, callback));
    expect(after).toContainEqual(expect.objectContaining(classes[0]));
    const half = [
      { id: camera, layoutClassList: [] },
      { id: `zzzzzzzz~${connectionId}`, layoutClassList: [] },
    ];
    const set = called((callback) => opentok.setStreamClassLists(sessionId, half, callback));
    await expect(set).rejects.toThrow();
    await called<void>((callback) => opentok.forceDisconnect(sessionId, connectionId, callback));
    expect(await called((callback) => opentok.listStreams(sessionId, callback))).toEqual([]);
  });

  test("that are not there are not found", async () => {
    const get = called((callback) => opentok.getStream(sessionId, "a-stream", callback));
    await expect(get).rejects.toThrow();
    const mute = called<void>((callback) => opentok.forceMuteStream(sessionId, "a-stream", callback));
    await expect(mute).rejects.toThrow("Not Found");
    const nobody = called<void>((callback) => opentok.forceMuteStream(unknown(), "abcdefgh~p", callback));
    await expect(nobody).rejects.toThrow("Not Found");
  });

  test("that are not there get no layout classes", async () => {
    const set = (streams: { id: string; layoutClassList: string[] }[], id = sessionId) =>
      called<unknown>((callback) => opentok.setStreamClassLists(id, streams, callback));
    expect(await set([])).toEqual({ count: 0, items: [] });
    await expect(set([{ id: "a-stream", layoutClassList: ["full"] }])).rejects.toThrow();
    await expect(set([], unknown())).rejects.toThrow();
  });
});

describe("sound", () => {
  const muteAll = (options: object, id = sessionId, by = opentok) =>
    called<void>((callback) => by.forceMuteAll(id, options, callback));
  const forced = ({ type }: Record<string, unknown>) => type === "muteForced";

  test("of one stream, or of all but some, is switched off", async () => {
    const { member } = await someone();
    const [camera, screen] = [await member.publish({}), await member.publish({ videoType: "screen" })];
    await called<void>((callback) => opentok.forceMuteStream(sessionId, camera, callback));
    expect(await member.next(forced)).toEqual({
      type: "muteForced",
      streams: [{ streamId: camera, version: 3 }],
    });
    await muteAll({ excludedStreamIds: [camera] });
    expect(await member.next(forced)).toMatchObject({ active: true, streams: [{ streamId: screen }] });
    const late = await someone();
    await late.member.publish({});
    await called<void>((callback) => opentok.disableForceMute(sessionId, callback));
    expect(await member.next(forced)).toMatchObject({ active: false });
    for (const one of [member, late.member]) one.leave();
  });

  test("is not switched off by strangers, or where nobody is", async () => {
    await expect(muteAll({}, unknown())).rejects.toThrow("Not Found");
    for (const excludedStreamIds of [["a-stream"], "a-stream"]) {
      await expect(muteAll({ excludedStreamIds })).rejects.toThrow("excludedStreamIds: must be a list");
    }
    const over = called<void>((callback) => opentok.disableForceMute(unknown(), callback));
    await expect(over).rejects.toThrow("Not Found");
    const forger = new OpenTok(project.apiKey, "x".repeat(40), gateway.httpUrl);
    await expect(muteAll({}, sessionId, forger)).rejects.toThrow("Invalid API key or secret");
    const one = called<void>((callback) => forger.forceMuteStream(sessionId, "abcdefgh~p", callback));
    await expect(one).rejects.toThrow("Invalid API key or secret");
  });
});

test("what is out of scope says so", async () => {
  const missing: [string, (callback: (error: Error | null, value: unknown) => void) => void][] = [
    ["Archiving", (callback) => opentok.startArchive(sessionId, {}, callback)],
    ["Playing tones", (callback) => opentok.playDTMF(sessionId, null, "1", callback)],
  ];
  for (const [what, call] of missing) {
    await expect(called(call)).rejects.toThrow(`${what} is not implemented`);
  }
});

test("a flood is told that it is one", async () => {
  const throttled = await Gateway.start("", true);
  try {
    const { apiKey, secret } = await makeProject(throttled.folder);
    const flooder = new OpenTok(apiKey, secret, throttled.httpUrl);
    const flood = Array.from({ length: 120 }, () =>
      called<unknown>((callback) => flooder.createSession({}, callback)).catch(
        (error: Error) => error.message,
      ),
    );
    const outcomes = await Promise.all(flood);
    const refused = outcomes.filter((outcome) => typeof outcome === "string");
    expect(refused.length).toBeGreaterThan(0);
    for (const message of refused) expect(message).toContain("Too Many Requests");
    expect(refused.length).toBeLessThan(outcomes.length);
  } finally {
    await throttled.stop();
  }
});
