import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Consumers } from "../../src/media/consumers.js";
import type { Handshake } from "../../src/signaling/wire.js";
import { FakeConnection, installRtc } from "../support/rtc.js";

beforeEach(() => {
  vi.useFakeTimers();
  installRtc();
  FakeConnection.automatic = false;
});
afterEach(() => {
  FakeConnection.automatic = true;
  FakeConnection.all = [];
  vi.useRealTimers();
});

/** What others send, without a gateway: `sent` is what went to the SFU, as "peer type number". */
function receiving() {
  const sent: string[] = [];
  const own = { connected: true };
  const consumers = new Consumers(
    {
      config: () => ({}),
      style: () => "none",
      producerConnected: () => own.connected,
      log() {},
      send: (peerId, { description, negotiation }) =>
        void sent.push(`${peerId} ${description?.type} ${negotiation}`),
    },
    () => undefined,
  );
  /** An offer of the connection with this fingerprint comes. */
  const comes = (peerId: string, negotiation: number, fingerprint: string) => {
    const sdp = `a=ice-ufrag:u\r\na=fingerprint:sha-256 ${fingerprint}\r\n`;
    const handshake = { type: "consumer", negotiation, description: { type: "offer", sdp } };
    consumers.handle(peerId, handshake as Handshake);
  };
  /** One comes, and is taken. */
  const offer = async (...coming: Parameters<typeof comes>) => {
    comes(...coming);
    await vi.advanceTimersByTimeAsync(0);
    return FakeConnection.all.at(-1);
  };
  return { consumers, comes, offer, own, heard: () => sent.splice(0) };
}

describe("a connection that failed while our own was away", () => {
  const broken = async () => {
    const call = receiving();
    const connection = await call.offer("bob", 3, "b");
    call.heard();
    call.own.connected = false;
    connection?.become("failed");
    call.own.connected = true;
    call.consumers.producerConnected();
    return call;
  };

  test("is not given back when the SFU offers another", async () => {
    const { offer, heard } = await broken();
    await vi.advanceTimersByTimeAsync(4_999);
    await offer("bob", 4, "b2");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(heard()).toEqual(["bob answer 4"]);
  });

  test("is given back when nothing comes, by the number of its last offer", async () => {
    const { heard } = await broken();
    await vi.advanceTimersByTimeAsync(4_999);
    expect(heard()).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(heard()).toEqual(["bob rollback 3"]);
  });
});

describe("a peer that is gone", () => {
  test("is taken anew though a description of its old connection never settled", async () => {
    const { consumers, offer, heard } = receiving();
    await offer("bob", 1, "b unsettled");
    await offer("bob", 2, "b unsettled");
    consumers.forget("bob");
    await offer("bob", 1, "b2");
    expect(heard()).toEqual(["bob answer 1"]);
    expect(FakeConnection.all).toHaveLength(2);
  });

  test("is not connected by what came before and is only then looked at", async () => {
    const { consumers, comes } = receiving();
    comes("bob", 1, "b");
    consumers.forget("bob");
    await vi.advanceTimersByTimeAsync(0);
    expect(consumers.all.get("bob")?.connection).toBeUndefined();
  });

  test.each(["b", "b unreadable"])("is not answered when its offer (%s) is done only then", async (sdp) => {
    const { consumers, comes, heard } = receiving();
    comes("bob", 1, sdp);
    while (FakeConnection.all.length === 0) await Promise.resolve();
    consumers.forget("bob");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(heard()).toEqual([]);
  });

  test("is remembered for what comes late, until many others are gone", async () => {
    const { consumers, offer, heard } = receiving();
    await offer("bob", 1, "b");
    await offer("cid", 1, "c");
    consumers.forget("bob");
    heard();
    await offer("bob", 2, "b");
    expect(heard()).toEqual([]);
    for (let n = 0; n < 64; n += 1) {
      await offer(`p${n}`, 1, `p${n}`);
      consumers.forget(`p${n}`);
    }
    expect(consumers.all.size).toBe(65);
    expect([consumers.all.has("bob"), consumers.all.has("cid")]).toEqual([false, true]);
  });

  test("does not become many by what never was an offer", () => {
    const { consumers } = receiving();
    for (let n = 0; n < 100; n += 1) consumers.handle(`p${n}`, { type: "consumer" } as Handshake);
    expect(consumers.all.size).toBe(64);
  });
});

test("an offer that could not be taken is not answered with what an earlier connection was answered with", async () => {
  const { offer, heard } = receiving();
  await offer("bob", 1, "b");
  await offer("bob", 1, "b2 unreadable");
  await offer("bob", 1, "b2 unreadable");
  expect(heard()).toEqual(["bob answer 1", "bob rollback 1"]);
});
