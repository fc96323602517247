import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { stretch } from "../../src/encryption/sframe.js";
import { Decrypting, type EncodedFrame, Encrypting } from "../../src/encryption/transforms.js";

const OPUS = new Uint8Array([0x78, 1, 2, 3]);
const [OURS, THEIRS] = [
  await stretch("a secret of ours", "session"),
  await stretch("another one", "session"),
];

function frame(data: Uint8Array<ArrayBuffer>, mimeType?: string): EncodedFrame {
  return { data: data.slice().buffer, getMetadata: () => ({ ...(mimeType && { mimeType }) }) };
}

function pair(streamId = "camera00~ann") {
  const told: string[] = [];
  const sender = new Encrypting("camera00~ann");
  const receiver = new Decrypting(streamId, (trouble) => told.push(trouble));
  const send = async () => {
    const sent = await sender.apply(frame(OPUS), "audio");
    return sent && (await receiver.apply(frame(sent), "audio"));
  };
  return { sender, receiver, send, told };
}

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => void vi.useRealTimers());

test("nothing is passed on before there is a secret, nor while the key is made", async () => {
  const { sender, receiver } = pair();
  expect(await sender.apply(frame(OPUS), "audio")).toBeUndefined();
  expect(await receiver.apply(frame(OPUS), "audio")).toBeUndefined();
  const ready = sender.useSecret(OURS);
  expect(await sender.apply(frame(OPUS), "audio")).toBeUndefined();
  await ready;
  expect(await sender.apply(frame(OPUS), "audio")).not.toEqual(OPUS);
});

test("a frame in a codec that cannot be encrypted is not passed on", async () => {
  const { sender } = pair();
  await sender.useSecret(OURS);
  expect(await sender.apply(frame(OPUS, "video/AV1"), "video")).toBeUndefined();
  expect(await sender.apply(frame(OPUS, "audio/opus"), "audio")).toBeDefined();
});

test("who has another secret shows nothing, hears of it once, and of its end", async () => {
  const { sender, receiver, send, told } = pair();
  await Promise.all([sender.useSecret(OURS), receiver.useSecret(THEIRS)]);
  expect(await send()).toBeUndefined();
  vi.advanceTimersByTime(999);
  expect(told).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(told).toEqual(["mismatch"]);
  await send();
  vi.advanceTimersByTime(5_000);
  expect(told).toEqual(["mismatch"]);
  await receiver.useSecret(OURS);
  expect(await send()).toEqual(OPUS);
  expect(await send()).toEqual(OPUS);
  expect(told).toEqual(["mismatch", "recovered"]);
});

test("each wrong secret is told of", async () => {
  const { sender, receiver, send, told } = pair();
  await Promise.all([sender.useSecret(OURS), receiver.useSecret(THEIRS)]);
  await send();
  vi.advanceTimersByTime(1_000);
  await receiver.useSecret(await stretch("a third one", "session"));
  await send();
  vi.advanceTimersByTime(1_000);
  expect(told).toEqual(["mismatch", "mismatch"]);
});

test("a secret that all change within a second is no trouble", async () => {
  const { sender, receiver, send, told } = pair();
  await Promise.all([sender.useSecret(OURS), receiver.useSecret(OURS)]);
  expect(await send()).toEqual(OPUS);
  await sender.useSecret(THEIRS);
  expect(await send()).toBeUndefined();
  vi.advanceTimersByTime(900);
  await receiver.useSecret(THEIRS);
  expect(await send()).toEqual(OPUS);
  vi.advanceTimersByTime(5_000);
  expect(told).toEqual([]);
});

test("a publisher that does not encrypt is not shown", async () => {
  const { receiver, told } = pair();
  await receiver.useSecret(OURS);
  expect(await receiver.apply(frame(OPUS), "audio")).toBeUndefined();
  vi.advanceTimersByTime(1_000);
  expect(told).toEqual(["mismatch"]);
});

test("a stream is not taken for another, and a sender may go on as another", async () => {
  const { sender, receiver, send } = pair("camera00~bob");
  await Promise.all([sender.useSecret(OURS), receiver.useSecret(OURS)]);
  expect(await send()).toBeUndefined();
  await sender.useStream("camera00~bob");
  expect(await send()).toEqual(OPUS);
});

test("of secrets that are set at once the last one counts", async () => {
  const { sender, receiver, send } = pair();
  await Promise.all([sender.useSecret(THEIRS), sender.useSecret(OURS), receiver.useSecret(OURS)]);
  expect(await send()).toEqual(OPUS);
});

test("a repeated frame is not passed on, and is no trouble", async () => {
  const { sender, receiver, told } = pair();
  await Promise.all([sender.useSecret(OURS), receiver.useSecret(OURS)]);
  const sent = (await sender.apply(frame(OPUS), "audio")) ?? OPUS;
  expect(await receiver.apply(frame(sent), "audio")).toEqual(OPUS);
  expect(await receiver.apply(frame(sent), "audio")).toBeUndefined();
  vi.advanceTimersByTime(5_000);
  expect(told).toEqual([]);
});
