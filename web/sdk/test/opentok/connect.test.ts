import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Session } from "../../src/opentok/session.js";
import type { IceConfig, SessionOptions } from "../../src/opentok/types.js";
import { refusal, SessionServer, sessionWith } from "../support/session-server.js";
import { until } from "../support/until.js";

let server: SessionServer;
const open: Session[] = [];

beforeEach(async () => {
  server = await SessionServer.start();
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  await Promise.all(open.splice(0).map((session) => session.disconnect()));
  server.stop();
});

function client(options: Partial<SessionOptions> = {}) {
  const made = sessionWith(server, options);
  open.push(made.session);
  return made;
}

const ann = { connectionId: "ann", creationTime: 1, data: "name=Ann" };
const bob = { connectionId: "bob", creationTime: 2, data: "" };

describe("connecting", () => {
  test("says who one is and what one may do, and then who is there", async () => {
    server.connections = [ann];
    const { session, told } = client();
    expect([session.connection, session.capabilities, session.connections.size]).toEqual([
      undefined,
      undefined,
      0,
    ]);
    await session.connect("T1==token");
    expect(server.asked("identify")[0]?.data).toEqual({
      type: "client",
      roomId: "1_MX4",
      apiKey: "47000001",
      token: "T1==token",
      resumeToken: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    expect(session.connection).toEqual({ connectionId: "c0", creationTime: 100, data: "mine" });
    expect(session.capabilities).toMatchObject({ publish: 1, forceDisconnect: 0 });
    expect([...session.connections.values()]).toEqual([ann]);
    expect(told).toEqual(["connected", "+ann"]);
  });

  test("hears nothing before it is connected, and loses nothing of it", async () => {
    server.answers.identify = (_, peer) => {
      peer.say({ type: "connectionCreated", connection: bob });
      peer.say({ type: "signal", signal: { type: "t", data: "early", from: "bob", seq: 1 } });
      peer.say({ type: "connectionDestroyed", connection: ann, reason: "clientDisconnected" });
      // Who does not fit into the answer comes before it.
      peer.say({ type: "connections", connections: [{ connectionId: "eve", creationTime: 3, data: "" }] });
      return { ...server.answer(peer), connections: [ann] };
    };
    const { session, told } = client();
    await session.connect("token");
    expect(told).toEqual(["connected", "+eve", "+ann", "+bob", "bob: t early", "-ann clientDisconnected"]);
  });

  test("comes and goes of others are told once; one's own is none of them", async () => {
    const { session, told } = client();
    await session.connect("token");
    const { peer } = server;
    peer.say({ type: "connectionCreated", connection: { connectionId: "c0", creationTime: 100, data: "" } });
    for (let times = 0; times < 2; times += 1) peer.say({ type: "connectionCreated", connection: ann });
    for (let times = 0; times < 2; times += 1)
      peer.say({ type: "connectionDestroyed", connection: ann, reason: "forceDisconnected" });
    peer.say({ type: "connectionCreated", connection: ann });
    peer.say({ type: "connectionCreated", connection: bob, resumed: true });
    await until("Bob", () => told.includes("+bob is back"));
    expect(told).toEqual(["connected", "+ann", "-ann forceDisconnected", "+bob is back"]);
    expect([...session.connections.keys()]).toEqual(["bob"]);
  });

  test("asks not to be told of others", async () => {
    await client({ connectionEventsSuppressed: true }).session.connect("token");
    expect(server.asked("identify")[0]?.data).toMatchObject({ connectionEventsSuppressed: true });
  });

  test.each([
    [401, "unauthorized", 1004],
    [404, "room_not_found", 1005],
    [429, "connection_limit_exceeded", 1027],
    [400, "encryption_secret_missing", 6000],
  ])("is refused at once with %i %s, %i", async (status, code, number) => {
    server.answers.identify = () => refusal(status, code, number);
    const { session, told } = client();
    await expect(session.connect("token")).rejects.toMatchObject({
      name: "SessionError",
      status,
      code,
      message: `it is ${code}`,
      otc: { number },
    });
    expect(server.peers).toHaveLength(1);
    expect(told).toEqual([]);
    server.answers.identify = (_, peer) => server.answer(peer);
    await session.connect("another");
    expect(told).toEqual(["connected"]);
  });

  test("twice is no state to be in", async () => {
    const { session } = client();
    const first = session.connect("token");
    await expect(session.connect("token")).rejects.toMatchObject({ status: 409, otc: { number: 1015 } });
    await first;
    await expect(session.connect("token")).rejects.toMatchObject({ otc: { number: 1015 } });
  });

  test("where nobody answers is given up", async () => {
    vi.spyOn(Math, "random").mockReturnValue(-0.98);
    const { session } = client({ url: "ws://127.0.0.1:9" });
    await expect(session.connect("token")).rejects.toMatchObject({
      code: "unreachable",
      otc: { number: 1021 },
    });
  });

  test("gets its token anew for each socket where it is a function", async () => {
    let tokens = 0;
    const { session, told } = client();
    await session.connect(async () => {
      tokens += 1;
      return `token ${tokens}`;
    });
    server.peer.socket.terminate();
    await until("a reconnect", () => told.includes("reconnected"));
    expect(server.asked("identify").map(({ data }) => data.token)).toEqual(["token 1", "token 2"]);
  });
});

describe("leaving", () => {
  test("is told to the gateway, and empties the list", async () => {
    server.connections = [ann];
    const { session, told } = client();
    await session.connect("token");
    await session.disconnect();
    expect(server.asked("leave")).toHaveLength(1);
    expect(told).toEqual(["connected", "+ann", "over clientDisconnected"]);
    expect([session.connection, session.connections.size]).toEqual([undefined, 0]);
    await expect(session.signal()).rejects.toMatchObject({ otc: { number: 1010 } });
  });

  test("while it connects ends that", async () => {
    server.answers.identify = () => undefined;
    const { session, told } = client();
    const connected = session.connect("token");
    await until("the identify", () => server.asked("identify").length === 1);
    await session.disconnect();
    await expect(connected).rejects.toMatchObject({ code: "left" });
    expect(told).toEqual([]);
  });

  test("by whoever hears that it is connected is what connecting throws, and nobody else is told of", async () => {
    server.connections = [ann];
    const { session, told } = client();
    session.on("sessionConnected", () => void session.disconnect());
    await expect(session.connect("token")).rejects.toMatchObject({ code: "left" });
    expect([told, session.connection]).toEqual([["connected"], undefined]);
    await expect(session.signal({ data: "x" })).rejects.toMatchObject({ code: "connection_not_found" });
  });

  test("happens by itself when the page is left", async () => {
    const page = new EventTarget();
    vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
    vi.stubGlobal("removeEventListener", page.removeEventListener.bind(page));
    const { session, told } = client();
    await session.connect("token");
    page.dispatchEvent(new Event("pagehide"));
    expect(told).toEqual(["connected", "over clientDisconnected"]);
    await until("the leave", () => server.asked("leave").length === 1);
  });

  test.each([
    ["replaced", "replaced"],
    ["forceDisconnected", "forceDisconnected"],
  ])("is also what a goAway does: %s", async (reason, told_) => {
    const { session, told } = client();
    await session.connect("token");
    const { peer } = server;
    peer.say({ type: "signal", signal: { type: "", data: "last", from: "ann", seq: 7 } });
    peer.say({ type: "goAway", reason });
    peer.socket.close(1000);
    await until("the end", () => told.length === 3);
    // What was held is heard before.
    expect(told).toEqual(["connected", "ann:  last", `over ${told_}`]);
    expect(server.peers).toHaveLength(1);
    await session.connect("again");
    expect(server.asked("identify")[1]?.data).not.toHaveProperty("id");
  });
});

describe("a moderator", () => {
  test("ends somebody's connection, or is told why not", async () => {
    const { session } = client();
    await expect(session.forceDisconnect(ann)).rejects.toMatchObject({ status: 400, otc: { number: 1010 } });
    await session.connect("token");
    await session.forceDisconnect(ann);
    await session.forceDisconnect("bob");
    const asked = server.asked("forceDisconnect").map(({ data }) => data);
    expect(asked).toEqual([{ connectionId: "ann" }, { connectionId: "bob" }]);
    server.answers.forceDisconnect = () => refusal(403, "forbidden", 1520);
    await expect(session.forceDisconnect(ann)).rejects.toMatchObject({ status: 403, otc: { number: 1520 } });
    await expect(session.forceDisconnect("")).rejects.toMatchObject({ otc: { number: 1011 } });
  });

  test("mutes and ends streams, or is told why not", async () => {
    const { session } = client();
    await session.connect("token");
    await session.forceMuteStream("abcdefgh~ann");
    await session.forceMuteAll();
    await session.forceMuteAll([{ streamId: "abcdefgh~bob" }, "abcdefgh~ann"]);
    await session.disableForceMute();
    await session.forceUnpublish({ streamId: "abcdefgh~ann" });
    const asked = (action: string) => server.asked(action).map(({ data }) => data);
    expect(asked("forceMuteStream")).toEqual([{ streamId: "abcdefgh~ann" }]);
    const both = ["abcdefgh~bob", "abcdefgh~ann"];
    expect(asked("forceMuteAll")).toEqual([{ excludedStreamIds: [] }, { excludedStreamIds: both }]);
    expect(asked("disableForceMute")).toEqual([{}]);
    expect(asked("forceUnpublish")).toEqual([{ streamId: "abcdefgh~ann" }]);
    server.answers.forceMuteAll = () => refusal(403, "forbidden", 1540);
    await expect(session.forceMuteAll()).rejects.toMatchObject({ status: 403, otc: { number: 1540 } });
  });

  test("hears when the connection breaks before the answer", async () => {
    const { session } = client();
    await session.connect("token");
    server.answers.forceDisconnect = (_, peer) => void peer.socket.terminate();
    await expect(session.forceDisconnect(ann)).rejects.toMatchObject({
      code: "dropped",
      otc: { number: 1022 },
    });
  });
});

test("an issue is reported and gets an id", async () => {
  server.answers.reportIssue = () => ({ type: "issueReported", issueId: "0b5e" });
  const { session } = client();
  await session.connect("token");
  expect(await session.reportIssue("no sound")).toBe("0b5e");
  expect(server.asked("reportIssue")[0]?.data).toEqual({ text: "no sound" });
  for (const text of ["", "é".repeat(4_097)])
    await expect(session.reportIssue(text)).rejects.toMatchObject({ status: 400, otc: { number: 1011 } });
  server.answers.reportIssue = () => refusal(500, "internal_error", 2011);
  await expect(session.reportIssue("x")).rejects.toMatchObject({ otc: { number: 2011 } });
});

describe("an encryption secret", () => {
  const secret = "a secret of mine";

  test("is said to be there and never said", async () => {
    const { session, told } = client({ encryptionSecret: secret });
    await session.connect("token");
    await session.signal({ data: "x" });
    await session.setEncryptionSecret("another one");
    server.peer.socket.terminate();
    await until("a reconnect", () => told.includes("reconnected"));
    expect(server.asked("identify").map(({ data }) => data.e2eeReady)).toEqual([true, true]);
    expect(server.frames.filter((frame) => frame.includes(secret) || frame.includes("another one"))).toEqual(
      [],
    );
  });

  test("may be set later, and is not said to be there before", async () => {
    const { session } = client();
    await session.connect("token");
    expect(server.asked("identify")[0]?.data).not.toHaveProperty("e2eeReady");
    await session.disconnect();
    await session.setEncryptionSecret(secret);
    await session.connect("token");
    expect(server.asked("identify")[1]?.data).toMatchObject({ e2eeReady: true });
  });

  test.each(["", "a".repeat(7), "a".repeat(257)])(
    "that is too short or too long is refused: %s",
    async (wrong) => {
      const { session } = client({ encryptionSecret: wrong });
      await expect(session.connect("token")).rejects.toMatchObject({ otc: { number: 6004 } });
      await expect(session.setEncryptionSecret(wrong)).rejects.toMatchObject({
        otc: { number: 6004, name: "OTC_SESSION_INVALID_ENCRYPTION_SECRET" },
      });
      expect(server.peers).toHaveLength(0);
      for (const right of ["a".repeat(8), "😀".repeat(256)]) await session.setEncryptionSecret(right);
    },
  );
});

describe("the ICE servers", () => {
  const own = { urls: "turn:own", username: "u", credential: "c" };
  const gateways = { urls: "stun:gateway" };

  test.each([
    ["are the gateway's", {}, [gateways], "all"],
    ["are these and the application's", { customServers: [own] }, [gateways, own], "all"],
    [
      "are the application's alone, and its relays",
      { includeServers: "custom", transportPolicy: "relay", customServers: [own] },
      [own],
      "relay",
    ],
  ] satisfies [string, IceConfig, RTCIceServer[], string][])(
    "%s",
    async (_, iceConfig, iceServers, iceTransportPolicy) => {
      const { session } = client({ iceConfig });
      await session.connect("token");
      expect(session.rtcConfiguration).toEqual({ iceServers, iceTransportPolicy });
    },
  );
});
