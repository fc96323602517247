#!/usr/bin/env bash
# aiortc 1.16.0 (av 18.1.0): a section that the offerer has rejected is accepted in the answer.
#
# An offer of audio and a data channel, with a video section at port 0 that is in no BUNDLE group (a stopped transceiver).
# Expected (RFC 3264 section 6, RFC 8829 section 5.3.1): the answer's section has port 0 too and is not in the group.
# Happens: it has a real port, a direction that receives, and is in the answer's a=group:BUNDLE, though not in the offer's. No error.
#   With a bare port-0 section (no ICE credentials, no a=rtcp-mux, format 0: all that RFC 3264 asks for) setRemoteDescription throws
#   ValueError('ICE username fragment or password is missing') instead. So who offers to aiortc leaves a stopped section's codecs and rtcp-mux in place,
#   and does not believe that section's part of the answer.
# Seen: "group: 0 1 2; video: accepted, recvonly; bare: ValueError('ICE username fragment or password is missing')"
# Exit 0 while it is so.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check aiortc==1.16.0 av==18.1.0
cat > "$dir/run.py" <<'PY'
import asyncio, re, sys
from aiortc import RTCPeerConnection, RTCSessionDescription

async def answer(sdp):
    pc = RTCPeerConnection()
    try:
        await pc.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        await pc.setLocalDescription(await pc.createAnswer())
        return pc.localDescription.sdp
    finally:
        await pc.close()

async def main():
    pc = RTCPeerConnection()
    pc.addTransceiver("audio"); pc.addTransceiver("video"); pc.createDataChannel("x")
    await pc.setLocalDescription(await pc.createOffer())
    offer = pc.localDescription.sdp
    rejected = re.sub(r"m=video \d+", "m=video 0", offer).replace("a=group:BUNDLE 0 1 2", "a=group:BUNDLE 0 2")
    assert rejected.count("m=video 0") == 1 and "BUNDLE 0 2\r\n" in rejected
    got = await answer(rejected)
    group = re.search(r"a=group:BUNDLE (.*)\r", got).group(1)
    video = got[got.index("m=video"):got.index("m=application")]
    taken = not video.startswith("m=video 0 ")
    way = re.search(r"a=(sendrecv|sendonly|recvonly|inactive)", video).group(1)
    start, end = offer.index("m=video"), offer.index("m=application")
    bare = "m=video 0 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=inactive\r\n"
    try:
        await answer((offer[:start] + bare + offer[end:]).replace("BUNDLE 0 1 2", "BUNDLE 0 2"))
        error = "none"
    except Exception as e:
        error = repr(e)
    print(f"group: {group}; video: {'accepted' if taken else 'rejected'}, {way}; bare: {error}")
    await pc.close()
    sys.exit(0 if taken and "1" in group.split() and "missing" in error else 1)

asyncio.run(main())
PY
"$dir/venv/bin/python" "$dir/run.py"
