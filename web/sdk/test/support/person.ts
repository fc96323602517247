import { afterAll, afterEach, beforeAll, vi } from "vitest";
import { Room } from "../../src/room/room.js";
import type { RoomOptions } from "../../src/room/types.js";
import { Gateway } from "./gateway.js";
import { FakeConnection, installRtc } from "./rtc.js";
import type { Sfu } from "./sfu.js";

/** Somebody in a call, with what their room told; their connections are the test's. */
export function person(gateway: Gateway, options: Partial<RoomOptions> = {}) {
  const told: string[] = [];
  const room = new Room({
    httpUrl: gateway.httpUrl,
    signalUrl: gateway.signalUrl,
    path: "/call",
    ...options,
  });
  room.on("state", ({ state }) => told.push(state));
  room.on("peerJoined", ({ peer }) => told.push(`+${peer.id}`));
  room.on("peerLeft", ({ peer, reason }) => told.push(`-${peer.id} ${reason}`));
  room.on("error", ({ code, fatal }) => told.push(`${fatal ? "fatal" : "error"} ${code}`));
  const heard = () => told.splice(0);
  /** The producer connection of now: the last one that has channels and is not closed. */
  const producer = () => {
    const mine = FakeConnection.all.filter(
      ({ channels, connectionState }) => channels.features && connectionState !== "closed",
    );
    const last = mine.at(-1);
    if (!last) throw new Error("there is no producer connection");
    return last;
  };
  return { room, told, heard, producer };
}

/** Somebody of {@link person}. */
export type Person = ReturnType<typeof person>;

/** A gateway for the test file, and people in calls, who leave after each test. */
export function useCalls() {
  let gateway: Gateway | undefined;
  let paths = 0;
  const joined: Room[] = [];
  beforeAll(async () => {
    installRtc();
    gateway = await Gateway.start("SfuGraceSeconds=1 MaxRooms=40");
  });
  afterAll(() => gateway?.stop());
  afterEach(async () => {
    FakeConnection.automatic = true;
    vi.unstubAllGlobals();
    await Promise.all(joined.splice(0).map((room) => room.leave()));
    FakeConnection.all = [];
  });

  const running = (): Gateway => {
    if (!gateway) throw new Error("the gateway is not started yet");
    return gateway;
  };
  const someone = (options: Partial<RoomOptions> = {}): Person => {
    const made = person(running(), options);
    joined.push(made.room);
    return made;
  };
  /** A call of somebody in a room of their own. */
  const calling = async (options: Partial<RoomOptions> = {}): Promise<Person & { sfu: Sfu }> => {
    const sfu = await running().room();
    paths += 1;
    const made = someone({ path: `/call${paths}`, peerId: "ann", ...options });
    await made.room.join();
    made.heard();
    return { ...made, sfu };
  };
  return { gateway: running, person: someone, calling };
}
