import { afterEach, expect, test } from "vitest";
import { calls } from "../src/call";
import { until } from "../src/until";

declare global {
  interface Window {
    /** What a client of the original has come to: the other's pictures, and what came on its channels. */
    original: { video: HTMLVideoElement; chat: unknown[]; features: unknown[]; say(text: string): void };
  }
}

const call = calls();
afterEach(() => call.end());

test("a client of the original protocol, which knows none of ours, is in the call like everybody", async () => {
  const path = call.path();
  const ann = await (await call.open(path, "Ann")).joined();
  const context = await call.browser.newContext({ permissions: ["camera", "microphone"] });
  const page = await context.newPage();
  await page.goto(`${call.stack.urls.demoUrl}/config.json`);
  await page.evaluate(joinAsTheOriginalDid, { ...call.stack.urls, urlPath: path, id: "original-1" });

  await ann.seesAndHears("");
  await until("the original sees Ann", () =>
    page.evaluate(() => window.original.video.getVideoPlaybackQuality().totalVideoFrames > 10),
  );

  await page.evaluate(() => window.original.say("hello"));
  const heard = await until("Ann reads it", () => ann.page.evaluate(() => window.arbiter.chat.at(-1)));
  expect(heard).toMatchObject({ from: "original-1", sender: "original-1", content: "hello" });
  await ann.page.evaluate(() => window.arbiter.sendChat("hello to you"));
  await until("the original reads it", () =>
    page.evaluate(() => JSON.stringify(window.original.chat).includes("hello to you")),
  );
  await ann.page.evaluate(() => window.arbiter.setMicrophone(false));
  await until("the original knows that Ann is mute", () =>
    page.evaluate(() => JSON.stringify(window.original.features.at(-1)).includes('"audio":false')),
  );

  await context.close();
  await until("Ann is alone", () => ann.page.evaluate(() => window.arbiter.peers.size === 0));
});

/** Runs in the page. Trickles each candidate, numbers nothing, and tells the SFU no connection. */
async function joinAsTheOriginalDid(to: { httpUrl: string; signalUrl: string; urlPath: string; id: string }) {
  const { roomId } = await (
    await fetch(`${to.httpUrl}/getRoomId?urlPath=${encodeURIComponent(to.urlPath)}`)
  ).json();
  const socket = new WebSocket(to.signalUrl);
  const send = (action: string, data: object) => socket.send(JSON.stringify({ action, data }));
  const original = {
    video: document.createElement("video"),
    chat: [] as unknown[],
    features: [] as unknown[],
  };
  Object.assign(original.video, { muted: true, autoplay: true });

  const producer = new RTCPeerConnection();
  const chat = producer.createDataChannel("chat", { negotiated: true, id: 100 });
  const features = producer.createDataChannel("features", { negotiated: true, id: 110 });
  chat.onmessage = ({ data }) => original.chat.push(JSON.parse(data));
  features.onmessage = ({ data }) => original.features.push(JSON.parse(data));
  features.onopen = () =>
    features.send(
      JSON.stringify({ id: to.id, features: { audio: true, video: true }, initialConnect: true }),
    );
  const say = (content: string) => chat.send(JSON.stringify({ id: "1", sender: to.id, content }));
  window.original = Object.assign(original, { say });

  const consumers = new Map<string, RTCPeerConnection>();
  const handshake = (type: string, remotePeerId: string | undefined, content: object) =>
    send("handshake", { type, sender: to.id, roomId, ...(remotePeerId && { remotePeerId }), ...content });
  const trickle = (connection: RTCPeerConnection, type: string, remotePeerId?: string) => {
    connection.onicecandidate = ({ candidate }) => {
      if (candidate) handshake(type, remotePeerId, { candidate });
    };
  };
  const consume = async (remotePeerId: string, description: RTCSessionDescriptionInit) => {
    const connection = consumers.get(remotePeerId) ?? new RTCPeerConnection();
    consumers.set(remotePeerId, connection);
    trickle(connection, "consumer", remotePeerId);
    connection.ontrack = ({ streams }) => {
      original.video.srcObject = streams[0] ?? null;
    };
    await connection.setRemoteDescription(description);
    await connection.setLocalDescription();
    handshake("consumer", remotePeerId, { description: connection.localDescription });
  };
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.type === "producer" && message.description)
      producer.setRemoteDescription(message.description);
    if (message.type === "consumer" && message.description)
      consume(message.remotePeerId, message.description);
  };
  await new Promise((resolve) => {
    socket.onopen = resolve;
  });
  send("identify", { type: "client", id: to.id, roomId });
  trickle(producer, "producer");
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: true,
    video: { width: 320, height: 240, frameRate: 15 },
  });
  for (const track of stream.getTracks()) producer.addTrack(track, stream);
  await producer.setLocalDescription();
  handshake("producer", undefined, { description: producer.localDescription });
}
