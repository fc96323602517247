import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { UrlSource } from "../../src/room/types.js";
import { OLD_MS, SignalingConnection } from "../../src/signaling/connection.js";
import { type Peer, refusal, SessionServer } from "../support/session-server.js";
import { until } from "../support/until.js";

let server: SessionServer;
const open: SignalingConnection[] = [];

beforeEach(async () => {
  server = await SessionServer.start();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  for (const connection of open.splice(0)) connection.leaveNow();
  server.stop();
});

/** A connection to that server, and what it told. `hear` is told at once. */
function connection(hear?: (told: string) => void, url: UrlSource = server.url) {
  const told: string[] = [];
  const traffic = { sent: 0, received: 0, bytesSent: 0, bytesReceived: 0, reconnects: 0 };
  const openings = { count: 0 };
  const tell = (text: string) => {
    told.push(text);
    hear?.(text);
  };
  const made = new SignalingConnection({ url, identity: async () => ({}), traffic, log() {} }, (event) => {
    if (event.type === "up") tell(`up ${event.identified.connectionId}${event.renewed ? " renewed" : ""}`);
    else if (event.type === "failed") tell(`failed ${event.error.code}`);
    else if (event.type === "opening") openings.count += 1;
    else tell(event.type);
  });
  open.push(made);
  return { connection: made, told, traffic, openings };
}

async function connected(hear?: (told: string) => void) {
  const made = connection(hear);
  await made.connection.open(false);
  return made;
}

/** The next identify is answered when the test says so. */
function holdIdentify() {
  let held: { peer: Peer; answer(said: Record<string, unknown>): void } | undefined;
  server.answers.identify = ({ requestId }, peer) => {
    held = { peer, answer: (said) => peer.say({ requestId, ...said }) };
    return undefined;
  };
  return () => until("an identify", () => held);
}
const identifiesAgain = () => {
  delete server.answers.identify;
};
/** Whatever came through a socket has been dealt with. */
const heard = ({ socket }: Peer) =>
  new Promise((resolve) => {
    socket.once("pong", resolve);
    socket.ping();
  });

describe("opening", () => {
  test("that is refused for good is the end: a socket is not tried again", async () => {
    server.answers.identify = () => refusal(401, "unauthorized");
    const { connection: one, told } = connection();
    await expect(one.open(true)).rejects.toMatchObject({ code: "unauthorized", fatal: true });
    one.renew();
    await one.open(true);
    expect([server.peers.length, told]).toEqual([1, []]);
  });

  test("after it was left opens nothing", async () => {
    const { connection: one, told } = connection();
    await one.leave();
    await one.open(false);
    expect([server.peers.length, told]).toEqual([0, []]);
  });

  test("that is left on the way says good-bye on the socket that is identified too late", async () => {
    const identify = holdIdentify();
    const { connection: one, told } = connection();
    const opened = one.open(false);
    const { peer, answer } = await identify();
    await one.leave();
    peer.say({ type: "sfuConnect", roomId: "r" });
    answer(server.answer(peer));
    await opened;
    await until("the good-bye", () => peer.asked.some(({ action }) => action === "leave"));
    expect([one.socket, told]).toEqual([undefined, []]);
  });
});

describe("while it is renewed", () => {
  test("it is not renewed once more", async () => {
    const { connection: one, told } = await connected();
    const identify = holdIdentify();
    one.renew();
    const { peer, answer } = await identify();
    one.renew();
    answer(server.answer(peer));
    await until("the next socket", () => told.includes("up c1 renewed"));
    expect([server.peers.length, told]).toEqual([2, ["up c0", "up c1 renewed"]]);
  });

  test("that the socket in use breaks is told, and the one on its way takes its place", async () => {
    const { connection: one, told, traffic } = await connected();
    const identify = holdIdentify();
    one.renew();
    const { peer, answer } = await identify();
    server.peers[0]?.socket.terminate();
    await until("the break", () => told.includes("down"));
    expect(one.socket).toBeUndefined();
    answer(server.answer(peer));
    await until("the next socket", () => told.includes("up c1"));
    expect([told, server.peers.length, traffic.reconnects]).toEqual([["up c0", "down", "up c1"], 2, 1]);
  });

  test("what the old socket says last counts, but for a refusal and that it is replaced", async () => {
    const { connection: one, told } = await connected();
    one.renew();
    await until("the next socket", () => told.includes("up c1 renewed"));
    server.peers[0]?.say(refusal(503, "sfu_unavailable"));
    server.peers[0]?.say({ type: "goAway", reason: "replaced" });
    server.peers[0]?.say({ type: "sfuConnect", roomId: "r" });
    await until("the notice", () => told.includes("sfuConnect"));
    expect(told).toEqual(["up c0", "up c1 renewed", "sfuConnect"]);
  });

  test("the old socket is closed after five seconds, should the gateway not close it", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { connection: one, told } = await connected();
    one.renew();
    await until("the next socket", () => told.includes("up c1 renewed"));
    const [old] = server.peers as [Peer];
    vi.advanceTimersByTime(OLD_MS - 1);
    await heard(old);
    expect(old.socket.readyState).toBe(1);
    vi.advanceTimersByTime(1);
    await until("the end of the old socket", () => old.socket.readyState === 3);
    expect(told).toEqual(["up c0", "up c1 renewed"]);
  });

  test("that the socket in use breaks ends the pause before the next attempt", async () => {
    const { connection: one, told, openings } = await connected();
    // Five seconds, then more.
    vi.spyOn(Math, "random").mockReturnValue(39);
    server.answers.identify = () => refusal(409, "superseded");
    one.renew();
    await until("the refusal", () => server.peers[1]?.socket.readyState === 3);
    expect(openings.count).toBe(2);
    identifiesAgain();
    server.peers[0]?.socket.terminate();
    await until("another socket", () => told.includes("up c2"), 2_000);
    expect(told).toEqual(["up c0", "down", "up c2"]);
  });

  test("that is refused for good leaves the socket in use, which may be renewed later", async () => {
    const { connection: one, told } = await connected();
    server.answers.identify = () => refusal(401, "unauthorized");
    one.renew();
    await until("the refusal", () => server.asked("identify").length === 2);
    await until("the end of the next socket", () => server.peers[1]?.socket.readyState === 3);
    expect(one.socket).toBeDefined();
    identifiesAgain();
    one.renew();
    await until("the next socket", () => told.includes("up c2 renewed"));
    expect(told).toEqual(["up c0", "up c2 renewed"]);
  });
});

describe("a place that is handed over to our own next socket", () => {
  /** The gateway has said so on the old socket; the next one waits for its identified. */
  async function handedOver() {
    const made = await connected();
    const identify = holdIdentify();
    made.connection.renew();
    const next = await identify();
    const [old] = server.peers as [Peer];
    old.say({ type: "goAway", reason: "replaced" });
    await heard(old);
    return { ...made, old, next };
  }

  test("is not lost when the old socket breaks before the next one hears of it", async () => {
    const { told, old, next, traffic } = await handedOver();
    old.socket.terminate();
    await until("the end of the old socket", () => old.socket.readyState === 3);
    await heard(next.peer);
    next.answer(server.answer(next.peer));
    await until("the next socket", () => told.includes("up c1"));
    expect([told, traffic.reconnects]).toEqual([["up c0", "up c1"], 1]);
  });

  test("is told as a break when the old socket is gone and the next one fails", async () => {
    const { told, old, next } = await handedOver();
    old.socket.terminate();
    await until("the end of the old socket", () => old.socket.readyState === 3);
    await heard(next.peer);
    identifiesAgain();
    next.answer(refusal(409, "superseded"));
    await until("another socket", () => told.includes("up c2"));
    expect(told).toEqual(["up c0", "down", "up c2"]);
  });

  test("is the old socket's while that is open and the next one fails: that it breaks is told then", async () => {
    const { connection: one, told, old, next } = await handedOver();
    const identify = holdIdentify();
    next.answer(refusal(409, "superseded"));
    const { peer, answer } = await identify();
    expect([one.socket !== undefined, told]).toEqual([true, ["up c0"]]);
    old.socket.terminate();
    await until("the break", () => told.includes("down"));
    answer(server.answer(peer));
    await until("another socket", () => told.includes("up c2"));
    expect(told).toEqual(["up c0", "down", "up c2"]);
  });
});

describe("a socket that is connected and told to go away", () => {
  test.each([
    ["replaced", "replaced"],
    ["forceDisconnected", "force_disconnected"],
  ])("as it is %s is the end", async (reason, code) => {
    const { told } = await connected();
    server.peer.say({ type: "goAway", reason });
    await until("the end", () => told.includes(`failed ${code}`));
    expect([told, server.peers.length]).toEqual([["up c0", `failed ${code}`], 1]);
  });
});

describe("reconnecting", () => {
  test("that is refused for good is the end", async () => {
    const { connection: one, told } = await connected();
    server.answers.identify = () => refusal(410, "room_closed");
    server.peer.socket.terminate();
    await until("the end", () => told.includes("failed room_closed"));
    one.renew();
    expect([told, server.peers.length]).toEqual([["up c0", "down", "failed room_closed"], 2]);
  });

  test("ends when it is left by whoever hears of the break", async () => {
    const made = await connected((told) => {
      if (told === "down") made.connection.leaveNow();
    });
    server.peer.socket.terminate();
    await until("the break", () => made.told.includes("down"));
    await new Promise((resolve) => setImmediate(resolve));
    expect([made.told, made.openings.count]).toEqual([["up c0", "down"], 1]);
  });
});

describe("a URL with a ticket", () => {
  test("is asked for each socket anew", async () => {
    const asked: string[] = [];
    const made = connection(undefined, async () => {
      asked.push(`ticket-${asked.length}`);
      return `${server.url}?ticket=${asked.at(-1)}`;
    });
    await made.connection.open(false);
    server.peers.at(-1)?.socket.terminate();
    await until("another socket", () => (asked.length > 1 && made.connection.socket) || undefined);
    expect(asked).toEqual(["ticket-0", "ticket-1"]);
  });
});
