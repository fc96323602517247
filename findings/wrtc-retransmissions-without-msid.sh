#!/usr/bin/env bash
# @roamhq/wrtc 0.10.0 (libwebrtc): a video section with a retransmission SSRC and no a=msid is refused, with all that stands beside it.
#
# An offer of one video, VP8 and RTX, `a=ssrc` of the stream and of its retransmissions, and `a=ssrc-group:FID` that says so. It has no
# a=msid: that is optional (RFC 8830), and a section that is inactive for now has none by RFC 8829 section 5.2.1.
# Expected: taken, as with one SSRC, or with a=msid. (Chromium 156 takes it.)
# Happens: each a=ssrc is taken for a track of its own before the group is read: "Media section has more than one track specified with
#   a=ssrc lines which is not supported with Unified Plan", also when the section is inactive. So who pauses a track leaves out
#   its a=ssrc lines with its a=msid, or keeps both.
# Seen: "pair: refused; pair, inactive: refused; one: taken; pair with msid: taken"
# Exit 0 while it is so.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund @roamhq/wrtc@0.10.0
cat > run.mjs <<'JS'
import wrtc from "@roamhq/wrtc";
const section = (way, lines) => "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdefghijkl\r\na=setup:actpass\r\n"
  + `a=fingerprint:sha-256 ${Array(32).fill("AB").join(":")}\r\na=mid:0\r\na=${way}\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n` + lines.map((line) => `a=${line}\r\n`).join("");
const one = ["ssrc:1111 cname:x"], pair = [...one, "ssrc:2222 cname:x", "ssrc-group:FID 1111 2222"];
const take = async (sdp) => {
  const pc = new wrtc.RTCPeerConnection();
  try { await pc.setRemoteDescription({ type: "offer", sdp }); return "taken"; }
  catch (error) { return /more than one track/.test(error.message) ? "refused" : `refused otherwise: ${error.message}`; }
  finally { pc.close(); }
};
const said = `pair: ${await take(section("sendonly", pair))}; pair, inactive: ${await take(section("inactive", pair))}; one: ${await take(section("sendonly", one))}; pair with msid: ${await take(section("sendonly", ["msid:s t", ...pair]))}`;
console.log(said);
process.exit(said === "pair: refused; pair, inactive: refused; one: taken; pair with msid: taken" ? 0 : 1);
JS
node run.mjs
