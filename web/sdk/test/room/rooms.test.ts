import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { obtainRoom, RoomsApi } from "../../src/room/rooms.js";
import { Gateway } from "../support/gateway.js";

const noToken = async () => undefined;
const signal = new AbortController().signal;
const how = { look: true, create: true, restore: false, signal };

describe("at the local gateway", () => {
  let gateway: Gateway;
  let api: RoomsApi;
  beforeAll(async () => {
    gateway = await Gateway.start("MaxRooms=3 MaxIdleRooms=2");
    api = new RoomsApi(`${gateway.httpUrl}/`, noToken);
  });
  afterAll(() => gateway?.stop());

  test("a path gets a free room, and keeps it", async () => {
    const sfu = await gateway.room();
    expect(await api.find("one way/ü", signal)).toBeUndefined();
    const roomId = await obtainRoom(api, "one way/ü", how);
    expect(roomId).toBe(sfu.id);
    expect(await api.find("one way/ü", signal)).toBe(roomId);
    expect(await obtainRoom(api, "one way/ü", { ...how, create: false })).toBe(roomId);
  });

  test("when none is free one is started, and taken as soon as it is there", async () => {
    const starting = vi.fn();
    const obtained = obtainRoom(api, "two", { ...how, starting });
    const sfu = await gateway.sfu();
    expect(await obtained).toBe(sfu.id);
    expect(starting).toHaveBeenCalledOnce();
  });

  test("none is started when that is not wanted", async () => {
    await expect(obtainRoom(api, "three", { ...how, create: false })).rejects.toMatchObject({
      code: "no_room",
      fatal: true,
    });
  });

  test("when all rooms are in use it says so, and a call that has lost its own waits for one", async () => {
    const third = obtainRoom(api, "three", how);
    await gateway.sfu();
    await third;
    await expect(obtainRoom(api, "four", how)).rejects.toMatchObject({
      code: "no_room",
      status: 429,
      fatal: true,
    });
    const stop = new AbortController();
    const restored = obtainRoom(api, "four", { ...how, look: false, restore: true, signal: stop.signal });
    const first = await Promise.race([
      restored,
      new Promise((resolve) => setTimeout(() => resolve("waiting"), 700)),
    ]);
    expect(first).toBe("waiting");
    stop.abort(new Error("enough"));
    await expect(restored).rejects.toThrow("enough");
  });

  test("a path that is too long is refused in words", async () => {
    await expect(obtainRoom(api, "x".repeat(1_025), how)).rejects.toMatchObject({
      code: "bad_message",
      status: 400,
    });
  });
});

describe("with answers of the test's choosing", () => {
  let asked: string[];
  let answers: [number, Record<string, string>][];
  const api = new RoomsApi("http://127.0.0.1", async () => "proof");
  const NOT_FOUND: [number, Record<string, string>] = [404, { message: "Room not found" }];

  beforeEach(() => {
    vi.useFakeTimers();
    asked = [];
    vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
      const { authorization } = init.headers as Record<string, string>;
      asked.push(`${init.method} ${new URL(url).pathname}${authorization ? " with token" : ""}`);
      const [status, body] = answers.shift() ?? NOT_FOUND;
      if (status === 0) throw new TypeError("Failed to fetch");
      return new Response(JSON.stringify(body), { status });
    });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  async function outcome(work: Promise<string>, milliseconds = 100_000): Promise<unknown> {
    const settled = work.catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(milliseconds);
    return settled;
  }

  test("the token goes with what may cost something", async () => {
    answers = [NOT_FOUND, [200, { roomId: "r" }]];
    expect(await outcome(obtainRoom(api, "p", how))).toBe("r");
    expect(asked).toEqual(["GET /getRoomId", "PATCH /claimRoom with token"]);
  });

  test("a fault that passes is waited for, one that does not is not", async () => {
    answers = [
      [0, {}],
      [500, { message: "Something broke on the server" }],
      [429, { message: "Too Many Requests" }],
      [200, { roomId: "r" }],
    ];
    expect(await outcome(obtainRoom(api, "p", how))).toBe("r");
    answers = [
      [0, {}],
      [0, {}],
      [0, {}],
      [0, {}],
    ];
    expect(await outcome(obtainRoom(api, "p", how))).toMatchObject({ code: "unreachable", fatal: true });
    answers = [NOT_FOUND, [401, { message: "Unauthorized" }]];
    expect(await outcome(obtainRoom(api, "p", how))).toMatchObject({ code: "unauthorized", status: 401 });
    answers = [NOT_FOUND, [403, { message: "Forbidden" }]];
    expect(await outcome(obtainRoom(api, "p", how))).toMatchObject({ code: "forbidden", status: 403 });
  });

  test("an address where there is something else than Arbiter is told from a path without a room", async () => {
    answers = [[404, { message: "Not Found" }]];
    expect(await outcome(obtainRoom(api, "p", how))).toMatchObject({ code: "unreachable", status: 404 });
  });

  test("a room that cannot be started is not asked for again", async () => {
    answers = [NOT_FOUND, NOT_FOUND, [500, { message: "Failed to start task." }]];
    expect(await outcome(obtainRoom(api, "p", how))).toMatchObject({ code: "start_failed", status: 500 });
    expect(asked.filter((line) => line.includes("createRoom"))).toHaveLength(1);
  });

  test("a room that is being started is waited for, for 90 seconds, with pauses of up to three", async () => {
    const claims: number[] = [];
    const begin = performance.now();
    vi.stubGlobal("fetch", async (url: string) => {
      if (url.includes("claimRoom")) claims.push(performance.now() - begin);
      return url.includes("createRoom")
        ? new Response('{"message":"Task started successfully!"}')
        : new Response(JSON.stringify(NOT_FOUND[1]), { status: 404 });
    });
    const work = obtainRoom(api, "p", how);
    let ended = 0;
    work.catch(() => {
      ended = performance.now() - begin;
    });
    expect(await outcome(work, 120_000)).toMatchObject({ code: "start_failed", fatal: true });
    expect(ended).toBeGreaterThanOrEqual(90_000);
    expect(ended).toBeLessThan(93_000);
    expect(claims.filter((at) => at < 5_000).length).toBeGreaterThan(3);
    expect(claims.every((at, n) => at - (claims[n - 1] ?? 0) <= 3_000)).toBe(true);
  });

  test("when others are starting rooms their claim is tried, and after a while a room is asked for again", async () => {
    const busy: [number, Record<string, string>] = [429, { message: "Too many idle rooms" }];
    const starts: number[] = [];
    const begin = performance.now();
    vi.stubGlobal("fetch", async (url: string) => {
      if (url.includes("createRoom")) starts.push(performance.now() - begin);
      const [status, body] = url.includes("createRoom") ? busy : NOT_FOUND;
      return new Response(JSON.stringify(body), { status });
    });
    await outcome(obtainRoom(api, "p", how));
    expect(starts.length).toBeGreaterThan(10);
    expect(starts.slice(1).every((at, n) => at - (starts[n] ?? 0) >= 4_000)).toBe(true);
  });

  test("leaving ends the wait at once", async () => {
    answers = [NOT_FOUND, NOT_FOUND, [200, { message: "Task started successfully!" }]];
    const stop = new AbortController();
    const work = obtainRoom(api, "p", { ...how, signal: stop.signal });
    work.catch(() => undefined);
    await vi.advanceTimersByTimeAsync(5_000);
    const before = asked.length;
    stop.abort(new Error("left"));
    expect(await outcome(work)).toMatchObject({ message: "left" });
    expect(asked).toHaveLength(before);
  });
});
