#!/usr/bin/env bash
# aiortc 1.16.0 (av 18.1.0): with two sections of one kind, candidates in the first alone are lost.
#
# Two aiortc connections; the offerer sends two videos. The answerer is told no candidates, as an ICE-lite server needs none, so that
# the offerer has to use those of the answer. RFC 9143 section 7.1.3 (candidates are of the category TRANSPORT) and RFC 8829
# section 5.3.1 put a bundle's candidates into its first section and into no other, so the same is done to the answer here: those of the second are taken out.
# Expected: it connects as with candidates in both. Happens: ICE never starts (aiortc keeps one list for each transport, and sections
#   of one kind share one from the start: the last section's, empty, replaces the first's). One audio and one video are fine.
#   So camera and screen in one description: repeat the candidates in each section for aiortc.
# Seen: "audio and video, first alone: connected; two videos, both: connected; two videos, first alone: connecting"
# Exit 0 while it is so.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check aiortc==1.16.0 av==18.1.0
cat > "$dir/run.py" <<'PY'
import asyncio, re, sys
from aiortc import RTCPeerConnection, RTCSessionDescription

def first_alone(sdp):
    parts = re.split(r"(?=^m=)", sdp, flags=re.M)
    keep = [re.sub(r"a=(candidate:.*|end-of-candidates)\r\n", "", part) for part in parts[2:]]
    return "".join(parts[:2] + keep)

async def state(kinds, strip):
    one, other = RTCPeerConnection(), RTCPeerConnection()
    for kind in kinds:
        one.addTransceiver(kind)
    await one.setLocalDescription(await one.createOffer())
    offer = re.sub(r"a=(candidate:.*|end-of-candidates)\r\n", "", one.localDescription.sdp)
    await other.setRemoteDescription(RTCSessionDescription(offer, "offer"))
    await other.setLocalDescription(await other.createAnswer())
    sdp = other.localDescription.sdp
    await one.setRemoteDescription(RTCSessionDescription(first_alone(sdp) if strip else sdp, "answer"))
    for _ in range(80):
        await asyncio.sleep(0.1)
        if one.connectionState == "connected":
            break
    result = one.connectionState
    await one.close(); await other.close()
    return result

async def main():
    mixed = await state(["audio", "video"], True)
    both = await state(["video", "video"], False)
    alone = await state(["video", "video"], True)
    print(f"audio and video, first alone: {mixed}; two videos, both: {both}; two videos, first alone: {alone}")
    sys.exit(0 if (mixed, both) == ("connected", "connected") and alone != "connected" else 1)

asyncio.run(main())
PY
timeout 90 "$dir/venv/bin/python" "$dir/run.py"
