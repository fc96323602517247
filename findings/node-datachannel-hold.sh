#!/usr/bin/env bash
# node-datachannel 0.33.4 (libdatachannel 0.24.5): a track that the other side puts on hold, or ends, is answered as if nothing had happened.
#
# A first offer with audio, video and data, then a second one in which video is "inactive", or has port 0 and is out of the group.
# Expected (RFC 3264 sections 6.1, 8.2): the second answer says inactive, or port 0. As a FIRST offer both are answered so.
# Happens: in a second offer both are answered "sendrecv" with a port and in the BUNDLE group: the track made for the first offer
#   speaks for the section, and it keeps its own direction.
# Seen: "first: inactive, port 0; second: sendrecv, port not 0, group 0 1 2"
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
const held = session("0 1 2") + transport() + audio + video.replace("sendrecv", "inactive") + data;
const ended = session("0 2") + transport() + audio + video.replace("video 9", "video 0") + data;
const whole = session("0 1 2") + transport() + audio + video + data;
const last = async (...offers) => {
  const pc = new nodeDataChannel.PeerConnection("x", { iceServers: [], bindAddress: "127.0.0.1" });
  let answer;
  pc.onLocalDescription((sdp, type) => { if (type === "answer") answer = sdp; });
  for (const offer of offers) { pc.setRemoteDescription(offer, "offer"); await sleep(700); }
  pc.close();
  const section = answer.split(/(?=^m=)/m).find((part) => part.startsWith("m=video"));
  return { way: section.match(/a=(sendrecv|sendonly|recvonly|inactive)/)[1], port: section.startsWith("m=video 0 ") ? "port 0" : "port not 0", group: answer.match(/a=group:BUNDLE (.*)\r/)[1] };
};
const first = [await last(held), await last(ended)], second = [await last(whole, held), await last(whole, ended)];
const said = `first: ${first[0].way}, ${first[1].port}; second: ${second[0].way}, ${second[1].port}, group ${second[1].group}`;
console.log(said);
process.exit(said === "first: inactive, port 0; second: sendrecv, port not 0, group 0 1 2" ? 0 : 1);
JS
node run.mjs
