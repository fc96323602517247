import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { PING_MS, PONG_MS, Socket } from "../../src/signaling/socket.js";
import type { Message } from "../../src/signaling/wire.js";
import { until } from "../support/until.js";

let server: WebSocketServer;
let peer: WebSocket | undefined;
let heard: { action: string; requestId?: string }[];
let answers: boolean;

beforeEach(async () => {
  heard = [];
  answers = true;
  server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  server.on("connection", (accepted) => {
    peer = accepted;
    accepted.on("message", (data) => {
      const message = JSON.parse(String(data));
      heard.push(message);
      if (message.action === "ping" && answers) accepted.send('{"type":"pong"}');
    });
  });
  await until("the server", () => server.address());
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
  for (const client of server.clients) client.terminate();
  server.close();
});

async function opened() {
  const told = { messages: [] as Message[], broken: 0 };
  const traffic = { sent: 0, received: 0, bytesSent: 0, bytesReceived: 0 };
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const socket = new Socket(url, traffic, (event) => {
    if (event.type === "broken") told.broken += 1;
    else told.messages.push(event);
  });
  await socket.opened;
  const pings = () => heard.filter(({ action }) => action === "ping").length;
  return { socket, told, traffic, pings };
}

describe("a quiet socket", () => {
  test("is kept alive by a ping every four minutes", async () => {
    const { traffic, told, pings } = await opened();
    vi.advanceTimersByTime(PING_MS - 1);
    expect(traffic.sent).toBe(0);
    vi.advanceTimersByTime(1);
    await until("the pong", () => traffic.received === 1);
    vi.advanceTimersByTime(PING_MS);
    await until("the next pong", () => traffic.received === 2);
    expect([pings(), told.broken, told.messages]).toEqual([2, 0, []]);
  });

  test("that gives no sign of life within ten seconds of a ping is dead", async () => {
    const { socket, told, pings } = await opened();
    answers = false;
    socket.check();
    await until("the ping", () => pings() === 1);
    vi.advanceTimersByTime(PONG_MS - 1);
    expect([told.broken, socket.open]).toEqual([0, true]);
    vi.advanceTimersByTime(1);
    expect([told.broken, socket.open]).toEqual([1, false]);
  });

  test("shows by any message that it lives", async () => {
    const { socket, told, pings } = await opened();
    answers = false;
    socket.check();
    socket.check();
    await until("the ping", () => pings() > 0);
    peer?.send('{"type":"sfuConnect","roomId":"r"}');
    await until("the message", () => told.messages.length === 1);
    vi.advanceTimersByTime(PONG_MS);
    expect([told.broken, pings()]).toEqual([0, 1]);
  });
});

describe("a request", () => {
  test("is answered by what repeats its id, and by nothing else", async () => {
    const { socket, told } = await opened();
    const identified = socket.identify({ id: "ann" });
    const asked = await until("the request", () => heard[0]);
    peer?.send('{"type":"ack","requestId":"another"}');
    peer?.send(JSON.stringify({ type: "identified", requestId: asked.requestId, peerId: "ann" }));
    expect(await identified).toMatchObject({ peerId: "ann" });
    expect(told.messages).toEqual([{ type: "ack", requestId: "another" }]);
  });

  test("that is refused throws the gateway's code, also when API Gateway failed in its stead", async () => {
    const { socket } = await opened();
    const first = socket.identify({});
    const asked = await until("the request", () => heard[0]);
    const refusal = {
      type: "error",
      requestId: asked.requestId,
      status: 410,
      code: "room_closed",
      message: "Room is closed",
    };
    peer?.send(JSON.stringify(refusal));
    await expect(first).rejects.toMatchObject({ code: "room_closed", status: 410, fatal: false });
    const second = socket.request("signal", {});
    await until("the request", () => heard[1]);
    peer?.send('{"message":"Internal server error","connectionId":"c","requestId":"theirs"}');
    await expect(second).rejects.toMatchObject({ code: "internal_error", status: 500 });
  });

  test("that may not be asked twice is not refused in API Gateway's words while others are under way", async () => {
    const { socket } = await opened();
    const identify = socket.identify({});
    const signal = socket.request("signal", {});
    const asked = await until("the requests", () => heard[1]);
    peer?.send('{"message":"Too Many Requests","connectionId":"c","requestId":"theirs"}');
    await until("the identify again", () => {
      vi.advanceTimersByTime(500);
      return heard[2];
    });
    peer?.send(JSON.stringify({ type: "ack", requestId: asked.requestId }));
    expect(await signal).toMatchObject({ type: "ack" });
    socket.close();
    await expect(identify).rejects.toMatchObject({ code: "unreachable" });
  });

  test("is not refused by what the gateway says of a handshake, nor, if it may not be asked twice, by what may be about one", async () => {
    const { socket, told } = await opened();
    const publish = socket.request("publish", {});
    const asked = await until("the request", () => heard[0]);
    socket.handshake({ type: "producer", sender: "me", roomId: "r" });
    peer?.send('{"type":"error","status":503,"code":"sfu_unavailable","message":"there is none"}');
    await until("the refusal", () => told.messages.length === 1);
    peer?.send(JSON.stringify({ type: "ack", requestId: asked.requestId }));
    expect(await publish).toMatchObject({ type: "ack" });

    const signal = socket.request("signal", {});
    const sent = await until("the signal", () => heard.find(({ action }) => action === "signal"));
    peer?.send('{"message":"Too Many Requests","connectionId":"c","requestId":"theirs"}');
    await until("a refusal of a handshake", () => told.messages.length === 2);
    peer?.send(JSON.stringify({ type: "ack", requestId: sent.requestId }));
    expect(await signal).toMatchObject({ type: "ack" });
  });

  test("that nobody answers, or whose socket breaks, is unreachable", async () => {
    const { socket, told } = await opened();
    const slow = socket.request("signal", {});
    vi.advanceTimersByTime(10_000);
    await expect(slow).rejects.toMatchObject({ code: "unreachable" });
    const cut = socket.identify({});
    peer?.terminate();
    await expect(cut).rejects.toMatchObject({ code: "unreachable" });
    expect(told.broken).toBe(1);
  });
});

describe("an identify", () => {
  const identifies = () => heard.filter(({ action }) => action === "identify");
  const identified = () =>
    peer?.send(
      JSON.stringify({ type: "identified", requestId: identifies()[0]?.requestId, connectionId: "c" }),
    );

  test("that is refused for a reason that passes is sent again on this socket until it is answered", async () => {
    const { socket } = await opened();
    const refused = vi.fn();
    const answered = socket.identify({ id: "a" }, refused);
    for (const [index, message] of [
      "Too Many Requests",
      "Internal server error",
      "Too Many Requests",
    ].entries()) {
      await until("an identify", () => identifies().length === index + 1);
      peer?.send(JSON.stringify({ message, connectionId: "c", requestId: "theirs" }));
      await until("the refusal", () => refused.mock.calls.length === index + 1);
      await vi.advanceTimersByTimeAsync(2_000);
    }
    await until("an identify", () => identifies().length === 4);
    identified();
    expect(await answered).toMatchObject({ type: "identified", connectionId: "c" });
    expect(new Set(identifies().map(({ requestId }) => requestId)).size).toBe(1);
  });

  test("without an answer is sent again after three seconds, and three times at most", async () => {
    const { socket } = await opened();
    const failed = expect(socket.identify({ id: "a" })).rejects.toMatchObject({ code: "unreachable" });
    for (const times of [1, 2, 3]) {
      await until("an identify", () => identifies().length === times);
      await vi.advanceTimersByTimeAsync(3_000);
    }
    await failed;
    expect(identifies()).toHaveLength(3);
    const late = socket.identify({ id: "a" });
    await until("an identify", () => identifies().length === 4);
    await vi.advanceTimersByTimeAsync(3_000);
    await until("an identify", () => identifies().length === 5);
    peer?.send(
      JSON.stringify({ type: "identified", requestId: identifies()[3]?.requestId, connectionId: "c" }),
    );
    expect(await late).toMatchObject({ connectionId: "c" });
  });
});

test("traffic is counted in messages and in bytes of UTF-8", async () => {
  const { socket, traffic, told } = await opened();
  socket.handshake({ type: "producer", sender: "ü", roomId: "r" });
  await until("the message", () => heard.length === 1);
  peer?.send('{"type":"sfuConnect","roomId":"ü"}');
  await until("the message", () => told.messages.length === 1);
  expect(traffic).toEqual({
    sent: 1,
    bytesSent: Buffer.byteLength(JSON.stringify(heard[0])),
    received: 1,
    bytesReceived: Buffer.byteLength('{"type":"sfuConnect","roomId":"ü"}'),
  });
});

test("closing on purpose says so, and is no break", async () => {
  const { socket, told } = await opened();
  const closed = new Promise((resolve) => peer?.once("close", resolve));
  socket.leaveNow();
  expect(await closed).toBe(1000);
  expect(heard).toEqual([{ action: "leave", data: {} }]);
  expect([told.broken, socket.open]).toEqual([0, false]);
});
