import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Session } from "../../src/opentok/session.js";
import { type Asked, type Peer, refusal, SessionServer, sessionWith } from "../support/session-server.js";
import { until } from "../support/until.js";

let server: SessionServer;
const open: Session[] = [];

beforeEach(async () => {
  server = await SessionServer.start();
});
afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  for (const peer of server.peers) peer.socket.terminate();
  await Promise.all(open.splice(0).map((session) => session.disconnect()));
  server.stop();
});

async function connected() {
  const made = sessionWith(server);
  open.push(made.session);
  await made.session.connect("token");
  made.told.splice(0);
  return made;
}

/** Lets nobody in until what it gives is called. */
function closed() {
  const waiting: (() => void)[] = [];
  server.answers.identify = ({ requestId }, peer) =>
    void waiting.push(() => peer.say({ requestId, ...server.answer(peer) }));
  return () => {
    delete server.answers.identify;
    for (const admit of waiting.splice(0)) admit();
  };
}

/** Holds the acknowledgements of signals back, until the test gives them. */
function slowly() {
  const asked: { asked: Asked; peer: Peer }[] = [];
  server.answers.signal = (each, peer) => void asked.push({ asked: each, peer });
  const acknowledge = (at: number, answer: Record<string, unknown> = { type: "ack" }) =>
    asked[at]?.peer.say({ requestId: asked[at].asked.requestId, ...answer });
  return { asked, acknowledge };
}

const texts = () => server.asked("signal").map(({ data }) => data.data);

describe("sending", () => {
  test("is to all, or to one who is given by connection or by id", async () => {
    const { session } = await connected();
    await session.signal();
    await session.signal({ type: "chat", data: "hello" });
    await session.signal({ to: { connectionId: "ann" } });
    await session.signal({ to: "ann" });
    expect(server.asked("signal").map(({ data }) => data)).toEqual([
      { type: "", data: "" },
      { type: "chat", data: "hello" },
      { type: "", data: "", to: "ann" },
      { type: "", data: "", to: "ann" },
    ]);
  });

  test("goes one at a time, in order, each when the one before is acknowledged", async () => {
    const { session } = await connected();
    const { asked, acknowledge } = slowly();
    const done: number[] = [];
    const all = [1, 2, 3].map((n) => session.signal({ data: `${n}` }).then(() => done.push(n)));
    for (let n = 1; n <= 3; n += 1) {
      await until(`signal ${n}`, () => asked.length === n);
      // Were another under way already, it would have come before this answer.
      await session.forceDisconnect("x");
      expect([asked.length, done.length]).toEqual([n, n - 1]);
      acknowledge(n - 1);
      await until("the acknowledgement", () => done.length === n);
    }
    await Promise.all(all);
    expect(texts()).toEqual(["1", "2", "3"]);
  });

  test.each([
    ["a".repeat(129), "", 413, 1414],
    ["a b", "", 400, 1461],
    ["é".repeat(65), "", 413, 1414],
    ["a:b", "x".repeat(8_193), 400, 1461],
    ["", "x".repeat(8_193), 413, 1413],
    ["", "é".repeat(4_097), 413, 1413],
    [7 as never, "", 400, 1011],
    ["", {} as never, 400, 1011],
  ])("checks its limits first: %.10s %.10s", async (type, data, status, number) => {
    const { session } = await connected();
    await expect(session.signal({ type, data })).rejects.toMatchObject({
      name: "SessionError",
      status,
      code: status === 413 ? "too_large" : "bad_message",
      otc: { number, name: expect.stringMatching(/^OTC_SESSION_/) },
    });
    expect(server.asked("signal")).toEqual([]);
    await session.signal({ type: `${"a".repeat(121)}AZ09-_~`, data: "é".repeat(4_096) });
    expect(server.asked("signal")).toHaveLength(1);
  });

  test.each([
    [429, "too_many_requests", undefined],
    [403, "forbidden", undefined],
    [404, "peer_not_found", undefined],
    [500, "internal_error", 2000],
  ])(
    "tells its caller what the gateway refuses, and does not repeat it: %i %s",
    async (status, code, number) => {
      const { session } = await connected();
      server.answers.signal = ({ data }) =>
        data.data === "bad" ? refusal(status, code, number) : { type: "ack" };
      const bad = session.signal({ data: "bad" });
      const good = session.signal({ data: "good" });
      const otc = number === undefined ? {} : { otc: { number } };
      await expect(bad).rejects.toMatchObject({ status, code, ...otc });
      await good;
      expect(texts()).toEqual(["bad", "good"]);
    },
  );

  test("needs a session", async () => {
    const { session } = sessionWith(server);
    const refused = { status: 400, code: "connection_not_found", otc: { number: 1010 } };
    await expect(session.signal()).rejects.toMatchObject(refused);
  });

  test("asks a socket that does not answer for a sign of life, and goes on through another if there is none", async () => {
    const { session, told } = await connected();
    const { asked, acknowledge } = slowly();
    server.answers.ping = () => undefined;
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const sent = session.signal({ data: "x" });
    await until("the signal", () => asked.length === 1);
    vi.advanceTimersByTime(5_000);
    await until("a ping", () => server.asked("ping").length === 1);
    vi.advanceTimersByTime(10_000);
    expect(told).toEqual(["reconnecting"]);
    vi.useRealTimers();
    await until("the signal again", () => asked.length === 2);
    acknowledge(1);
    await sent;
  });

  test("is answered in the end where the socket lives and the answer was lost", async () => {
    const { session, told } = await connected();
    const { asked } = slowly();
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const sent = session.signal({ data: "x" });
    await until("the signal", () => asked.length === 1);
    vi.advanceTimersByTime(5_000);
    await until("a ping", () => server.asked("ping").length === 1);
    await session.forceDisconnect("x");
    vi.advanceTimersByTime(15_000);
    await expect(sent).rejects.toMatchObject({ code: "unreachable", otc: { number: 1021 } });
    expect(told).toEqual([]);
  });
});

describe("while the connection is broken", () => {
  test("signals wait, and go in their order: first what was under way", async () => {
    const { session, told } = await connected();
    const { asked } = slowly();
    const before = [session.signal({ data: "1" }), session.signal({ data: "2" })];
    await until("the first", () => asked.length === 1);
    const admit = closed();
    server.peer.socket.terminate();
    await until("the break", () => told.includes("reconnecting"));
    before.push(session.signal({ data: "3" }));
    delete server.answers.signal;
    admit();
    await Promise.all(before);
    // The first had no answer, and may have been heard: it is said again.
    expect(texts()).toEqual(["1", "1", "2", "3"]);
    expect(told).toEqual(["reconnecting", "reconnected"]);
  });

  test("what was acknowledged is not said again", async () => {
    const { session, told } = await connected();
    await session.signal({ data: "1" });
    server.peer.socket.terminate();
    await until("a reconnect", () => told.includes("reconnected"));
    await session.signal({ data: "2" });
    expect(texts()).toEqual(["1", "2"]);
  });

  test("those that shall not wait fail: at once, or when what they wait behind breaks off", async () => {
    const { session, told } = await connected();
    const { asked } = slowly();
    const retryAfterReconnect = false;
    const underWay = session.signal({ data: "1", retryAfterReconnect });
    const behind = session.signal({ data: "2", retryAfterReconnect });
    const patient = session.signal({ data: "3" });
    const failed = [
      expect(underWay).rejects.toMatchObject({ code: "dropped", otc: { number: 1022 } }),
      expect(behind).rejects.toMatchObject({ code: "connection_not_found", otc: { number: 1010 } }),
    ];
    await until("the first", () => asked.length === 1);
    const admit = closed();
    server.peer.socket.terminate();
    await until("the break", () => told.includes("reconnecting"));
    const during = session.signal({ data: "4", retryAfterReconnect });
    await expect(during).rejects.toMatchObject({ otc: { number: 1010 } });
    delete server.answers.signal;
    admit();
    await Promise.all([...failed, patient]);
    expect(texts()).toEqual(["1", "3"]);
  });

  test("the end of the session is that of what waits", async () => {
    const { session, told } = await connected();
    const { asked } = slowly();
    const sent = [session.signal({ data: "1" }), session.signal({ data: "2" })];
    const failed = [
      expect(sent[0]).rejects.toMatchObject({ otc: { number: 1022 } }),
      expect(sent[1]).rejects.toMatchObject({ otc: { number: 1010 } }),
    ];
    await until("the first", () => asked.length === 1);
    server.peer.say({ type: "goAway", reason: "forceDisconnected" });
    await Promise.all(failed);
    expect(told).toEqual(["over forceDisconnected"]);
  });

  test("a socket that the gateway has forgotten is replaced, and the signal goes through the next", async () => {
    const { session, told } = await connected();
    server.answers.signal = (_, peer) =>
      peer === server.peers[0] ? refusal(400, "connection_not_found", 1010) : { type: "ack" };
    await session.signal({ data: "1" });
    await session.signal({ data: "2" });
    expect(server.peers).toHaveLength(2);
    expect(texts()).toEqual(["1", "1", "2"]);
    expect(told).toEqual([]);
  });

  test("a gateway that always forgets is not asked for ever", async () => {
    const { session } = await connected();
    server.answers.signal = () => refusal(400, "connection_not_found", 1010);
    await expect(session.signal()).rejects.toMatchObject({ otc: { number: 1010 } });
    expect(server.peers).toHaveLength(3);
  });
});

describe("receiving", () => {
  const say = (seq: number | null, data: string, from: string | null = "ann", more = {}) =>
    server.peer.say({ type: "signal", signal: { type: "chat", data, from, seq, ...more } });

  test("has the type, the text and who sent it, also by the type alone", async () => {
    server.connections = [{ connectionId: "ann", creationTime: 1, data: "name=Ann" }];
    const { session } = await connected();
    const heard: unknown[] = [];
    session.on("signal", ({ type, from }) => heard.push([type, from]));
    session.on("signal:chat", ({ data }) => heard.push(data));
    session.on("signal:other", ({ data }) => heard.push(data));
    say(1, "from Ann");
    say(null, "from a server", null);
    say(1, "from me", "c0");
    say(1, "from a stranger", "eve");
    await until("the signals", () => heard.length === 8);
    expect(heard).toEqual([
      ["chat", server.connections[0]],
      "from Ann",
      ["chat", null],
      "from a server",
      ["chat", session.connection],
      "from me",
      ["chat", { connectionId: "eve" }],
      "from a stranger",
    ]);
  });

  test("keeps a sender's order, and no other's waits for it", async () => {
    const { told } = await connected();
    say(2, "2");
    say(1, "to me", "ann", { to: "c0" });
    say(1, "Bob", "bob");
    say(1, "1");
    await until("the signals", () => told.length === 4);
    expect(told).toEqual(["bob: chat Bob", "ann: chat 1", "ann: chat to me", "ann: chat 2"]);
  });

  test("drops what comes again, by its id: the same said again, on another socket, is heard again", async () => {
    const { told } = await connected();
    say(1, "hi", "ann", { id: "a" });
    say(1, "hi", "ann", { id: "a" });
    say(1, "hi", "ann", { id: "b" });
    say(2, "other", "ann", { id: "c" });
    say(1, "hi", "ann", { id: "b" });
    await until("the last", () => told.includes("ann: chat other"));
    expect(told).toEqual(["ann: chat hi", "ann: chat hi", "ann: chat other"]);
  });

  test("waits a second for one that does not come", async () => {
    const { told } = await connected();
    say(1, "1");
    await until("the first", () => told.length === 1);
    const began = performance.now();
    say(5, "5");
    say(6, "6");
    await until("the signals", () => told.length === 3);
    expect(performance.now() - began).toBeGreaterThanOrEqual(1_000);
    expect(told).toEqual(["ann: chat 1", "ann: chat 5", "ann: chat 6"]);
    say(7, "7");
    await until("the next", () => told.length === 4);
  });

  test("lets what is held of a sender who goes be heard first, and forgets their count", async () => {
    server.connections = [{ connectionId: "ann", creationTime: 1, data: "" }];
    const { session, told } = await connected();
    const senders: unknown[] = [];
    session.on("signal", ({ from }) => senders.push(from));
    say(3, "3");
    server.peer.say({
      type: "connectionDestroyed",
      connection: server.connections[0],
      reason: "networkDisconnected",
    });
    say(1, "1");
    await until("the signals", () => told.length === 3);
    expect(told).toEqual(["ann: chat 3", "-ann networkDisconnected", "ann: chat 1"]);
    expect(senders[0]).toEqual(server.connections[0]);
  });
});
