import { afterEach, describe, expect, test, vi } from "vitest";
import { useCalls } from "../support/person.js";
import { FakeConnection, FakeTrack } from "../support/rtc.js";
import { until } from "../support/until.js";

const { gateway, person, calling } = useCalls();

describe("a socket that breaks", () => {
  test("leaves the media alone, and the SFU hears of the new one", async () => {
    const { room, sfu, producer, heard } = await calling();
    const connection = producer();
    const first = sfu.offers("ann")[0]?.stamp?.connectionId;
    const { configuration } = connection;
    await gateway().cut(first ?? "");
    await until("reconnecting", () => room.state === "reconnecting");
    await until("joined", () => room.state === "joined");
    expect(heard()).toEqual(["reconnecting", "joined"]);
    expect(producer()).toBe(connection);
    // With the new socket came new ICE servers, for the next restart of ICE: credentials for TURN last an hour.
    expect(connection.configuration).toEqual(configuration);
    expect(connection.configuration).not.toBe(configuration);
    expect(sfu.offers("ann")).toHaveLength(1);
    const announced = await until("the features", () =>
      connection.channels.features?.sent.find(({ connectionId }) => connectionId !== first),
    );
    expect(announced.initialConnect).toBeUndefined();
  });
});

describe("media that breaks", () => {
  test("gets an ICE restart on the connection that there is", async () => {
    const { room, sfu, producer, heard } = await calling();
    const connection = producer();
    connection.become("failed");
    expect(room.state).toBe("reconnecting");
    await until("the offer", () => sfu.offers("ann").length === 2);
    const [before, after] = sfu.offers("ann").map(({ description }) => description?.sdp.split("\r\n"));
    expect(after?.[1]).toBe(before?.[1]);
    expect(after?.[0]).not.toBe(before?.[0]);
    await until("joined", () => room.state === "joined");
    expect(heard()).toEqual(["reconnecting", "joined"]);
  });

  test("is replaced by a new connection with everything on it when it is beyond that", async () => {
    const { room, producer, heard } = await calling();
    await room.setTrack("microphone", new FakeTrack("audio") as unknown as MediaStreamTrack);
    const connection = producer();
    await until("the microphone's answer", () => connection.remote.length === 2);
    connection.become("failed", "connected");
    await until("another connection", () => producer() !== connection);
    await until("joined", () => room.state === "joined");
    expect(heard()).toEqual(["reconnecting", "joined"]);
    expect(connection.connectionState).toBe("closed");
    expect(producer().transceivers.map(({ sender }) => sender.track?.kind)).toEqual(["audio"]);
    expect(producer().channels.features?.sent[0]).toMatchObject({ initialConnect: true });
  });

  test("is replaced by a new connection when the SFU has forgotten the one that there was", async () => {
    const { room, sfu, producer } = await calling();
    const connection = producer();
    sfu.fingerprint = "another";
    connection.become("failed");
    await until("another connection", () => producer() !== connection);
    await until("joined", () => room.state === "joined");
    expect(connection.remote).toHaveLength(1);
    expect(connection.connectionState).toBe("closed");
  });

  test("that never comes about ends the joining in words", async () => {
    await gateway().room();
    FakeConnection.automatic = false;
    const { room, heard, producer } = person({ path: "/dark", peerId: "ann" });
    const joining = room.join();
    joining.catch(() => undefined);
    for (let n = 0; n < 3; n += 1) {
      const connection = await until("a connection", () => {
        const last = FakeConnection.all.at(-1);
        return last && last.connectionState === "new" && producer() === last && last;
      });
      connection.become("failed");
    }
    await expect(joining).rejects.toMatchObject({ code: "media_failed", fatal: true });
    expect(heard().slice(-2)).toEqual(["failed", "fatal media_failed"]);
  });
});

describe("an SFU that does not answer", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  test("ends the joining in words", async () => {
    const sfu = await gateway().room();
    sfu.answers = false;
    const { room } = person({ path: "/deaf", peerId: "ann" });
    let error: unknown;
    room.join().catch((thrown) => {
      error = thrown;
    });
    await sfu.hears("the offer", ({ description }) => description?.type === "offer");
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    await until("the end", () => {
      vi.advanceTimersByTime(250);
      return error;
    });
    expect(error).toMatchObject({ code: "media_failed", fatal: true });
    expect(new Set(sfu.offers("ann").map(({ negotiation }) => negotiation)).size).toBe(3);
    expect(room.busy).toBe(false);
  });
});

describe("an offer that the SFU does not take", () => {
  const refused = { code: "no_ice", message: "no a=ice-ufrag" };
  const description = { type: "rollback", sdp: "" } as const;

  test("ends the joining in words, at once", async () => {
    const sfu = await gateway().room();
    sfu.answers = false;
    const { room, heard } = person({ path: "/refused", peerId: "ann" });
    const joining = room.join();
    joining.catch(() => undefined);
    const { negotiation } = await sfu.hears("the offer", ({ description }) => description?.type === "offer");
    sfu.send("ann", { type: "producer", ...(negotiation && { negotiation }), description, refused });
    await expect(joining).rejects.toMatchObject({
      code: "offer_refused",
      message: expect.stringContaining("no a=ice-ufrag"),
      fatal: true,
    });
    expect(heard().slice(-2)).toEqual(["failed", "fatal offer_refused"]);
  });

  test("because the room is full says so", async () => {
    const sfu = await gateway().room();
    sfu.answers = false;
    const { room } = person({ path: "/full", peerId: "ann" });
    const joining = room.join();
    joining.catch(() => undefined);
    await sfu.hears("the offer", ({ description }) => description?.type === "offer");
    sfu.send("ann", {
      type: "producer",
      description,
      refused: { code: "room_full", message: "the room is full" },
    });
    await expect(joining).rejects.toMatchObject({ code: "room_full", fatal: true });
  });

  test("in a call is told, and the call goes on as it was", async () => {
    const { room, sfu, producer, heard } = await calling();
    const connection = producer();
    sfu.answers = false;
    await room.setTrack("microphone", new FakeTrack("audio") as unknown as MediaStreamTrack);
    const offer = await until("the offer", () => sfu.offers("ann")[1]);
    const { negotiation } = offer;
    sfu.send("ann", { type: "producer", ...(negotiation && { negotiation }), description, refused });
    await until("the word", () => heard().includes("error offer_refused"));
    expect([room.state, producer()]).toEqual(["joined", connection]);
    expect(connection.signalingState).toBe("stable");
  });
});

describe("an SFU that is gone", () => {
  test("and comes back in time is not missed", async () => {
    const { room, sfu, producer, heard } = await calling();
    const connection = producer();
    sfu.drop();
    await until("reconnecting", () => room.state === "reconnecting");
    await sfu.back();
    await until("joined", () => room.state === "joined");
    expect(heard()).toEqual(["reconnecting", "joined"]);
    expect([producer() === connection, room.roomId]).toEqual([true, sfu.id]);
  });

  test("gives way to another one: the path is claimed again, and everybody is kept on the screen meanwhile", async () => {
    const { room, sfu, producer, heard } = await calling();
    await room.setTrack("microphone", new FakeTrack("audio") as unknown as MediaStreamTrack);
    const before = producer();
    before.channels.features?.says({ id: "bob", features: { audio: true, video: true, name: "Bob" } });
    sfu.drop();
    const next = await gateway().sfu();
    await until("the other room", () => room.roomId === next.id);
    expect(room.peers.get("bob")).toMatchObject({ state: "reconnecting", features: { name: "Bob" } });
    await until("joined", () => room.state === "joined");
    expect(heard()).toEqual(["+bob", "reconnecting", "joined"]);
    expect(before.connectionState).toBe("closed");
    expect(producer().transceivers.map(({ sender }) => sender.track?.kind)).toEqual(["audio"]);
    producer().channels.features?.says({ id: "bob", features: { audio: false, video: false } });
    expect(room.peers.get("bob")?.state).toBe("connected");
  });

  test.each(["drop", "leave"] as const)(
    "without our having heard its %s, as our own socket was broken then, is missed all the same",
    async (end) => {
      const { room, sfu } = await calling();
      const real = globalThis.WebSocket;
      vi.stubGlobal(
        "WebSocket",
        class extends real {
          constructor() {
            super("ws://127.0.0.1:9");
          }
        },
      );
      await gateway().cut(sfu.offers("ann")[0]?.stamp?.connectionId ?? "");
      await until("reconnecting", () => room.state === "reconnecting");
      sfu[end]();
      await until("the SFU's end", async () => !(await gateway().isFound(room.path)));
      vi.stubGlobal("WebSocket", real);
      const next = await gateway().sfu();
      await until("the other room", () => room.roomId === next.id && room.state === "joined");
    },
  );

  test("for good is replaced at once", async () => {
    const { room, sfu } = await calling();
    const asked = vi.spyOn(globalThis, "fetch");
    let claimed = 0;
    room.once("state", () => {
      const start = performance.now();
      asked.mockImplementationOnce((...request) => {
        claimed = performance.now() - start;
        asked.mockRestore();
        return fetch(...request);
      });
    });
    sfu.leave();
    const next = await gateway().sfu();
    await until("the other room", () => room.roomId === next.id && room.state === "joined");
    // The grace of an SFU that broke off is a second here.
    expect(claimed).toBeLessThan(900);
  });
});
