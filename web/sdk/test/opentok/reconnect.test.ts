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

const ann = { connectionId: "ann", creationTime: 1, data: "" };
const bob = { connectionId: "bob", creationTime: 2, data: "" };
const eve = { connectionId: "eve", creationTime: 3, data: "" };

async function connected() {
  const made = sessionWith(server);
  open.push(made.session);
  await made.session.connect("token");
  return made;
}

/** Whatever the client was sent through a socket it has dealt with. */
const answered = ({ socket }: Peer) =>
  new Promise((resolve) => {
    socket.once("pong", resolve);
    socket.ping();
  });
const identities = () => server.asked("identify").map(({ data }) => data);

describe("a socket that breaks", () => {
  test("is replaced by one of the same client, and the list is that of the gateway again", async () => {
    server.connections = [ann, bob];
    const { session, told } = await connected();
    server.connections = [bob, eve, { ...ann, connectionId: "c0" }];
    server.peer.socket.terminate();
    await until("a reconnect", () => told.includes("reconnected"));
    const [first, second] = identities();
    expect(first).not.toHaveProperty("id");
    expect(second).toEqual({ ...first, id: "c0" });
    expect(told).toEqual([
      "connected",
      "+ann",
      "+bob",
      "reconnecting",
      "reconnected",
      "-ann networkDisconnected",
      "+eve",
    ]);
    expect(session.connection).toEqual({ connectionId: "c0", creationTime: 100, data: "mine" });
    expect([...session.connections.keys()]).toEqual(["bob", "eve"]);
  });

  test("is told once, however long it takes", async () => {
    const { told } = await connected();
    server.answers.identify = (_, peer) =>
      server.peers.length < 4 ? void peer.socket.terminate() : server.answer(peer);
    server.peer.socket.terminate();
    await until("a reconnect", () => told.includes("reconnected"));
    expect(told).toEqual(["connected", "reconnecting", "reconnected"]);
    expect(new Set(identities().map(({ resumeToken }) => resumeToken)).size).toBe(1);
  });

  test("keeps what it told while its list was made", async () => {
    server.connections = [ann];
    const { session, told } = await connected();
    server.answers.identify = (_, peer) => {
      peer.say({ type: "connectionCreated", connection: eve });
      peer.say({ type: "connectionDestroyed", connection: bob, reason: "clientDisconnected" });
      return { ...server.answer(peer), connections: [ann, bob] };
    };
    server.peer.socket.terminate();
    await until("a reconnect", () => told.includes("reconnected"));
    expect(told).toEqual(["connected", "+ann", "reconnecting", "+eve", "reconnected"]);
    expect([...session.connections.keys()]).toEqual(["ann", "eve"]);
  });

  test("counts its own signals anew: the same one as before is heard again", async () => {
    const { told } = await connected();
    const ping = { type: "signal", signal: { type: "", data: "ping", from: "c0", seq: 1 } };
    server.peer.say(ping);
    await until("the signal", () => told.includes("c0:  ping"));
    server.peer.socket.terminate();
    await until("a reconnect", () => told.includes("reconnected"));
    server.peer.say(ping);
    await until("the signal", () => told.length === 5);
    expect(told).toEqual(["connected", "c0:  ping", "reconnecting", "reconnected", "c0:  ping"]);
  });

  test("brings what was kept, once and before what came since, however often it is delivered", async () => {
    server.connections = [ann];
    const { session, told } = await connected();
    const senders: unknown[] = [];
    session.on("signal", ({ from }) => senders.push(from));
    const signal = (n: number, from: string | null) => ({
      id: `id-${n}`,
      type: "",
      data: `${n}`,
      from,
      seq: from === null ? null : n,
    });
    const kept = { type: "kept", signals: [signal(1, "ann"), signal(1, "eve"), signal(7, null)], missed: 2 };
    kept.signals[1] = { ...signal(1, "eve"), id: "id-e" };
    server.connections = [eve];
    server.answers.identify = (_, peer) => {
      // A newer one is faster.
      peer.say({ type: "signal", signal: signal(2, "eve") });
      peer.say({ type: "signal", signal: signal(8, null) });
      peer.say(kept);
      if (server.peers.length === 2) return void peer.socket.terminate();
      return server.answer(peer);
    };
    server.peer.socket.terminate();
    await until("a reconnect", () => told.includes("+eve"));
    expect(told).toEqual([
      "connected",
      "+ann",
      "reconnecting",
      "reconnected, 2 missed",
      "ann:  1",
      "eve:  1",
      "server:  7",
      "eve:  2",
      "server:  8",
      "-ann networkDisconnected",
      "+eve",
    ]);
    expect(senders.slice(0, 3)).toEqual([ann, eve, null]);
    server.peer.say(kept);
    server.peer.say({ type: "signal", signal: signal(9, null) });
    await until("the last", () => told.at(-1) === "server:  9");
    expect(told).toHaveLength(12);
  });

  test("ends the session when the others have been told that it was gone", async () => {
    const { session, told } = await connected();
    let error: unknown;
    session.on("sessionDisconnected", (event) => {
      error = event.error;
    });
    server.since = 200;
    server.peer.socket.terminate();
    await until("the end", () => error);
    expect(told).toEqual(["connected", "reconnecting", "over networkDisconnected connection_over"]);
    expect(error).toMatchObject({ otc: { number: 1022 } });
    await until("the new stay is left", () => server.asked("leave").length === 1);
  });

  test("ends the session when the gateway does not admit any more", async () => {
    const { session, told } = await connected();
    server.answers.identify = () => refusal(401, "unauthorized", 1004);
    let error: unknown;
    session.on("sessionDisconnected", (event) => {
      error = event.error;
    });
    server.peer.socket.terminate();
    await until("the end", () => error);
    expect(told).toEqual(["connected", "reconnecting", "over networkDisconnected unauthorized"]);
    expect(error).toMatchObject({ status: 401, otc: { number: 1004 } });
    expect(server.peers).toHaveLength(2);
  });
});

describe("a planned reconnect", () => {
  /** The gateway's 110 minutes are over soon. */
  const soon = () => {
    server.identified = { reconnectBefore: Date.now() + 100 };
  };
  const later = () => {
    server.identified = {};
  };

  test("is not told, and neither the old socket's goAway nor its end are", async () => {
    soon();
    server.connections = [ann];
    server.answers.identify = (_, peer) => {
      const [old] = server.peers;
      if (old && old !== peer) {
        later();
        old.say({ type: "goAway", reason: "replaced" });
        old.socket.close(1000);
      }
      return server.answer(peer);
    };
    const { session, told } = await connected();
    await until("the next socket", () => server.asked("identify").length === 2);
    expect(identities()[1]).toMatchObject({ id: "c0", resumeToken: identities()[0]?.resumeToken });
    await session.signal({ data: "x" });
    expect(told).toEqual(["connected", "+ann"]);
  });

  test("waits for the answers that are on their way, and holds what comes next", async () => {
    soon();
    const { session, told } = await connected();
    later();
    const asked: Asked[] = [];
    server.answers.signal = (each) => void asked.push(each);
    server.answers.forceDisconnect = (each) => void asked.push(each);
    const sent = [
      session.signal({ data: "1" }),
      session.signal({ data: "2" }),
      session.forceDisconnect("ann"),
    ];
    await until("the next socket", () => server.peers.length === 2);
    await until("the requests", () => asked.length === 2);
    const [first] = server.peers;
    for (const { requestId } of asked) {
      // It would have identified by now if it did not wait.
      for (const peer of server.peers) await answered(peer);
      expect(server.asked("identify")).toHaveLength(1);
      first?.say({ type: "ack", requestId });
    }
    delete server.answers.signal;
    await Promise.all(sent);
    expect(server.peers.map(({ asked: each }) => each.map(({ action }) => action))).toEqual([
      ["identify", "signal", "forceDisconnect"],
      ["identify", "signal"],
    ]);
    expect(told).toEqual(["connected"]);
  });

  test("asks for the list once more, when the old socket is gone for sure", async () => {
    soon();
    const { told } = await connected();
    later();
    server.answers.identify = (_, peer) => {
      server.peers[0]?.say({ type: "connectionCreated", connection: eve });
      return server.answer(peer);
    };
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    vi.advanceTimersByTime(100);
    await until("the next socket", () => server.asked("identify").length === 2);
    await until("Eve", () => told.includes("+eve"));
    // Her end was posted to the old socket, and lost with it.
    server.answers.identify = (_, peer) => server.answer(peer);
    vi.advanceTimersByTime(6_000);
    await until("the end of Eve", () => told.includes("-eve networkDisconnected"));
    expect(server.peers).toHaveLength(2);
    expect(server.asked("identify")).toHaveLength(3);
  });

  test("that is refused leaves the socket in use as it is", async () => {
    soon();
    const { session, told } = await connected();
    server.answers.identify = () => refusal(401, "unauthorized", 1004);
    await until("the refusal", () => server.asked("identify").length === 2);
    await session.signal({ data: "x" });
    expect(told).toEqual(["connected"]);
  });
});
