import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { type WebSocket as ServerSocket, WebSocketServer } from "ws";
import type { RoomError } from "../../src/errors.js";
import { RoomsApi } from "../../src/room/rooms.js";
import { renewalDelay } from "../../src/signaling/connection.js";
import { Signaling } from "../../src/signaling/signaling.js";
import type { Handshake, Identified } from "../../src/signaling/wire.js";
import { Gateway } from "../support/gateway.js";
import type { Sfu } from "../support/sfu.js";
import { until } from "../support/until.js";

let gateway: Gateway;
let rooms = 0;
const open: Signaling[] = [];

beforeAll(async () => {
  gateway = await Gateway.start("SfuGraceSeconds=1");
});
afterAll(() => gateway?.stop());
afterEach(async () => {
  vi.restoreAllMocks();
  for (const signaling of open.splice(0)) signaling.leaveNow();
});

/** A room that a path has, and its SFU. */
async function claimed(features?: string[]): Promise<Sfu> {
  const sfu = await gateway.room(features);
  rooms += 1;
  const roomId = await new RoomsApi(gateway.httpUrl, async () => undefined).claim(
    `p${rooms}`,
    AbortSignal.timeout(5_000),
  );
  if (roomId !== sfu.id) throw new Error("another room was free");
  return sfu;
}

/** Somebody's signaling, and what it told. */
function someone(sfu: Sfu, peerId: string, resumeToken = `${peerId}-0123456789abcdef`) {
  const told = {
    identified: [] as Identified[],
    down: 0,
    handshakes: [] as Handshake[],
    notices: [] as string[],
    refused: [] as RoomError[],
    failed: [] as RoomError[],
  };
  const traffic = { sent: 0, received: 0, bytesSent: 0, bytesReceived: 0, reconnects: 0 };
  const signaling = new Signaling(
    {
      url: gateway.signalUrl,
      roomId: sfu.id,
      peerId,
      resumeToken,
      token: async () => undefined,
      traffic,
      log() {},
    },
    (event) => {
      if (event.type === "up") told.identified.push(event.identified);
      else if (event.type === "down") told.down += 1;
      else if (event.type === "refused" || event.type === "failed") told[event.type].push(event.error);
      else if (event.type === "producer" || event.type === "consumer") told.handshakes.push(event);
      else told.notices.push(event.type);
    },
  );
  open.push(signaling);
  const offer = (negotiation: number): Handshake => ({
    type: "producer",
    sender: peerId,
    roomId: sfu.id,
    negotiation,
    description: { type: "offer", sdp: `v=0 ${peerId}` },
  });
  return { signaling, told, traffic, offer };
}

describe("entering a room", () => {
  test("gives what the gateway and the SFU say, and handshakes go both ways", async () => {
    const sfu = await claimed();
    const { signaling, told, offer, traffic } = someone(sfu, "ann");
    // Waits for the socket, and goes without a requestId: what is answered by itself needs no acknowledgement.
    signaling.send(offer(1));
    await signaling.open(false);
    expect(told.identified[0]).toMatchObject({
      peerId: "ann",
      roomId: sfu.id,
      features: ["candidates", "ice-lite"],
    });
    const heard = await sfu.hears("the offer", ({ type }) => type === "producer");
    const stamp = { connectedAt: expect.any(Number), connectionId: signaling.connectionId };
    expect(heard).toEqual({ ...offer(1), stamp });
    await until("the answer", () =>
      told.handshakes.find(({ description }) => description?.type === "answer"),
    );
    expect(told.handshakes[0]).toMatchObject({ sender: sfu.id, receiver: "ann", negotiation: 1 });
    expect(traffic).toMatchObject({ sent: 2, received: 2, reconnects: 0 });
  });

  test("a room that is over does not admit", async () => {
    const sfu = await claimed();
    sfu.leave();
    let tries = 0;
    await until("the closed room", async () => {
      const { signaling } = someone(sfu, `ann-${++tries}`);
      try {
        await signaling.open(false);
      } catch (error) {
        return (error as RoomError).code === "room_closed";
      }
      // Quicker than the leave.
      await signaling.leave();
      return false;
    });
  });

  test("a place that is taken is waited for, as the page that has it may be closing", async () => {
    const sfu = await claimed();
    const before = someone(sfu, "ann", "a-former-self-0123456789");
    await before.signaling.open(false);
    const after = someone(sfu, "ann", "a-later-self-0123456789");
    const opened = after.signaling.open(false);
    await until("a refusal", () => after.traffic.received > 0);
    before.signaling.leaveNow();
    await opened;
    expect(after.told.identified).toHaveLength(1);
  });

  test("nobody answers: it is given up when nobody is patient, and not otherwise", async () => {
    const sfu = await claimed();
    const { signaling } = someone(sfu, "ann");
    const url = "ws://127.0.0.1:9";
    vi.spyOn(Math, "random").mockReturnValue(-0.98);
    const away = new Signaling(
      {
        url,
        roomId: "r",
        peerId: "a",
        resumeToken: "t".repeat(16),
        token: async () => undefined,
        traffic: someone(sfu, "x").traffic,
        log() {},
      },
      () => undefined,
    );
    await expect(away.open(false)).rejects.toMatchObject({ code: "unreachable", fatal: true });
    signaling.leaveNow();
  });
});

describe("a socket that breaks", () => {
  test("is replaced, and what was sent lately is sent again through the new one", async () => {
    const sfu = await claimed();
    sfu.answers = false;
    const { signaling, told, traffic, offer } = someone(sfu, "ann");
    await signaling.open(false);
    signaling.send(offer(1));
    await until("the offer", () => sfu.offers("ann").length === 1);
    await gateway.cut(signaling.connectionId ?? "");
    await until("the socket to break", () => told.down === 1);
    await until("another socket", () => told.identified.length === 2);
    await until("the offer again", () => sfu.offers("ann").length === 2);
    const [first, second] = sfu.offers("ann");
    expect(second?.negotiation).toBe(first?.negotiation);
    expect(second?.stamp?.connectionId).toBe(signaling.connectionId);
    expect(second?.stamp?.connectionId).not.toBe(first?.stamp?.connectionId);
    expect([told.failed.length, traffic.reconnects]).toEqual([0, 1]);
  });

  test("is not what ends a call: an answered offer is not sent again", async () => {
    const sfu = await claimed();
    const { signaling, told, offer } = someone(sfu, "ann");
    await signaling.open(false);
    signaling.send(offer(1));
    await until("the answer", () => told.handshakes.length === 1);
    signaling.settle({ type: "producer" });
    await gateway.cut(signaling.connectionId ?? "");
    await until("another socket", () => told.identified.length === 2);
    signaling.send({ ...offer(1), negotiation: 2 });
    await until("the next offer", () => sfu.offers("ann").some(({ negotiation }) => negotiation === 2));
    expect(sfu.offers("ann").map(({ negotiation }) => negotiation)).toEqual([1, 2]);
  });

  test("the network that is back ends the pause before the next attempt", async () => {
    const target = new EventTarget();
    vi.stubGlobal("addEventListener", target.addEventListener.bind(target));
    vi.stubGlobal("removeEventListener", target.removeEventListener.bind(target));
    const sfu = await claimed();
    const { signaling, told } = someone(sfu, "ann");
    await signaling.open(false);
    const real = globalThis.WebSocket;
    let attempts = 0;
    // No network: each attempt fails, and the pauses grow to ten seconds.
    vi.stubGlobal(
      "WebSocket",
      class extends real {
        constructor() {
          super("ws://127.0.0.1:9");
          attempts += 1;
        }
      },
    );
    vi.spyOn(Math, "random").mockReturnValue(39);
    await gateway.cut(signaling.connectionId ?? "");
    await until("the break", () => told.down === 1);
    vi.stubGlobal("WebSocket", real);
    // The first attempt, which fails, has been made, and the pause after it has begun.
    await until("an attempt", () => attempts > 0);
    await new Promise((resolve) => setImmediate(resolve));
    expect(told.identified).toHaveLength(1);
    target.dispatchEvent(new Event("online"));
    await until("another socket", () => told.identified.length === 2, 2_000);
    vi.unstubAllGlobals();
  });
});

describe("a planned reconnect", () => {
  test("happens before the gateway's time, and nobody notices: not the room, nor we our own going", async () => {
    const sfu = await claimed();
    const { signaling, told, traffic, offer } = someone(sfu, "ann");
    // The gateway's 110 minutes are over in half a second, by this clock.
    const clock = vi.spyOn(Date, "now").mockReturnValue(Date.now() + 110 * 60_000 - 500);
    await signaling.open(false);
    clock.mockRestore();
    await until("a second socket", () => told.identified.length === 2);
    const old = told.identified[0]?.connectionId;
    expect(signaling.connectionId).toBe(told.identified[1]?.connectionId);
    signaling.send(offer(1));
    await until("the answer", () => told.handshakes.length === 1);
    // goAway for the first socket has arrived by now: it was sent before the second was identified.
    expect(told).toMatchObject({ down: 0, failed: [] });
    expect(traffic.reconnects).toBe(1);
    expect(sfu.heard.some(({ type }) => (type as string) === "clientDisconnect")).toBe(false);
    expect(sfu.offers("ann")[0]?.stamp?.connectionId).not.toBe(old);
  });

  test("goes unnoticed also when the old socket hears of it, and is closed, before the new one does", async () => {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
    const sockets: ServerSocket[] = [];
    const identifies: { requestId: string }[] = [];
    const identified = (socket: ServerSocket | undefined, n: number, reconnectBefore: number) => {
      const { requestId } = identifies[n] ?? {};
      const said = {
        type: "identified",
        requestId,
        connectionId: `c${n}`,
        reconnectBefore,
        iceServers: [],
        features: [],
      };
      socket?.send(JSON.stringify(said));
    };
    server.on("connection", (socket) => {
      sockets.push(socket);
      socket.on("message", (data) => void identifies.push(JSON.parse(String(data))));
    });
    await until("the server", () => server.address());
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const told: string[] = [];
    const traffic = { sent: 0, received: 0, bytesSent: 0, bytesReceived: 0, reconnects: 0 };
    const signaling = new Signaling(
      {
        url,
        roomId: "r",
        peerId: "ann",
        resumeToken: "t".repeat(16),
        token: async () => undefined,
        traffic,
        log() {},
      },
      (event) => {
        if (event.type === "up") told.push(event.identified.connectionId);
        else told.push(event.type === "failed" ? event.error.code : event.type);
      },
    );
    open.push(signaling);
    const opened = signaling.open(false);
    await until("the first identify", () => identifies.length === 1);
    identified(sockets[0], 0, Date.now() + 50);
    await opened;
    await until("the second identify", () => identifies.length === 2);
    const closed = new Promise((resolve) => sockets[0]?.once("close", resolve));
    sockets[0]?.send('{"type":"goAway","reason":"replaced"}');
    sockets[0]?.close(1000);
    await closed;
    identified(sockets[1], 1, Date.now() + 60_000);
    await until("the second socket", () => told.includes("c1"));
    expect(told).toEqual(["c0", "c1"]);
    server.close();
  });

  test("somebody who has our token and joins elsewhere ends the call here", async () => {
    const sfu = await claimed();
    const here = someone(sfu, "ann");
    await here.signaling.open(false);
    const there = someone(sfu, "ann");
    await there.signaling.open(false);
    await until("the end", () => here.told.failed.length === 1);
    expect(here.told.failed[0]).toMatchObject({ code: "replaced", fatal: true });
    expect(there.told.failed).toEqual([]);
  });

  test.each([
    ["in time, up to a minute early", 110 * 60_000, 109 * 60_000, 110 * 60_000],
    ["soon", 10_000, 9_000, 10_000],
    ["after 50 minutes when this machine's clock is behind", 111 * 60_000, 50 * 60_000, 50 * 60_000],
    ["after 50 minutes when it is far ahead", -1, 50 * 60_000, 50 * 60_000],
    ["after 50 minutes when the time does not read", Number.NaN, 50 * 60_000, 50 * 60_000],
  ])("is %s", (_, left, least, most) => {
    const delay = renewalDelay(left, 0);
    expect(delay).toBeGreaterThanOrEqual(least);
    expect(delay).toBeLessThanOrEqual(most);
  });
});

describe("an SFU that is away", () => {
  test("is waited for: the offer that was refused arrives when it is back", async () => {
    const sfu = await claimed();
    const { signaling, told, offer } = someone(sfu, "ann");
    await signaling.open(false);
    sfu.drop();
    await until("sfuDisconnect", () => told.notices.includes("sfuDisconnect"));
    signaling.send(offer(1));
    await until("a refusal", () => told.refused.length > 0);
    expect(told.refused[0]).toMatchObject({ code: "sfu_unavailable", status: 503 });
    await sfu.back();
    await until("the offer", () => sfu.offers("ann").length > 0);
    expect(told.notices).toContain("sfuConnect");
  });

  test("throttled posts are tried again", async () => {
    const sfu = await claimed();
    const { signaling, told, offer } = someone(sfu, "ann");
    await signaling.open(false);
    const mend = await gateway.fault({ fault: "management", error: 500, function: "handshake", times: 4 });
    signaling.send(offer(1));
    await until("the answer", () => told.handshakes.length > 0);
    await mend();
    expect(told.failed).toEqual([]);
  });
});

describe("going", () => {
  test("tells the others that it was on purpose", async () => {
    const sfu = await claimed();
    const ann = someone(sfu, "ann");
    const bob = someone(sfu, "bob");
    await ann.signaling.open(false);
    await bob.signaling.open(false);
    await ann.signaling.leave();
    await until("clientDisconnect", () => bob.told.notices.includes("clientDisconnect"));
    const heard = await sfu.hears("clientDisconnect", ({ type }) => (type as string) === "clientDisconnect");
    expect(heard).toMatchObject({ clientId: "ann", reason: "left" });
  });

  test("is on purpose also when a page closes and nothing is waited for", async () => {
    const sfu = await claimed();
    const ann = someone(sfu, "ann");
    await ann.signaling.open(false);
    ann.signaling.leaveNow();
    const heard = await sfu.hears("clientDisconnect", ({ type }) => (type as string) === "clientDisconnect");
    expect(heard).toMatchObject({ clientId: "ann", reason: "left" });
  });
});
