import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Room } from "../../src/room/room.js";
import { FakeStream, FakeTrack, installRtc } from "../support/rtc.js";

/** A server that hears and does not answer: a joining lasts. */
let server: Server;
let asked = 0;
beforeEach(async () => {
  installRtc();
  asked = 0;
  server = createServer(() => {
    asked += 1;
  });
  server.on("connection", () => {
    asked += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(() => {
  vi.unstubAllGlobals();
  server.closeAllConnections();
  server.close();
});

function room() {
  const { port } = server.address() as AddressInfo;
  const made = new Room({
    httpUrl: `http://127.0.0.1:${port}`,
    signalUrl: `ws://127.0.0.1:${port}`,
    path: "/",
  });
  const told: string[] = [];
  made.on("state", ({ state }) => told.push(state));
  made.on("error", ({ code, fatal }) => told.push(`${fatal ? "fatal" : "error"} ${code}`));
  return { room: made, told };
}
const given = (...kinds: ("audio" | "video")[]) => {
  const tracks = kinds.map((kind) => new FakeTrack(kind));
  return { tracks, stream: new FakeStream(tracks) as unknown as MediaStream };
};
const quiet = (promise: Promise<unknown>) =>
  promise.then(
    () => "done",
    (error: { code: string }) => error.code,
  );
/** Long enough for a request to arrive on this machine. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 100));

test("without WebRTC a call fails in words of its own, and nobody is asked for anything", async () => {
  vi.stubGlobal("RTCPeerConnection", undefined);
  expect(Room.supported).toBe(false);
  const { room: one, told } = room();
  const { tracks, stream } = given("audio", "video");
  await expect(one.join(stream)).rejects.toMatchObject({
    code: "no_webrtc",
    fatal: true,
    message: expect.stringMatching(/browser.*WebRTC/),
  });
  await settle();
  expect([asked, told]).toEqual([0, ["failed", "fatal no_webrtc"]]);
  // As after every failure, `leave` lets go of what was given.
  await one.leave();
  expect(tracks.map(({ readyState }) => readyState)).toEqual(["ended", "ended"]);
  await expect(one.join()).rejects.toMatchObject({ code: "no_webrtc" });
  installRtc();
  expect(Room.supported).toBe(true);
  quiet(one.join());
  await vi.waitFor(() => expect(asked).toBeGreaterThan(0));
  await one.leave();
});

test("where there is no browser a room can be made, and its joining says that there is no WebRTC", async () => {
  for (const name of ["RTCPeerConnection", "navigator", "MediaStream", "WebSocket"])
    vi.stubGlobal(name, undefined);
  const { Room: Fresh } = await import("../../src/index.js");
  const one = new Fresh({ httpUrl: "http://h", signalUrl: "ws://s", path: "/" });
  expect([one.state, one.peers.size, one.self.features.audio]).toEqual(["idle", 0, false]);
  await expect(one.join()).rejects.toMatchObject({ code: "no_webrtc" });
  await expect(one.devices()).rejects.toMatchObject({ code: "media_refused" });
  await one.leave();
});

test("left by whoever hears that it begins, it may be joined again", async () => {
  const { room: one, told } = room();
  one.once("state", () => void one.leave());
  expect(await quiet(one.join())).toBe("left");
  expect([one.state, told]).toEqual(["idle", ["finding", "idle"]]);
  await settle();
  expect(asked).toBe(0);
  const again = quiet(one.join());
  await vi.waitFor(() => expect(asked).toBeGreaterThan(0));
  await one.leave();
  expect(await again).toBe("left");
});

test("joined again by whoever hears that it is over, it is joined with what it is given", async () => {
  const { room: one } = room();
  const first = quiet(one.join(given("audio").stream));
  await vi.waitFor(() => expect(one.state).toBe("finding"));
  const next = given("audio", "video");
  let again: Promise<unknown> | undefined;
  one.once("state", () => {
    again = quiet(one.join(next.stream));
  });
  await one.leave();
  expect(await first).toBe("left");
  await vi.waitFor(() => expect(one.state).toBe("finding"));
  expect(next.tracks.map(({ readyState }) => readyState)).toEqual(["live", "live"]);
  expect(one.self.features).toMatchObject({ audio: true, video: true });
  await one.leave();
  expect(await again).toBe("left");
  expect(next.tracks.map(({ readyState }) => readyState)).toEqual(["ended", "ended"]);
});

test("joined again by whoever hears that it begins, it is joined once", async () => {
  const { room: one } = room();
  let inner: Promise<void> | undefined;
  one.once("state", () => {
    inner = one.join();
  });
  const outer = one.join();
  await vi.waitFor(() => expect(one.state).toBe("finding"));
  expect(inner).toBe(outer);
  const over = quiet(outer);
  await one.leave();
  expect(await over).toBe("left");
});

test("a stream that is given while it is being joined is the room's too", async () => {
  const { room: one } = room();
  const outcomes = [quiet(one.join())];
  const { tracks, stream } = given("audio", "video");
  outcomes.push(quiet(one.join(stream)));
  await vi.waitFor(() => expect(one.self.features).toMatchObject({ audio: true, video: true }));
  await one.leave();
  expect(await Promise.all(outcomes)).toEqual(["left", "left"]);
  expect(tracks.map(({ readyState }) => readyState)).toEqual(["ended", "ended"]);
});

test("left twice, and while nothing is joined, it is left", async () => {
  const { room: one, told } = room();
  await one.leave();
  const joining = quiet(one.join(given("audio").stream));
  await Promise.all([one.leave(), one.leave()]);
  expect(await joining).toBe("left");
  expect([one.state, told]).toEqual(["idle", []]);
});
