#!/usr/bin/env bash
# node-datachannel 0.33.4 (libdatachannel 0.24.5): one line or one section that it has no use for spoils the whole offer.
#
# (a) `a=rtcp-fb:* ccm fir`: feedback for all formats, which RFC 4585 section 4.2 has ("*" in place of a payload type).
#     Expected: used or passed over. Happens: setRemoteDescription throws 'Invalid integer "*" in description'.
# (b) A section of floor control (`m=application 9 UDP/BFCP *`, RFC 8856) between audio and video. Expected (RFC 3264 section 6): as many
#     sections in the answer as in the offer, this one with port 0. Happens: it is left out, and the answer has three for four, so that
#     all that follow stand in another's place. (`m=text` is not left out.)
# Seen: "star: Invalid integer "*" in description; sections: offered audio application video application, answered audio video application"
# Exit 0 while it is so.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund node-datachannel@0.33.4
cat > run.mjs <<'JS'
import nodeDataChannel from "node-datachannel";
const transport = (setup = "actpass") => `a=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdefghijkl\r\na=setup:${setup}\r\na=fingerprint:sha-256 ${Array(32).fill("AB").join(":")}\r\n`;
const session = (group) => `v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE ${group}\r\n`;
const audio = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n";
const video = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\n";
const data = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\na=sctp-port:5000\r\n";
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const answer = async (offer) => {
  const pc = new nodeDataChannel.PeerConnection("x", { iceServers: [], bindAddress: "127.0.0.1" });
  try {
    const said = new Promise((done) => pc.onLocalDescription((sdp, type) => type === "answer" && done(sdp)));
    pc.setRemoteDescription(offer, "offer");
    return await Promise.race([said, sleep(2000).then(() => "")]);
  } finally { pc.close(); }
};
const error = await answer(session("0 1 2") + transport() + audio + video + "a=rtcp-fb:* ccm fir\r\n" + data).then(() => "taken", (e) => String(e.message).split(": ").pop());
const kinds = (sdp) => (sdp.match(/^m=\S+/gm) ?? []).map((line) => line.slice(2)).join(" ");
const offer = session("0 1 2") + transport() + audio + "m=application 9 UDP/BFCP *\r\nc=IN IP4 0.0.0.0\r\na=mid:f\r\na=floorctrl:c-only\r\n" + video + data;
const said = `star: ${error}; sections: offered ${kinds(offer)}, answered ${kinds(await answer(offer))}`;
console.log(said);
process.exit(said === 'star: Invalid integer "*" in description; sections: offered audio application video application, answered audio video application' ? 0 : 1);
JS
node run.mjs
