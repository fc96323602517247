#!/usr/bin/env bash
# aiortc 1.16.0 (av 18.1.0): an offer whose dynamic payload types are 35 and 36 is answered with 96 and 97.
#
# Opus as 35 and VP8 as 36. RFC 3551 section 3 lets dynamic types go below 96 when those above are used up, RFC 8829 leaves the choice to the
# offerer, and libwebrtc hands out 35 to 63 today (AV1, and all that comes after a long list).
# Expected: the answer has 35 and 36. Happens: it names formats that the offer does not have (96, 97), so that the two sides do
#   not mean the same thing; no error on aiortc's side. From 96 on the offer's numbers are kept.
# Seen: "offered 35 36, answered 96 97; offered 120 121, answered 120 121"
# Exit 0 while it is so.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check aiortc==1.16.0 av==18.1.0
cat > "$dir/run.py" <<'PY'
import asyncio, re, sys
from aiortc import RTCPeerConnection, RTCSessionDescription

FINGERPRINT = ":".join(["AB"] * 32)

def offer(opus, vp8):
    common = f"c=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdefghijkl\r\na=setup:actpass\r\na=fingerprint:sha-256 {FINGERPRINT}\r\na=sendrecv\r\na=rtcp-mux\r\n"
    return ("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n"
            f"m=audio 9 UDP/TLS/RTP/SAVPF {opus}\r\n{common}a=mid:0\r\na=rtpmap:{opus} opus/48000/2\r\n"
            f"m=video 9 UDP/TLS/RTP/SAVPF {vp8}\r\n{common}a=mid:1\r\na=rtpmap:{vp8} VP8/90000\r\n")

async def answered(opus, vp8):
    pc = RTCPeerConnection()
    await pc.setRemoteDescription(RTCSessionDescription(offer(opus, vp8), "offer"))
    await pc.setLocalDescription(await pc.createAnswer())
    formats = re.findall(r"m=\S+ \d+ \S+ (.*)\r", pc.localDescription.sdp)
    await pc.close()
    return " ".join(formats)

async def main():
    low, high = await answered(35, 36), await answered(120, 121)
    print(f"offered 35 36, answered {low}; offered 120 121, answered {high}")
    sys.exit(0 if low == "96 97" and high == "120 121" else 1)

asyncio.run(main())
PY
"$dir/venv/bin/python" "$dir/run.py"
