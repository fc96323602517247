#!/usr/bin/env bash
# Chromium 156.0.8078.108 (Debian's package), driven by playwright-core 1.65.1 of npm: a picture that is decoded and never shown.
#
# Two peer connections in one page. One offers a video section three times: sendonly, inactive, sendonly again with another
# track. The SSRCs are the same throughout. RFC 5576 lets a description leave `a=ssrc` lines out, and RFC 8829 asks an offerer
# for none; so the inactive offer is passed on without them. RFC 8829 §5.10 ties what arrives to its section by mid and SSRC,
# which are as before: the receiver's track was expected to show the new picture.
#
# Seen: the inbound stream decodes all frames, the track is live and not muted, and neither an element nor a
# MediaStreamTrackProcessor gets a single one. With the `a=ssrc` lines left in the inactive offer (as Chromium writes it) the
# picture is there:
#   {"named":true,"first":true,"decodes":true,"shows":true,"track":"live, not muted"}
#   {"named":false,"first":true,"decodes":true,"shows":false,"track":"live, not muted"}
# Exit 0 while it is so.
set -euo pipefail
chromium=${CHROMIUM:-$(command -v chromium || true)}
[ -n "$chromium" ] || { echo "needs Chromium: set CHROMIUM, or install Debian's package chromium"; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund playwright-core@1.65.1
cat > page.mjs <<'JS'
import { chromium } from "playwright-core";
const args = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required", "--allow-loopback-in-peer-connection"];
const browser = await chromium.launch({ executablePath: process.argv[2], args });
const page = await browser.newPage();
const seen = [];
for (const named of [true, false]) {
  await page.goto("about:blank");
  seen.push(await page.evaluate(async (named) => {
    const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const drawn = () => {
      const canvas = document.createElement("canvas");
      const context = canvas.getContext("2d");
      setInterval(() => {
        context.fillStyle = `hsl(${performance.now() % 360} 90% 50%)`;
        context.fillRect(0, 0, canvas.width, canvas.height);
      }, 50);
      return canvas.captureStream(20).getVideoTracks()[0];
    };
    const sender = new RTCPeerConnection();
    const receiver = new RTCPeerConnection();
    sender.onicecandidate = ({ candidate }) => candidate && receiver.addIceCandidate(candidate);
    receiver.onicecandidate = ({ candidate }) => candidate && sender.addIceCandidate(candidate);
    const negotiate = async () => {
      await sender.setLocalDescription();
      let { sdp } = sender.localDescription;
      if (!named && sdp.includes("a=inactive")) sdp = sdp.replace(/a=ssrc.*\r\n/g, "");
      await receiver.setRemoteDescription({ type: "offer", sdp });
      await receiver.setLocalDescription();
      await sender.setRemoteDescription(receiver.localDescription);
    };
    const transceiver = sender.addTransceiver(drawn(), { direction: "sendonly" });
    await negotiate();
    const { track } = receiver.getReceivers()[0];
    const video = Object.assign(document.createElement("video"), { autoplay: true, srcObject: new MediaStream([track]) });
    document.body.append(video);
    const figures = async () => {
      let decoded = 0;
      for (const report of (await receiver.getStats()).values())
        if (report.type === "inbound-rtp") decoded = report.framesDecoded;
      return { decoded, shown: video.getVideoPlaybackQuality().totalVideoFrames };
    };
    await wait(2_000);
    const first = (await figures()).shown > 10;
    await transceiver.sender.replaceTrack(null);
    transceiver.direction = "inactive";
    await negotiate();
    await wait(500);
    await transceiver.sender.replaceTrack(drawn());
    transceiver.direction = "sendonly";
    await negotiate();
    await wait(1_000);
    const before = await figures();
    await wait(2_000);
    const after = await figures();
    const grows = (name) => after[name] - before[name] > 10;
    return { named, first, decodes: grows("decoded"), shows: grows("shown"), track: `${track.readyState}, ${track.muted ? "muted" : "not muted"}` };
  }, named));
}
console.log(browser.version());
for (const line of seen) console.log(JSON.stringify(line));
await browser.close();
const [withNames, without] = seen;
process.exit(withNames.first && withNames.shows && without.first && without.decodes && !without.shows ? 0 : 1);
JS
node page.mjs "$chromium"
