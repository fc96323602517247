#!/usr/bin/env bash
# aiortc 1.16.0 (av 18.1.0): stop() on a transceiver is not told to the other side.
#
# Two connected aiortc connections; the offerer stops its video transceiver (W3C WebRTC 5.4, stop()) and offers again.
# Expected (RFC 8829 section 5.2.2): the section has port 0 and leaves a=group:BUNDLE.
# Happens: the new offer has it as before, "sendonly", with a port and in the group, so that the other side keeps waiting for a
#   track that nothing is sent in. (direction = "inactive" is told.) 
# Seen: "stopped: sendonly, port not 0, group 0 1; inactive: inactive"
# Exit 0 while it is so.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check aiortc==1.16.0 av==18.1.0
cat > "$dir/run.py" <<'PY'
import asyncio, re, sys
from aiortc import AudioStreamTrack, RTCPeerConnection, VideoStreamTrack

async def exchange(one, other):
    await one.setLocalDescription(await one.createOffer())
    await other.setRemoteDescription(one.localDescription)
    await other.setLocalDescription(await other.createAnswer())
    await one.setRemoteDescription(other.localDescription)

async def second(change):
    one, other = RTCPeerConnection(), RTCPeerConnection()
    one.addTransceiver(AudioStreamTrack(), direction="sendonly")
    video = one.addTransceiver(VideoStreamTrack(), direction="sendonly")
    await exchange(one, other)
    await asyncio.sleep(1)
    await change(video)
    await one.setLocalDescription(await one.createOffer())
    sdp = one.localDescription.sdp
    await one.close(); await other.close()
    return sdp[sdp.index("m=video"):], re.search(r"a=group:BUNDLE (.*)\r", sdp).group(1)

async def stop(video):
    await video.stop()

async def hold(video):
    video.direction = "inactive"

async def main():
    way = lambda section: re.search(r"a=(sendrecv|sendonly|recvonly|inactive)", section).group(1)
    section, group = await second(stop)
    port = "port 0" if section.startswith("m=video 0 ") else "port not 0"
    held, _ = await second(hold)
    print(f"stopped: {way(section)}, {port}, group {group}; inactive: {way(held)}")
    sys.exit(0 if (way(section), port, group, way(held)) == ("sendonly", "port not 0", "0 1", "inactive") else 1)

asyncio.run(main())
PY
"$dir/venv/bin/python" "$dir/run.py"
