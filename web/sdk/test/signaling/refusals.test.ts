import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Signaling } from "../../src/signaling/signaling.js";
import type { Handshake } from "../../src/signaling/wire.js";
import { type Asked, SessionServer } from "../support/session-server.js";
import { until } from "../support/until.js";

let server: SessionServer;
let signaling: Signaling;
const busy = vi.fn();
const refused = vi.fn();

beforeEach(async () => {
  server = await SessionServer.start();
  busy.mockClear();
  refused.mockClear();
  const traffic = { sent: 0, received: 0, bytesSent: 0, bytesReceived: 0, reconnects: 0 };
  const who = { roomId: "r", peerId: "ann", resumeToken: "t".repeat(16), token: async () => undefined };
  signaling = new Signaling({ url: server.url, ...who, traffic, busy, log() {} }, (event) => {
    if (event.type === "refused") refused(event.error.code);
  });
  await signaling.open(false);
});
afterEach(() => {
  signaling.leaveNow();
  server.stop();
});

const offer = (negotiation: number, type: Handshake["type"] = "producer"): Handshake => ({
  type,
  sender: "ann",
  roomId: "r",
  negotiation,
  description: { type: type === "producer" ? "offer" : "answer", sdp: `v=0 ${negotiation}` },
});
const tooMany = { message: "Too Many Requests", connectionId: "c", requestId: "theirs" };
const handshakes = () => server.asked("handshake");

test("what API Gateway refuses is sent again, and then until it is acknowledged", async () => {
  server.answers.handshake = () => tooMany;
  signaling.send(offer(1));
  signaling.send(offer(2, "consumer"));
  const again = await until("both once more", () => handshakes()[3] && handshakes().slice(2, 4));
  expect(handshakes().slice(0, 2)).toEqual(
    [offer(1), offer(2, "consumer")].map((data) => ({ action: "handshake", data })),
  );
  expect(again.map(({ data }) => data)).toEqual([offer(1), offer(2, "consumer")]);
  await until("a third time", () => handshakes().length >= 6);
  expect(busy).toHaveBeenCalled();
  // One is lost without a word.
  server.answers.handshake = ({ data }: Asked) => (data.negotiation === 1 ? { type: "ack" } : undefined);
  const before = handshakes().length;
  await until(
    "the one that is not acknowledged, twice",
    () =>
      handshakes()
        .slice(before)
        .filter(({ data }) => data.negotiation === 2).length >= 2,
  );
  server.answers.handshake = () => ({ type: "ack" });
  await until(
    "its ack",
    () =>
      handshakes()
        .slice(before)
        .filter(({ data }) => data.negotiation === 2).length >= 3,
  );
  const sent = handshakes().length;
  await new Promise((resolve) => setTimeout(resolve, 4_000));
  expect(handshakes()).toHaveLength(sent);
  expect(refused).not.toHaveBeenCalled();
}, 30_000);

test("what is refused for good is not sent again", async () => {
  server.answers.handshake = () => tooMany;
  signaling.send(offer(1));
  await until("the refusal", () => busy.mock.calls.length > 0);
  server.answers.handshake = () => ({ type: "error", status: 403, code: "forbidden", message: "no" });
  await until("the word", () => refused.mock.calls.length > 0);
  const sent = handshakes().length;
  await new Promise((resolve) => setTimeout(resolve, 4_000));
  expect([handshakes().length, refused.mock.calls]).toEqual([sent, [["forbidden"]]]);
}, 30_000);
