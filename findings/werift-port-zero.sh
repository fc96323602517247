#!/usr/bin/env bash
# werift 0.25.2 (Node 20): a bundle-only section is rejected, and a rejected data section is accepted.
#
# (a) An offer with audio at port 9, and video at port 0 with a=bundle-only, both in the BUNDLE group: what every max-bundle offerer writes
#     (GStreamer's webrtcbin by default). Expected (RFC 9143 section 6): port 0 with bundle-only is no rejection, video is accepted.
#     Happens: the answer rejects it.
# (b) A second offer in which the data section has port 0 and is out of the group. Expected (RFC 3264 section 8.2): port 0 in the answer.
#     Happens: it is accepted, with a port.
# So werift reads port 0 the wrong way round in both: alone it means the media kinds only, whatever the group says.
# Seen: "bundle-only video: rejected; rejected data: accepted; rejected video: rejected"
# Exit 0 while it is so.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund werift@0.25.2
cat > run.mjs <<'JS'
import { RTCPeerConnection } from "werift";
const transport = (setup = "actpass") => `a=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdefghijkl\r\na=setup:${setup}\r\na=fingerprint:sha-256 ${Array(32).fill("AB").join(":")}\r\n`;
const session = (group) => `v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE ${group}\r\n`;
const audio = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n";
const video = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\n";
const data = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\na=sctp-port:5000\r\n";
const answers = async (kind, ...offers) => {
  const pc = new RTCPeerConnection({ iceUseIpv6: false, iceServers: [] });
  for (const sdp of offers) {
    await pc.setRemoteDescription({ type: "offer", sdp });
    await pc.setLocalDescription(await pc.createAnswer());
  }
  const line = pc.localDescription.sdp.match(new RegExp(`m=${kind} (\\d+)`));
  await pc.close();
  return line[1] === "0" ? "rejected" : "accepted";
};
const start = session("0 1 2") + transport();
const said = [
  "bundle-only video: " + await answers("video", start + audio + video.replace("video 9", "video 0") + "a=bundle-only\r\n" + data),
  "rejected data: " + await answers("application", start + audio + video + data, session("0 1") + transport() + audio + video + data.replace("application 9", "application 0")),
  "rejected video: " + await answers("video", start + audio + video + data, session("0 2") + transport() + audio + video.replace("video 9", "video 0") + data),
].join("; ");
console.log(said);
process.exit(said === "bundle-only video: rejected; rejected data: accepted; rejected video: rejected" ? 0 : 1);
JS
node run.mjs
