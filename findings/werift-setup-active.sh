#!/usr/bin/env bash
# werift 0.25.2 (Node 20): an offer with a=setup:active is answered a=setup:active.
#
# Expected (RFC 4145 section 4, RFC 8842 section 5.3): "active" is answered "passive", "passive" "active". Both are valid in an offer, and
# a fixed one is usual in clients of WHIP and WHEP (FFmpeg offers passive, with -whip_flags dtls_active active).
# Happens: passive is answered active, and active is answered active too: both sides are to begin DTLS. setRemoteDescription and
#   createAnswer resolve.
# Seen: "actpass -> active, passive -> active, active -> active"
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
const data = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\na=sctp-port:5000\r\n";
const answered = async (setup) => {
  const pc = new RTCPeerConnection({ iceUseIpv6: false, iceServers: [] });
  await pc.setRemoteDescription({ type: "offer", sdp: session("0 2") + transport(setup) + audio + data });
  await pc.setLocalDescription(await pc.createAnswer());
  const roles = [...new Set(pc.localDescription.sdp.match(/a=setup:\S+/g))].map((line) => line.slice(8)).join();
  await pc.close();
  return `${setup} -> ${roles}`;
};
const said = [await answered("actpass"), await answered("passive"), await answered("active")].join(", ");
console.log(said);
process.exit(said.endsWith("active -> active") ? 0 : 1);
JS
node run.mjs
