#!/usr/bin/env bash
# Chromium 156.0.8078.108 (Debian's package), driven by playwright-core 1.65.1 of npm: an encoded transform that is never heeded.
#
# A page makes a sender (addTransceiver), gives it an RTCRtpScriptTransform whose worker passes nothing on, and negotiates. The
# working draft "WebRTC Encoded Transform" (section "RTCRtpScriptTransform", the attribute `transform`) lets a page set it at any
# time: from then on all frames go through it. So no packet was expected to leave.
#
# Seen: so it is when the transform is set in the task that has made the sender. Set one task later, before any description was
# made, it is kept (`sender.transform` is the object) and never heeded: every frame leaves as the encoder made it.
#   {"later":false,"kept":true,"packets":0}
#   {"later":true,"kept":true,"packets":50}
# Exit 0 while it is so.
set -euo pipefail
chromium=${CHROMIUM:-$(command -v chromium || true)}
[ -n "$chromium" ] || { echo "needs Chromium: set CHROMIUM, or install Debian's package chromium"; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund playwright-core@1.65.1
cat > page.mjs <<'JS'
import { createServer } from "node:http";
import { chromium } from "playwright-core";
const server = createServer((_, response) => response.setHeader("content-type", "text/html").end("<html></html>"));
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const args = ["--no-sandbox", "--disable-gpu", "--allow-loopback-in-peer-connection"];
const browser = await chromium.launch({ executablePath: process.argv[2], args });
const page = await browser.newPage();
await page.goto(`http://127.0.0.1:${server.address().port}/`);
const seen = [];
for (const later of [false, true]) {
  seen.push(await page.evaluate(async (later) => {
    const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const script = `onrtctransform = ({ transformer }) =>
      transformer.readable.pipeThrough(new TransformStream({ transform() {} })).pipeTo(transformer.writable);
      postMessage("ready");`;
    const worker = new Worker(URL.createObjectURL(new Blob([script], { type: "text/javascript" })));
    await new Promise((resolve) => { worker.onmessage = resolve; });
    const canvas = document.createElement("canvas");
    const context = canvas.getContext("2d");
    setInterval(() => {
      context.fillStyle = `hsl(${performance.now() % 360} 90% 50%)`;
      context.fillRect(0, 0, canvas.width, canvas.height);
    }, 50);
    const sender = new RTCPeerConnection();
    const receiver = new RTCPeerConnection();
    sender.onicecandidate = ({ candidate }) => candidate && receiver.addIceCandidate(candidate);
    receiver.onicecandidate = ({ candidate }) => candidate && sender.addIceCandidate(candidate);
    const transceiver = sender.addTransceiver(canvas.captureStream(20).getVideoTracks()[0], { direction: "sendonly" });
    if (later) await pause(100);
    const transform = new RTCRtpScriptTransform(worker, {});
    transceiver.sender.transform = transform;
    await sender.setLocalDescription();
    await receiver.setRemoteDescription(sender.localDescription);
    await receiver.setLocalDescription();
    await sender.setRemoteDescription(receiver.localDescription);
    await pause(2_500);
    let packets = 0;
    for (const report of (await sender.getStats()).values()) if (report.type === "outbound-rtp") packets += report.packetsSent;
    return { later, kept: transceiver.sender.transform === transform, packets };
  }, later));
}
console.log(browser.version());
for (const line of seen) console.log(JSON.stringify(line));
await browser.close();
server.close();
const [now, then] = seen;
process.exit(now.kept && now.packets === 0 && then.kept && then.packets > 10 ? 0 : 1);
JS
node page.mjs "$chromium"
