#!/usr/bin/env bash
# Firefox 153.8.0esr (Debian's package), driven by puppeteer-core 24.43.1 of npm, and Chromium 156.0.8078.108, by playwright-core 1.65.1.
#
# A transceiver in Firefox is told by setCodecPreferences() to use VP8 and RTX alone. Its offer leaves the other formats out of the
# m= line, and their rtpmap and fmtp lines too, as RFC 8829 §5.2.1 asks for. Their `a=rtcp-fb` lines stay, for payload types that the
# section does not have: RFC 4585 §4.2 has such a line name a format of the m= line, or `*`.
# Chromium refuses the whole offer for them ("Failed to parse codecs correctly"). Without setCodecPreferences() it takes the offer,
# and so it does when those lines are taken out: code that leaves a codec out works between Chromiums and fails from Firefox to one.
# Seen:
#   {"formats":"120 124","feedback":"120 121 122 123 99"}
#   {"all":"taken","left out":"OperationError","left out, feedback too":"taken"}
# Exit 0 while it is so.
set -euo pipefail
chromium=${CHROMIUM:-$(command -v chromium || true)}
firefox=${FIREFOX:-$(command -v firefox-esr || command -v firefox || true)}
[ -n "$chromium" ] || { echo "needs Chromium: set CHROMIUM, or install Debian's package chromium"; exit 2; }
[ -n "$firefox" ] || { echo "needs Firefox: set FIREFOX, or install Debian's package firefox-esr"; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund playwright-core@1.65.1 puppeteer-core@24.43.1
cat > page.mjs <<'JS'
import { chromium } from "playwright-core";
import { launch } from "puppeteer-core";
const [, , chromiumPath, firefoxPath] = process.argv;
const firefox = await launch({ browser: "firefox", executablePath: firefoxPath });
const offerer = await firefox.newPage();
const offer = (leavesOut) =>
  offerer.evaluate(async (leavesOut) => {
    const connection = new RTCPeerConnection();
    const transceiver = connection.addTransceiver("video", { direction: "sendonly" });
    const { codecs } = RTCRtpSender.getCapabilities("video");
    if (leavesOut) transceiver.setCodecPreferences(codecs.filter(({ mimeType }) => /VP8|rtx/i.test(mimeType)));
    await connection.setLocalDescription();
    return connection.localDescription.sdp;
  }, leavesOut);
const [all, some] = [await offer(false), await offer(true)];
const [, formats] = /^m=video \d+ \S+ (.*)\r$/m.exec(some);
const feedback = [...new Set([...some.matchAll(/^a=rtcp-fb:(\d+) /gm)].map(([, format]) => format))].sort();
const isOffered = (line) => {
  const [, format] = /^a=rtcp-fb:(\d+) /.exec(line) ?? [];
  return format === undefined || formats.split(" ").includes(format);
};
const mended = some.split("\r\n").filter(isOffered).join("\r\n");
const browser = await chromium.launch({ executablePath: chromiumPath, args: ["--no-sandbox", "--disable-gpu"] });
const answerer = await browser.newPage();
const taken = (sdp) =>
  answerer.evaluate((sdp) => {
    const connection = new RTCPeerConnection();
    return connection.setRemoteDescription({ type: "offer", sdp }).then(() => "taken", ({ name }) => name);
  }, sdp);
const seen = { all: await taken(all), "left out": await taken(some), "left out, feedback too": await taken(mended) };
console.log(await firefox.version(), browser.version());
console.log(JSON.stringify({ formats, feedback: feedback.join(" ") }));
console.log(JSON.stringify(seen));
await firefox.close();
await browser.close();
process.exit(Object.values(seen).join() === "taken,OperationError,taken" ? 0 : 1);
JS
node page.mjs "$chromium" "$firefox"
