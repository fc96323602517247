import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { People, type TellOfPeople } from "../../src/room/people.js";
import type { RoomEvents } from "../../src/room/types.js";
import { FakeStream, FakeTrack, installRtc } from "../support/rtc.js";

installRtc();

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const ON = { audio: true, video: true };

function room() {
  const told: string[] = [];
  const tell: { [Name in Parameters<TellOfPeople>[0]]: (payload: RoomEvents[Name]) => string } = {
    peerJoined: ({ peer: { id, state } }) => `joined ${id} ${state}`,
    peerLeft: ({ peer: { id }, reason }) => `left ${id} ${reason}`,
    peerChanged: ({ peer: { id, state } }) => `changed ${id} ${state}`,
    features: ({ peer: { id }, features }) => `features ${id} ${features.name ?? ""}`.trim(),
    speaking: ({ peerId, speaking }) => `speaking ${peerId} ${speaking}`,
    track: ({ peer: { id }, track, source }) => `track ${id} ${track.kind} ${source}`,
  };
  const people = new People((name, payload) => told.push(tell[name](payload)));
  const heard = () => told.splice(0);
  return { people, heard };
}

const stream = (id: string, ...kinds: ("audio" | "video")[]) => {
  const made = new FakeStream(
    kinds.map((kind) => new FakeTrack(kind)),
    id,
  );
  return {
    stream: made as unknown as MediaStream,
    tracks: made.getTracks() as unknown as MediaStreamTrack[],
  };
};

describe("a peer", () => {
  test("is there with its first features, connected when it only watches", () => {
    const { people, heard } = room();
    people.told("ann", { features: { audio: false, video: false, name: "Ann" } });
    expect(heard()).toEqual(["joined ann connected", "features ann Ann"]);
    expect(people.peers.get("ann")).toMatchObject({
      id: "ann",
      features: { name: "Ann" },
      state: "connected",
    });
  });

  test("is there with its first media, whichever is earlier, and only once", () => {
    const { people, heard } = room();
    people.offered("ann");
    people.told("ann", { features: ON });
    expect(heard()).toEqual(["joined ann connecting", "changed ann connecting", "features ann"]);
  });

  test("connects, is interrupted, and comes back", () => {
    const { people, heard } = room();
    people.told("ann", { features: ON });
    people.offered("ann");
    heard();
    for (const state of ["connecting", "connected", "disconnected", "connected"] as const)
      people.connection("ann", state);
    expect(heard()).toEqual(["changed ann connected", "changed ann reconnecting", "changed ann connected"]);
  });

  test("is reconnecting while the SFU says that its signaling is lost", () => {
    const { people, heard } = room();
    people.told("ann", { features: ON });
    people.offered("ann");
    people.connection("ann", "connected");
    heard();
    people.told("ann", { features: ON, presence: "lost" });
    people.told("ann", { features: ON, presence: "here" });
    expect(heard()).toEqual(["changed ann reconnecting", "changed ann connected"]);
  });

  test("has a picture and sound in whatever streams they come, and not those of a screen", () => {
    const { people } = room();
    const [sound, picture, screen] = [
      stream("s", "audio"),
      stream("p", "video"),
      stream("x", "video", "audio"),
    ];
    const camera = () => people.peers.get("ann")?.camera;
    people.told("ann", { features: { ...ON, screen: "x" } });
    people.offered("ann");
    people.streams("ann", [sound.stream, screen.stream]);
    expect(camera()).toBe(sound.stream);
    people.streams("ann", [sound.stream, screen.stream, picture.stream]);
    expect(camera()?.getTracks()).toEqual([...sound.tracks, ...picture.tracks]);
    const before = camera();
    people.told("ann", { features: { ...ON, screen: "x", name: "Ann" } });
    expect(camera()).toBe(before);
    people.streams("ann", [picture.stream, screen.stream]);
    expect(camera()).toBe(picture.stream);
    const whole = stream("w", "audio", "video");
    people.streams("ann", [whole.stream, picture.stream]);
    expect(camera()).toBe(whole.stream);
  });

  test("goes when the SFU says so: on purpose, or after it has been lost for a while; and may come again", () => {
    const { people, heard } = room();
    people.told("ann", { features: ON });
    people.told("bob", { features: ON });
    people.told("ann", { presence: "gone" });
    people.told("bob", { presence: "lost" });
    people.told("bob", { presence: "gone" });
    people.told("cid", { presence: "gone" });
    expect(people.peers.size).toBe(0);
    people.told("ann", { features: ON });
    expect(heard().filter((line) => !/^(features|changed)/.test(line))).toEqual([
      "joined ann connecting",
      "joined bob connecting",
      "left ann left",
      "left bob lost",
      "joined ann connecting",
    ]);
  });

  test("goes when the gateway says that it left", () => {
    const { people, heard } = room();
    people.told("ann", { features: ON });
    people.left("ann");
    people.left("ann");
    people.told("ann", { presence: "gone" });
    expect(heard().filter((line) => !line.startsWith("features"))).toEqual([
      "joined ann connecting",
      "left ann left",
    ]);
  });

  test("that is gone is not shown again for an offer that was under way, but for a connection", () => {
    const { people, heard } = room();
    const camera = stream("c", "video");
    people.told("ann", { features: ON });
    people.told("ann", { presence: "gone" });
    heard();
    people.offered("ann");
    people.streams("ann", [camera.stream]);
    for (const track of camera.tracks) people.track("ann", track, camera.stream);
    people.connection("ann", "connecting");
    expect([heard(), people.peers.size]).toEqual([[], 0]);
    people.connection("ann", "connected");
    expect(heard()).toEqual(["joined ann connected", "track ann video camera"]);
    expect(people.peers.get("ann")?.camera).toBe(camera.stream);
    people.left("ann");
    people.left("ann");
    people.offered("ann");
    people.told("ann", { features: { ...ON, name: "Ann" } });
    expect(heard()).toEqual(["left ann left", "joined ann connecting", "features ann Ann"]);
  });

  test("that has come again is not taken away by late news of its first leaving", () => {
    const { people, heard } = room();
    people.told("ann", { features: ON });
    people.told("ann", { presence: "gone" });
    people.told("ann", { features: ON });
    heard();
    people.left("ann");
    expect(people.peers.has("ann")).toBe(true);
    people.left("ann");
    expect(heard()).toEqual(["left ann left"]);
  });

  test("is a new object after each change, and the same without one", () => {
    const { people } = room();
    people.told("ann", { features: ON });
    const before = people.peers.get("ann");
    people.told("ann", { features: { ...ON } });
    expect(people.peers.get("ann")).toBe(before);
    people.told("ann", { features: { ...ON, audio: false } });
    expect(people.peers.get("ann")).not.toBe(before);
    expect(before?.features.audio).toBe(true);
  });

  test("speaks", () => {
    const { people, heard } = room();
    people.told("ann", { features: ON });
    heard();
    people.told("ann", { features: { ...ON, speaking: true } });
    people.told("ann", { features: { ...ON, speaking: false } });
    expect(heard().filter((line) => line.startsWith("speaking"))).toEqual([
      "speaking ann true",
      "speaking ann false",
    ]);
  });

  test("has features of the types that they have, whatever a client sends; those that are not known pass through", () => {
    const { people } = room();
    people.told("ann", { features: { audio: "yes", video: 1, name: "x".repeat(80), screen: 7, hand: "up" } });
    expect(people.peers.get("ann")?.features).toEqual({
      audio: false,
      video: false,
      name: "x".repeat(64),
      screen: null,
      hand: "up",
    });
    people.told("ann", { features: "nonsense" });
    expect(people.peers.get("ann")?.features.hand).toBe("up");
  });
});

test("what somebody says nothing of is as their media shows, from when it is connected until they say it", () => {
  const { people, heard } = room();
  const { stream: both } = stream("b", "audio", "video");
  const features = () => people.peers.get("ann")?.features;
  people.offered("ann");
  people.streams("ann", [both]);
  expect(features()).toEqual({ audio: false, video: false });
  people.connection("ann", "connected");
  expect(features()).toEqual({ audio: true, video: true });
  expect(heard().slice(-2)).toEqual(["changed ann connected", "features ann"]);
  people.told("ann", { features: { speaking: true } });
  expect(features()).toEqual({ audio: true, video: true, speaking: true });
  people.told("ann", { features: { audio: false } });
  expect(features()).toEqual({ audio: false, video: true });
  people.connection("ann", "disconnected");
  expect(features()).toEqual({ audio: false, video: true });
  people.streams("ann", []);
  expect(features()).toEqual({ audio: false, video: false });
});

describe("what is remembered", () => {
  test("of screens is the last ones, and none with an id that no browser makes", () => {
    const { people } = room();
    const shares = (screen: string) => people.told("ann", { features: { ...ON, screen } });
    const first = stream("s0", "video");
    const last = stream("s16", "video");
    people.offered("ann");
    shares("x".repeat(65));
    expect(people.peers.get("ann")?.features.screen).toBeNull();
    shares("x".repeat(64));
    expect(people.peers.get("ann")?.features.screen).toHaveLength(64);
    for (let n = 0; n <= 16; n += 1) shares(`s${n}`);
    people.told("ann", { features: { ...ON, screen: null } });
    people.streams("ann", [last.stream]);
    expect(people.peers.get("ann")?.camera).toBeUndefined();
    people.streams("ann", [last.stream, first.stream]);
    expect(people.peers.get("ann")?.camera).toBe(first.stream);
  });

  test("of who is gone is the last ones", () => {
    const { people } = room();
    for (let n = 0; n <= 256; n += 1) {
      people.told(`p${n}`, { features: ON });
      people.told(`p${n}`, { presence: "gone" });
    }
    // One that is forgotten is shown with its offer, and goes with the gateway's first word; another with neither.
    people.offered("p0");
    people.offered("p1");
    expect([...people.peers.keys()]).toEqual(["p0"]);
    people.told("p1", { features: ON });
    people.left("p0");
    people.left("p1");
    expect([...people.peers.keys()]).toEqual(["p1"]);
  });
});

describe("camera and screen", () => {
  test("are told apart by the features", () => {
    const { people, heard } = room();
    const camera = stream("c", "audio", "video");
    const screen = stream("s", "video");
    people.told("ann", { features: { ...ON, screen: "s" } });
    people.offered("ann");
    people.streams("ann", [screen.stream, camera.stream]);
    for (const track of screen.tracks) people.track("ann", track, screen.stream);
    for (const track of camera.tracks) people.track("ann", track, camera.stream);
    expect(people.peers.get("ann")).toMatchObject({ camera: camera.stream, screen: screen.stream });
    expect(heard().filter((line) => line.startsWith("track"))).toEqual([
      "track ann video screen",
      "track ann audio camera",
      "track ann video camera",
    ]);
  });

  test("are put right when the features come after the media", () => {
    const { people, heard } = room();
    const screen = stream("s", "video");
    people.offered("ann");
    people.streams("ann", [screen.stream]);
    for (const track of screen.tracks) people.track("ann", track, screen.stream);
    people.told("ann", { features: { ...ON, screen: "s" } });
    expect(people.peers.get("ann")).toMatchObject({ camera: undefined, screen: screen.stream });
    expect(heard().filter((line) => line.startsWith("track"))).toEqual([
      "track ann video camera",
      "track ann video screen",
    ]);
  });

  test("a screen that is no longer shared does not become the camera", () => {
    const { people } = room();
    const screen = stream("s", "video");
    people.told("ann", { features: { ...ON, screen: "s" } });
    people.offered("ann");
    people.streams("ann", [screen.stream]);
    people.told("ann", { features: { ...ON, screen: null } });
    expect(people.peers.get("ann")).toMatchObject({ camera: undefined, screen: undefined });
  });
});

describe("while the call moves to another SFU", () => {
  test("everybody stays on the screen, as reconnecting, until they are back", () => {
    const { people, heard } = room();
    const camera = stream("c", "video");
    people.told("ann", { features: ON });
    people.offered("ann");
    people.streams("ann", [camera.stream]);
    people.connection("ann", "connected");
    heard();
    people.suspend();
    expect(people.peers.get("ann")).toMatchObject({ state: "reconnecting", camera: camera.stream });
    people.told("ann", { features: ON });
    people.offered("ann");
    people.connection("ann", "connected");
    vi.advanceTimersByTime(60_000);
    expect(heard().filter((line) => !line.startsWith("features"))).toEqual([
      "changed ann reconnecting",
      "changed ann connected",
    ]);
  });

  test("who is not back after 20 seconds is gone", () => {
    const { people, heard } = room();
    people.told("ann", { features: ON });
    people.suspend();
    heard();
    vi.advanceTimersByTime(19_999);
    expect(heard()).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(heard()).toEqual(["left ann lost"]);
  });

  test("nothing is told of people after the call is over", () => {
    const { people, heard } = room();
    people.told("ann", { features: ON });
    people.suspend();
    heard();
    people.clear();
    vi.advanceTimersByTime(60_000);
    expect(heard()).toEqual([]);
    expect(people.peers.size).toBe(0);
  });
});
