import OpenTok from "opentok";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { Session } from "../../src/opentok/session.js";
import type { SessionOptions } from "../../src/opentok/types.js";
import { Gateway } from "../support/gateway.js";
import { called, makeProject, type Project } from "../support/project.js";
import { sessionWith } from "../support/session-server.js";
import { until } from "../support/until.js";

let gateway: Gateway;
let project: Project;
let openTok: OpenTok;
const open: Session[] = [];

beforeAll(async () => {
  gateway = await Gateway.start("SignalsPerSecond=1 SignalBurst=40");
  project = await makeProject(gateway.folder);
  openTok = new OpenTok(project.apiKey, project.secret, gateway.httpUrl);
});
afterAll(() => gateway?.stop());
afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(open.splice(0).map((session) => session.disconnect()));
});

async function projectOf(of: Gateway) {
  const made = await makeProject(of.folder);
  return { ...made, openTok: new OpenTok(made.apiKey, made.secret, of.httpUrl) };
}

async function newSession(options: Record<string, unknown> = {}): Promise<string> {
  const made = await called<{ sessionId: string }>((done) => openTok.createSession(options, done));
  return made.sessionId;
}

function client(sessionId: string, options: Partial<SessionOptions> = {}) {
  const made = sessionWith({ url: gateway.signalUrl }, { apiKey: project.apiKey, sessionId, ...options });
  open.push(made.session);
  return made;
}

/** Somebody who is in a session. */
async function member(sessionId: string, token: Parameters<OpenTok["generateToken"]>[1] = {}) {
  const made = client(sessionId);
  await made.session.connect(openTok.generateToken(sessionId, token));
  const { connectionId: id } = made.session.connection ?? { connectionId: "" };
  made.told.splice(0);
  return { ...made, id };
}

describe("two clients of a session", () => {
  test("hear of each other, and each other's signals, and their server's", async () => {
    const sessionId = await newSession();
    const ann = await member(sessionId, { data: "name=Ann" });
    const bob = await member(sessionId);
    await until("Bob", () => ann.told.length === 1);
    expect(ann.told.splice(0)).toEqual([`+${bob.id}`]);
    expect([...bob.session.connections.values()]).toEqual([ann.session.connection]);
    expect(ann.session.connection?.data).toBe("name=Ann");

    await ann.session.signal({ type: "chat", data: "to all" });
    await ann.session.signal({ data: "to Bob", to: bob.id });
    await called((done) => openTok.signal(sessionId, null, { type: "chat", data: "by REST" }, done));
    await until("the signals", () => bob.told.length === 3 && ann.told.length === 2);
    expect(ann.told.splice(0)).toEqual([`${ann.id}: chat to all`, "server: chat by REST"]);
    expect(bob.told).toEqual([`${ann.id}: chat to all`, `${ann.id}:  to Bob`, "server: chat by REST"]);

    await bob.session.disconnect();
    await until("the end of Bob", () => ann.told.length === 1);
    expect(ann.told).toEqual([`-${bob.id} clientDisconnected`]);
    await expect(ann.session.signal({ to: bob.id })).rejects.toMatchObject({
      status: 404,
      code: "peer_not_found",
    });
  });

  test("keep the order of many signals, in whatever order they arrive", async () => {
    const sessionId = await newSession();
    const ann = await member(sessionId);
    const bob = await member(sessionId);
    const mend = await gateway.fault({ fault: "delay", route: "*", delayMs: 0, jitterMs: 100 });
    const texts = Array.from({ length: 30 }, (_, n) => `${ann.id}: n ${n}`);
    await Promise.all(texts.map((_, n) => ann.session.signal({ type: "n", data: `${n}` })));
    await mend();
    await until("the signals", () => bob.told.length === texts.length);
    expect(bob.told).toEqual(texts);
  });

  test("one that is too fast is told so", async () => {
    const sessionId = await newSession();
    const ann = await member(sessionId);
    const signals = await Promise.allSettled(Array.from({ length: 60 }, () => ann.session.signal()));
    const refused = signals.find((signal) => signal.status === "rejected")?.reason;
    expect(refused).toMatchObject({ name: "SessionError", status: 429, code: "too_many_requests" });
  });
});

describe("a socket", () => {
  test("that breaks is noticed by nobody else, and what was said meanwhile is heard", async () => {
    const sessionId = await newSession();
    const ann = await member(sessionId);
    const bob = await member(sessionId);
    await until("Bob", () => ann.told.splice(0).length === 1);
    const before = bob.session.connection;
    // The gateway hears of the break before Bob is back: else it would only change his socket.
    const letGo = await gateway.fault({ fault: "dynamodb", function: "identify", delayMs: 60_000, times: 1 });
    await gateway.cut(bob.id);
    await until("the break", () => bob.told.includes("reconnecting"));
    const sent = [bob.session.signal({ data: "waited" })];
    await expect(
      bob.session.signal({ data: "does not wait", retryAfterReconnect: false }),
    ).rejects.toMatchObject({ code: "connection_not_found" });
    await gateway.away(bob.id);
    await ann.session.signal({ data: "1" });
    await ann.session.signal({ data: "2", to: bob.id });
    await called((done) => openTok.signal(sessionId, null, { data: "3" }, done));
    await letGo();
    await Promise.all(sent);
    await ann.session.signal({ data: "4" });
    const own = `${bob.id}:  waited`;
    await until("the signals", () => bob.told.length === 7 && ann.told.length === 4);
    expect(bob.told.filter((word) => word !== own)).toEqual([
      "reconnecting",
      "reconnected",
      `${ann.id}:  1`,
      `${ann.id}:  2`,
      "server:  3",
      `${ann.id}:  4`,
    ]);
    expect(ann.told).toEqual([`${ann.id}:  1`, "server:  3", own, `${ann.id}:  4`]);
    expect(bob.session.connection).toEqual(before);
    expect(ann.session.connections.get(bob.id)).toEqual(before);
  });

  test("that is replaced in time is noticed by nobody", async () => {
    const sessionId = await newSession();
    const ann = await member(sessionId);
    // The gateway's 110 minutes are over in half a second, by this clock.
    const clock = vi.spyOn(Date, "now").mockReturnValue(Date.now() + 110 * 60_000 - 500);
    const bob = client(sessionId);
    let tokens = 0;
    await bob.session.connect(() => {
      tokens += 1;
      return openTok.generateToken(sessionId);
    });
    clock.mockRestore();
    const before = bob.session.connection;
    await until("the next socket", () => tokens === 2);
    for (let n = 0; n < 5; n += 1) {
      await ann.session.signal({ data: `a${n}` });
      await bob.session.signal({ data: `b${n}` });
    }
    await until("the signals", () => ann.told.length === 11 && bob.told.length === 12);
    const bobs = (told: string[]) => told.filter((word) => word.includes(`${before?.connectionId}:`));
    expect(bobs(ann.told)).toEqual([0, 1, 2, 3, 4].map((n) => `${before?.connectionId}:  b${n}`));
    expect(ann.told[0]).toBe(`+${before?.connectionId}`);
    expect(bob.session.connection).toEqual(before);
  });
});

test("a session is over for who comes back when the grace is over", async () => {
  const brief = await Gateway.start("ReconnectGraceSeconds=1");
  try {
    const { apiKey, openTok: server } = await projectOf(brief);
    const sessionId = await called<{ sessionId: string }>((done) => server.createSession({}, done));
    const join = async () => {
      const made = sessionWith({ url: brief.signalUrl }, { apiKey, sessionId: sessionId.sessionId });
      open.push(made.session);
      await made.session.connect(server.generateToken(sessionId.sessionId));
      return { ...made, id: made.session.connection?.connectionId ?? "" };
    };
    const ann = await join();
    const bob = await join();
    const letGo = await brief.fault({ fault: "dynamodb", function: "identify", delayMs: 60_000, times: 1 });
    await brief.cut(bob.id);
    await until("Bob's end", () => ann.told.includes(`-${bob.id} networkDisconnected`));
    await letGo();
    await until("the end", () => bob.told.at(-1)?.startsWith("over"));
    expect(bob.told.slice(2)).toEqual(["reconnecting", "over networkDisconnected connection_over"]);
  } finally {
    await brief.stop();
  }
});

test("a moderator ends a connection; others may not", async () => {
  const sessionId = await newSession();
  const ann = await member(sessionId, { role: "moderator" });
  const bob = await member(sessionId);
  expect(ann.session.capabilities).toMatchObject({ forceDisconnect: 1 });
  await expect(bob.session.forceDisconnect(ann.id)).rejects.toMatchObject({
    status: 403,
    otc: { number: 1520 },
  });
  await ann.session.forceDisconnect(bob.id);
  await until("the end of Bob", () => bob.told.length === 1 && ann.told.length === 2);
  expect(bob.told).toEqual(["over forceDisconnected"]);
  expect(ann.told).toEqual([`+${bob.id}`, `-${bob.id} forceDisconnected`]);
});

test("a moderator mutes all; others may not", async () => {
  const sessionId = await newSession();
  const ann = await member(sessionId, { role: "moderator" });
  const bob = await member(sessionId);
  await expect(bob.session.forceMuteAll()).rejects.toMatchObject({ status: 403, otc: { number: 1540 } });
  const unpublish = bob.session.forceUnpublish("abcdefgh~ann");
  await expect(unpublish).rejects.toMatchObject({ status: 403, otc: { number: 1530 } });
  await ann.session.forceMuteAll(["abcdefgh~ann"]);
  await ann.session.disableForceMute();
  const unknown = { status: 404, otc: { number: 1535 } };
  await expect(ann.session.forceMuteStream("abcdefgh~bob")).rejects.toMatchObject(unknown);
  await expect(ann.session.forceUnpublish("abcdefgh~bob")).rejects.toMatchObject(unknown);
  for (const wrong of ["abcdefgh", undefined as unknown as string]) {
    await expect(ann.session.forceMuteStream(wrong)).rejects.toMatchObject({ otc: { number: 1011 } });
  }
});

test("an issue gets an id", async () => {
  const { session } = await member(await newSession());
  expect(await session.reportIssue("no sound")).toMatch(/^[0-9a-f-]{36}$/);
});

describe("who is not admitted", () => {
  test("is told why", async () => {
    const sessionId = await newSession();
    const { session } = client(sessionId);
    await expect(session.connect("T1==nonsense")).rejects.toMatchObject({
      status: 401,
      code: "unauthorized",
      otc: { number: 1004, name: "OTC_SESSION_AUTHORIZATION_FAILURE" },
    });
    await session.connect(openTok.generateToken(sessionId));
  });

  test("is one without a secret where the session needs one", async () => {
    const sessionId = await newSession({ mediaMode: "routed", e2ee: true });
    const { session } = client(sessionId);
    const token = openTok.generateToken(sessionId);
    await expect(session.connect(token)).rejects.toMatchObject({ status: 400, otc: { number: 6000 } });
    await session.setEncryptionSecret("a secret of ours");
    await session.connect(token);
  });
});

test("whose connection events are suppressed hears signals, and of nobody", async () => {
  const sessionId = await newSession();
  const ann = await member(sessionId);
  const bob = client(sessionId, { connectionEventsSuppressed: true });
  await bob.session.connect(openTok.generateToken(sessionId));
  await ann.session.signal({ data: "hello" });
  await ann.session.disconnect();
  const eve = await member(sessionId);
  await eve.session.signal({ data: "last" });
  await until("the signals", () => bob.told.length === 3);
  expect(bob.told).toEqual(["connected", `${ann.id}:  hello`, `${eve.id}:  last`]);
  expect(bob.session.connections.size).toBe(0);
});
